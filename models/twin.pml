// SPDX-License-Identifier: MIT
// The supervisor and its twin, each reviving the other, while a service dies, too.
//
// A fault message waits in a port, and ports outlive tasks, so a death that happens while its supervisor
// is dead is found by the supervisor's heir. What a supervisor stores is undone with its transaction; what it
// had the kernel do is not. Each step is one system call, or one commit (rs/death.c, rs/birth.c).

#ifndef DEATHS
#define DEATHS 4       // of all three together
#endif
#ifndef MOVES
#define MOVES 1        // planned ones, of the service
#endif
#define RS 0
#define TWIN 1

bool alive[2] = true;
bool message[2];       // the fault message of RS (0) or TWIN (1) is in the port of the other
bool rebooted;         // the last rung: a warm reboot
byte deaths = DEATHS, moves = MOVES;

// The service. There are at most two tasks of it that matter: the living or dead one, and the newborn.
bool service = true;   // lives
bool suspended;        // stands still
bool service_message;  // its fault message is in the port of RS
bool task_killed;
bool newborn;          // there is a task for the next incarnation
bool inherited;        // it has the handles and parked replies of the dead one

// What RS has stored and committed to: state that its heir has, too.
bool noted;            // the service is dead; the newborn is in its place; `release` is to be done

proctype Deaths() {
end:
    do
    :: atomic { deaths > 0 && !rebooted && alive[RS] -> deaths--; alive[RS] = false; message[RS] = true; }
    :: atomic { deaths > 0 && !rebooted && alive[TWIN] -> deaths--; alive[TWIN] = false; message[TWIN] = true; }
    :: atomic { deaths > 0 && !rebooted && service && !suspended ->
        deaths--; service = false; service_message = true; }
    od
}

// kernel/system/system_calls.c: nobody_left. Each of the two says that it is there, once a second.
proctype Kernel() {
end:
#ifdef MUTANT_NO_REBOOT
    false;
#endif
    do
    :: atomic { !alive[RS] && !alive[TWIN] && !rebooted -> rebooted = true; }
    od
}

// rs/death.c: service_died, of a supervisor. Whoever dies in here leaves nobody.
inline revive(OTHER) {
    message[OTHER] = false; // sys_task_kill: with the thread its fault message is gone
    alive[OTHER] = true;    // release: sys_task_inherit, sys_thread_start
}

proctype Twin() {
end_born:
    {
        alive[TWIN];
end:
        do
        :: message[RS] && !rebooted -> revive(RS);
        od
    } unless { !alive[TWIN] }
end_again:
    atomic { alive[TWIN]; goto end_born; }
}

inline task_kill() {
    atomic { service = false; service_message = false; task_killed = true; }
}

// At commit: rs/body.c: kill_condemned; rs/birth.c: release. Whether it was done already the kernel says: ERR_STATE.
inline release() {
    if
    :: newborn ->
        task_kill();
        inherited = true;         // sys_task_inherit
        atomic {                  // sys_thread_start
            service = true;
            suspended = false;    // the newborn never was
            task_killed = false;
            newborn = false;
            inherited = false;
        }
    :: !newborn
    fi;
    noted = false;                // commit
}

// rs/death.c: service_died; rs/move.c: replace; rs/birth.c: service_birth
inline replace() {
    suspended = true;                                       // sys_task_suspend
#ifdef MUTANT_KILLED_BEFORE_COMMIT
    task_kill();
#endif
    atomic { if                                             // sys_task_create
        :: newborn -> assert(!inherited); // that of a birth that was undone: dropped, with nothing in it
        :: else -> newborn = true;
        fi; }
#ifdef MUTANT_INHERITED_BEFORE_COMMIT
    inherited = true;
#endif
    noted = true;                                           // commit
    release();
}

proctype Supervisor() {
end_born:
    {
        alive[RS];
        if // lib/rt/heir.c: catch_up
        :: noted -> release();
        :: !noted
        fi;
#ifndef MUTANT_NO_LOOK
        if // rs/self.c: supervision_resumes; rs/watch.c: watch_again
        :: suspended && !noted -> suspended = false; // sys_task_resume
        :: else
        fi;
#endif
end:
        do
        :: message[TWIN] && !rebooted -> revive(TWIN);
        :: service_message && !rebooted -> replace();
        :: atomic { service && moves > 0 && !rebooted -> moves--; }
            replace();
        od
    } unless { !alive[RS] }
end_again:
    atomic { alive[RS]; goto end_born; }
}

init {
    atomic {
        run Kernel();
        run Deaths();
        run Twin();
        run Supervisor();
    }
}

// Every death is followed by a time when all live, or by a reboot.
#define SERVES (service && !suspended)
ltl revived { [] (!alive[RS] || !alive[TWIN] || !SERVES -> <> ((alive[RS] && alive[TWIN] && SERVES) || rebooted)) }
