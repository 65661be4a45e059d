// SPDX-License-Identifier: MIT
// A block request ring over the deaths of the driver and of the client: lib/block,
// servers/drivers/virtio_blk.
//
// The client owns the entries; a reborn driver resets the device and runs again what is submitted and
// not done; a reborn client has its memory as of its last commit, and the ring as it is. Each store to
// the ring is a step of its own, because either can be killed between two. Who revives them is the
// affair of port.pml; here they are simply born again.

#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef CLIENT_DEATHS
#define CLIENT_DEATHS 1
#endif
#define ENTRIES 2
#ifndef ROUNDS
#define ROUNDS 2       // requests that the client runs through each entry
#endif
#define FREE 0         // enum block_state
#define SUBMITTED 1
#define DONE 2

byte state[ENTRIES];   // block_entry.state
bool submitted[ENTRIES]; // the bitmap of the ring
byte round[ENTRIES];   // what the entry says: the data to be written
byte entry_number[ENTRIES]; // block_entry.number
byte medium[ENTRIES];  // what the disk holds
bool doorbell, interrupt, completion; // notification bits; they are in ports, which outlive tasks
byte given[ENTRIES];   // to the device: descriptors that it has not executed
bool used[ENTRIES];    // the device's used ring
bool alive = true;
byte deaths = DEATHS;
byte finished;

// lib/block/request.c, client.c. The client's own memory changes at a commit only, which is one step;
// what it stores into the ring is never undone. Its heir has its memory as of the last commit.
bool owner[ENTRIES];   // disk.owner
byte number[ENTRIES];  // disk.number: how many requests this entry has had
bool queued[ENTRIES];  // disk.queued
bool client_alive = true;
byte client_deaths = CLIENT_DEATHS;

inline publish_entry(ENTRY) {
    if
#ifndef MUTANT_PUBLISHED_AGAIN
    :: atomic { entry_number[ENTRY] == number[ENTRY] && state[ENTRY] != FREE -> skip }
#endif
    :: else ->
        state[ENTRY] = FREE;
        atomic { // nobody reads them before the next store
            round[ENTRY] = number[ENTRY];
#ifndef MUTANT_NUMBER_LAST
            entry_number[ENTRY] = number[ENTRY];
#endif
        }
        state[ENTRY] = SUBMITTED;
#ifdef MUTANT_NUMBER_LAST
        entry_number[ENTRY] = number[ENTRY];
#endif
    fi;
    submitted[ENTRY] = true;
}

// The deferred action: runs after the commit, and again in an heir until it has committed itself.
inline publish() {
    if
    :: queued[0] -> publish_entry(0);
    :: else
    fi;
    if
    :: queued[1] -> publish_entry(1);
    :: else
    fi;
    doorbell = true;
    atomic { queued[0] = false; queued[1] = false; }
}

proctype Client() {
    byte i;
    byte again = 1;      // lib/block/client.c: on_watch, disk_wait_any ask again when a wait gets long
born:
    {
        if
        :: atomic { client_alive && (queued[0] || queued[1]) -> skip } publish();
        :: else
        fi;
        do
        :: atomic { finished < ENTRIES && i < ENTRIES && !owner[i] && number[i] < ROUNDS ->
#ifdef MUTANT_PUBLISHED_BEFORE_COMMIT
            round[i] = number[i] + 1;
            entry_number[i] = number[i] + 1;
            state[i] = SUBMITTED;
            submitted[i] = true; }
            doorbell = true;
            atomic { number[i]++; owner[i] = true; i = 0; }
#else
            number[i]++; // disk_submit, and the commit
            owner[i] = true;
            queued[i] = true;
            i = 0; }
            publish();
#endif
        :: atomic { i < ENTRIES && (owner[i] || number[i] == ROUNDS) -> i++; }
        :: atomic { i == ENTRIES && finished < ENTRIES && (completion || again > 0) ->
            if
            :: completion -> completion = false;
            :: !completion && again > 0 -> again--; doorbell = true;
            fi;
            i = 0; }
            do // disk_poll
            :: i < ENTRIES ->
#ifdef MUTANT_TAKEN_FROM_THE_RING
                bool taken = false;
                if
                :: atomic { owner[i] && state[i] == DONE -> state[i] = FREE; taken = true; }
                :: else
                fi;
#endif
                atomic {
                    if
#ifdef MUTANT_TAKEN_FROM_THE_RING
                    :: taken ->
#else
                    :: owner[i] && state[i] == DONE && entry_number[i] == number[i] ->
#endif
                        assert(medium[i] == number[i]); // what is said to be done is done
                        owner[i] = false;
                        queued[i] = false;
                        finished = finished + (number[i] == ROUNDS -> 1 : 0);
                    :: else
                    fi;
                    i++;
                }
            :: atomic { i == ENTRIES -> i = 0; break }
            od
        :: finished == ENTRIES -> break
        od
    } unless { !client_alive }
    if
    :: finished < ENTRIES ->
        atomic {
            client_alive = true;
            i = 0;
            completion = true; // lib/rt/notify.c: notify_all
            goto born;
        }
    :: else
    fi
}

