// SPDX-License-Identifier: MIT
// A block request ring over the deaths of the driver: lib/block, servers/drivers/virtio_blk.
//
// The client owns the entries; a reborn driver resets the device and runs again what is submitted and
// not done. Each store to the ring is a step of its own, because the driver can be killed between two.
// Who revives the driver is the affair of port.pml; here it is simply born again.

#ifndef DEATHS
#define DEATHS 2
#endif
#define ENTRIES 2
#ifndef ROUNDS
#define ROUNDS 2       // requests that the client runs through each entry
#endif
#define FREE 0         // enum block_state
#define SUBMITTED 1
#define DONE 2

byte state[ENTRIES];   // block_entry.state
bool submitted[ENTRIES], completed[ENTRIES]; // the bitmaps of the ring
byte round[ENTRIES];   // what the entry says: the data to be written
byte medium[ENTRIES];  // what the disk holds
bool doorbell, interrupt, completion; // notification bits; they are in ports, which outlive tasks
byte given[ENTRIES];   // to the device: descriptors that it has not executed
bool used[ENTRIES];    // the device's used ring
bool alive = true;
byte deaths = DEATHS;
byte finished;

// lib/block/request.c, client.c
proctype Client() {
    bool owner[ENTRIES]; // disk.owner
    byte i, rounds[ENTRIES];
    byte again = 1;      // lib/block/client.c: disk_wait_any rings again when a wait gets long
    do
    :: atomic { finished < ENTRIES && i < ENTRIES && !owner[i] && rounds[i] < ROUNDS ->
        rounds[i]++;     // disk_submit
        round[i] = rounds[i];
        owner[i] = true; }
        state[i] = SUBMITTED;
        submitted[i] = true;
        atomic { doorbell = true; i = 0; }
    :: atomic { i < ENTRIES && (owner[i] || rounds[i] == ROUNDS) -> i++; }
    :: i == ENTRIES && finished < ENTRIES ->
        if
        :: completion -> completion = false;
        :: again > 0 -> again--; doorbell = true;
        fi;
        i = 0;
        do // disk_poll
        :: atomic { i < ENTRIES && completed[i] -> completed[i] = false; }
            atomic {
                if // a reborn driver may tell of a completion that was taken in before
                :: owner[i] && state[i] == DONE ->
                    assert(medium[i] == rounds[i]); // what is said to be done is done
                    owner[i] = false;
                    state[i] = FREE;
                    finished = finished + (rounds[i] == ROUNDS -> 1 : 0);
                :: else
                fi;
                i++;
            }
        :: atomic { i < ENTRIES && !completed[i] -> i++; }
        :: atomic { i == ENTRIES -> i = 0; break }
        od
    :: finished == ENTRIES -> break
    od
}

inline execute(ENTRY) {
    // The buffer is the driver's while the entry is submitted, and nobody's to write to after.
    assert(state[ENTRY] == SUBMITTED);
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
#ifdef MUTANT_MARKED_BEFORE_DONE
    completed[ENTRY] = true;
    state[ENTRY] = DONE;
#else
    state[ENTRY] = DONE;
    completed[ENTRY] = true;
#endif
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
            tell = true;
        }
#endif
#ifndef MUTANT_DONE_NOT_MARKED_AGAIN
        // The dead one may have died between its two stores in blk_finish_entry.
        do
        :: atomic { i < ENTRIES ->
            if
            :: state[i] == DONE -> completed[i] = true;
            :: else
            fi;
            i++; }
        :: atomic { i == ENTRIES -> i = 0; break }
        od;
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
