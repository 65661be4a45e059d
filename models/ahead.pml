// SPDX-License-Identifier: MIT
// A spare that copies the state ahead while its owner is at work: the undo log tells what has changed since.
//
// The living one runs transactions and is killed at some moment; then the spare undoes what was open, copies
// once more what the log names, and must have the same as its predecessor. Each store of either is one step.
// Of a cell the model knows only whether it was stored to since it was copied; a store always changes it.
// What lies apart from the records (undo_log.apart) is not modelled: a lap that reached it counts as overwritten.
// lib/rt/undo_log.c is the log; randomizer/mover/move.c: pass is a pass.

#ifndef STORES
#define STORES 4
#endif
#ifndef LONGS
#define LONGS 1        // of the stores' records
#endif
#ifndef ROLLBACKS
#define ROLLBACKS 1    // of transactions
#endif
#ifndef PASSES
#define PASSES 2       // while the other is at work; the last one comes in addition
#endif
#define CELLS 2
#define SLOTS 4        // of the log
#define MIDDLE 1       // a commit beyond it begins another lap

// What is in a slot: a record of one slot names a cell; one of three slots is content that may look like
// anything, then LONG and the cell.
#define LONG 4
#define LENGTH_OF(RECORD) ((RECORD) & LONG -> 3 : 1)
#define CELL(RECORD) ((RECORD) & 3)

bool differs[CELLS];   // from the spare's copy
byte slot[SLOTS];
byte cursor, base, lap_end, lap;
byte reach;            // undo_log.reach: where a long record ends that is being written
bool open = true;           // undo_log.opened is undo_log.transaction
bool dead;

// ---- The living

// lib/rt/undo_log.c: undo_range. And what the compiler emits for a word
inline log(THE_CELL, LENGTH) {
    if
    :: LENGTH == 3 ->
#ifndef MUTANT_LONG_RECORDS_UNANNOUNCED
        reach = cursor + 3;
#endif
        atomic { slot[cursor] = 1; slot[cursor + 1] = 1; }
    :: else
    fi;
    slot[cursor + LENGTH - 1] = (LENGTH == 3 -> LONG | THE_CELL : THE_CELL);
    cursor = cursor + LENGTH;
}

// lib/rt/undo_log.c: reset
inline reset() {
    open = false; // transaction++
    base = cursor;
    if
    :: cursor > MIDDLE ->
#ifndef MUTANT_LAPS_NOT_MARKED
        lap++; // odd: nothing that is read now counts
#endif
        lap_end = cursor;
#ifdef MUTANT_LAPS_NOT_MARKED
        lap = lap + 2;
#endif
        reach = 0;
        cursor = 0;
        base = 0;
#ifndef MUTANT_LAPS_NOT_MARKED
        lap++;
#endif
    :: else
    fi;
    open = true;
}

inline store() {
    atomic {
        stores--;
        if
        :: cell = 0;
        :: cell = 1;
        fi;
        if
        :: length = 1;
        :: longs > 0 && cursor + 3 <= SLOTS -> longs--; length = 3;
        fi;
    }
    log(cell, length);
    atomic { differs[cell] = true; cell = 0; length = 0; }
}

// lib/rt/undo_log.c: undo_rollback
inline rollback() {
    at = cursor;
    do
    :: atomic { at > base -> differs[CELL(slot[at - 1])] = true;
        at = at - LENGTH_OF(slot[at - 1]); }
    :: at == base -> break
    od;
    at = 0;
#ifdef MUTANT_UNDONE_IS_FORGOTTEN
    cursor = base;
#endif
    reset();
}

proctype Living() {
    byte cell, at, length, stores = STORES, longs = LONGS, rollbacks = ROLLBACKS;
    {
        do
        :: stores > 0 && cursor < SLOTS -> store();
        :: cursor > base -> reset(); // undo_commit
        :: atomic { cursor > base && rollbacks > 0 -> rollbacks--; } rollback();
        :: stores == 0 && cursor == base -> break
        od
    } unless { dead }
}

// ---- The spare

inline copy_all() {
    c = 0;
    do
    :: c < CELLS -> differs[c] = false; c++;
    :: else -> break
    od;
    c = 0;
}

// visit_back. Clears `known` where no record can be
inline visit(FROM, TO) {
    at = FROM;
    do
    :: at > TO && known ->
        record = slot[at - 1];
        length = LENGTH_OF(record);
        if
        :: length > at - TO -> known = false; // ends_record
        :: else -> differs[CELL(record)] = false; at = at - length;
        fi;
    :: else -> break
    od;
    at = 0;
    record = 0;
}

#define WRITTEN (cursor + 1 > reach -> cursor + 1 : reach) // undo_log.c: written

// lib/rt/undo_log.c: undo_since. Sets `known`
inline since() {
    known = false;
    lap_seen = lap;
    end = lap_end;
    from = cursor;
    if
    :: lap_seen % 2 == 0 && mark_lap % 2 == 0 && lap_seen == mark_lap ->
        known = true;
        visit(from, mark_at);
    :: lap_seen % 2 == 0 && mark_lap % 2 == 0 && lap_seen == mark_lap + 2 ->
        known = WRITTEN <= mark_at;
        if
        :: known -> visit(from, 0); visit(end, mark_at);
        :: else
        fi;
#ifndef MUTANT_OVERWRITTEN_MEANWHILE
        known = known && WRITTEN <= mark_at;
#endif
    :: else
    fi;
#ifndef MUTANT_ANOTHER_LAP_MEANWHILE
    known = known && lap == lap_seen;
#endif
}

// lib/rt/undo_log.c: undo_mark_of
inline take_mark() {
    next_lap = lap;
    next_at = base;
    next_lap = (lap == next_lap -> next_lap : 1);
}

inline pass() {
#ifndef MUTANT_MARK_AFTER_COPYING
    take_mark();
#endif
    if
    :: whole -> since();
    :: else -> known = false;
    fi;
    if
    :: known
    :: else -> copy_all();
    fi;
    whole = true;
#ifdef MUTANT_MARK_AFTER_COPYING
    take_mark();
#endif
    mark_lap = next_lap;
    mark_at = next_at;
}

proctype Spare() {
    byte c, n, at, record, length, from, end, lap_seen, mark_lap, mark_at, next_lap, next_at;
    bool known, whole;
    do
    :: n < PASSES -> n++; pass();
    :: break
    od;
    atomic {
        dead = true;
        at = cursor; // randomizer/mover/move.c: undo_unfinished
        do
        :: at > base && open ->
            differs[CELL(slot[at - 1])] = true;
            at = at - LENGTH_OF(slot[at - 1]);
        :: else -> break
        od;
        at = 0;
    }
    pass();
    assert(!differs[0] && !differs[1]);
}

init { atomic { run Living(); run Spare(); } }