inline execute(ENTRY) {
    // The buffer is the driver's while the entry is submitted, and nobody's to write to after. The
    // client knows of it, has an owner for it, and has not moved on.
    assert(state[ENTRY] == SUBMITTED);
    assert(owner[ENTRY] && round[ENTRY] == number[ENTRY]);
    given[ENTRY]--;
    medium[ENTRY] = round[ENTRY];
    used[ENTRY] = true;
    interrupt = true;
}

proctype Device() {
end:
    do
    :: atomic { given[0] > 0 -> execute(0); }
    :: atomic { given[1] > 0 -> execute(1); }
    od
}

// servers/drivers/virtio_blk/ring.c: blk_finish_entry, in the order of its stores
inline finish_entry(ENTRY) {
    state[ENTRY] = DONE;
    tell = true;
}

// engine.c: blk_run
inline run_waiting() {
    do
    :: i < ENTRIES ->
        atomic {
            if
            :: waiting[i] && !under_way[i] ->
                waiting[i] = false;
                if // blk_read_entry
                :: state[i] == SUBMITTED -> under_way[i] = true; given[i]++;
                :: else
                fi;
            :: else -> waiting[i] = false; // next_waiting: an entry submitted twice runs once
            fi;
            i++;
        }
    :: else -> break
    od;
    atomic {
        i = 0;
        if
        :: tell -> tell = false; completion = true; // main.c: tell
        :: else
        fi;
    }
}

proctype Driver() {
    byte i;
    bool waiting[ENTRIES], under_way[ENTRIES], tell;
born:
    {
        atomic { // main.c: open_device resets the device before anything else
            alive;
#ifndef MUTANT_DEVICE_NOT_RESET
            given[0] = 0;
            given[1] = 0;
#endif
            used[0] = false;
            used[1] = false;
        }
#ifndef MUTANT_NOT_RUN_AGAIN
        atomic { // engine.c: blk_take_all
            waiting[0] = true;
            waiting[1] = true;
#ifndef MUTANT_NOT_TOLD_AGAIN
            tell = true; // the dead one may have died before telling
#endif
        }
#endif
        run_waiting();
end_receive:
        do
        :: atomic { doorbell -> doorbell = false; } // main.c: on_doorbell
            do
            :: atomic { i < ENTRIES -> // engine.c: blk_take_submitted
                waiting[i] = waiting[i] || submitted[i];
                submitted[i] = false;
                i++; }
            :: atomic { i == ENTRIES -> i = 0; break }
            od;
            run_waiting();
        :: atomic { interrupt -> interrupt = false; } // main.c: blk_pump
            do
            :: i < ENTRIES && used[i] -> // engine.c: blk_completions, end_slot
                used[i] = false;
                finish_entry(i);
                atomic { under_way[i] = false; i++; }
            :: atomic { i < ENTRIES && !used[i] -> i++; }
            :: atomic { i == ENTRIES -> i = 0; break }
            od;
            run_waiting();
        od
    } unless { !alive }
    atomic {
        i = 0;
        waiting[0] = false;
        waiting[1] = false;
        under_way[0] = false;
        under_way[1] = false;
        tell = false;
        alive = true;
        goto born;
    }
}

proctype Deaths() {
end:
    do
    :: atomic { deaths > 0 && alive && finished < ENTRIES -> deaths--; alive = false; }
    :: atomic { client_deaths > 0 && client_alive && finished < ENTRIES ->
        client_deaths--;
        client_alive = false; }
    od
}

init {
    atomic {
        run Client();
        run Device();
        run Driver();
        run Deaths();
    }
}
