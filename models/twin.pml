// SPDX-License-Identifier: MIT
// DESIGN, NOT CODE: the supervisor and its twin, each reviving the other, while a service dies, too.
//
// Today rs is the root task and mortal with the machine. This model checks the rules that the twin
// needs; they are listed in README.md. A fault message waits in a port, and ports outlive tasks, so a
// death that happens while its supervisor is dead is found by the supervisor's heir.

#ifndef DEATHS
#define DEATHS 4       // of all three together
#endif
#define RS 0
#define TWIN 1

bool alive[2] = true;
bool message[2];       // the fault message of RS (0) or TWIN (1) is in the port of the other
bool service = true;   // lives
bool service_message;  // its fault message is in the port of RS
bool unheard;          // it ended in a way that sends no message, or its message died with its thread
bool rebooted;         // the last rung: a warm reboot
byte deaths = DEATHS;

// Where the service's handles and parked replies are.
#define LIVING 0
#define CORPSE 1
#define HALF_MADE 2    // a newborn that was not started yet
#define LOST 3
byte state = LIVING;
bool half_made;        // RS holds a newborn of the service that was not started
bool noted;            // RS has kept the newborn's handle where its own heir finds it

proctype Deaths() {
end:
    do
    :: atomic { deaths > 0 && !rebooted && alive[RS] -> deaths--; alive[RS] = false; message[RS] = true; }
    :: atomic { deaths > 0 && !rebooted && alive[TWIN] -> deaths--; alive[TWIN] = false; message[TWIN] = true; }
    :: atomic { deaths > 0 && !rebooted && service ->
        deaths--; service = false; state = CORPSE; service_message = true; }
    od
}

// The kernel sees that the receiver of a fault message is dead in its turn.
proctype Kernel() {
end:
#ifdef MUTANT_NO_REBOOT
    false;
#endif
    do
    :: atomic { !alive[RS] && !alive[TWIN] && !rebooted -> rebooted = true; }
    od
}

inline revive(OTHER) {
    // Whoever dies in here leaves nobody, and that is the kernel's affair.
    half = true;  // task_kill, task_create
    half = false; // task_inherit
    atomic {
        message[OTHER] = false;
        alive[OTHER] = true; // thread_start
    }
}

proctype Twin() {
    bool half;
end_born:
    {
        alive[TWIN];
end:
        do
        :: message[RS] && !rebooted -> revive(RS);
        od
    } unless { !alive[TWIN] }
    atomic { half = false; goto end_again; }
end_again:
    atomic { alive[TWIN]; goto end_born; }
}

inline make_newborn() {
    half_made = true;             // task_create
#ifndef MUTANT_NEWBORN_NOT_NOTED
    noted = true;                 // before task_inherit, and outside of the transaction
#endif
    atomic { if :: state == CORPSE -> state = HALF_MADE; :: else fi; } // task_inherit
    atomic {                      // thread_start
        half_made = false;
        noted = false;
        service = true;
        assert(state != LOST);
        state = LIVING;
    }
}

proctype Supervisor() {
    bool half;
end_born:
    {
        alive[RS];
        // What the dead RS left half-made: begun anew if nothing was inherited yet, else gone on with.
        if
        :: half_made && noted && state == HALF_MADE ->
            atomic { half_made = false; noted = false; service = true; state = LIVING; }
        :: half_made && !(noted && state == HALF_MADE) ->
            atomic { // keep_init closes what is not kept
                half_made = false;
                noted = false;
                state = (state == HALF_MADE -> LOST : state);
                assert(state != LOST);
            }
        :: else
        fi;
end:
        do
        :: message[TWIN] && !rebooted -> revive(TWIN);
        :: service_message && !rebooted ->
            // task_kill ends the thread, and with it the fault message: from here on only a look
            // at the service can tell that it is dead.
            atomic { service_message = false; unheard = true; }
            make_newborn();
            unheard = false;
#ifndef MUTANT_NO_LOOK
        // rs/watch.c: look, verdict POLICY_GONE
        :: atomic { unheard && !service && !rebooted -> skip; }
            make_newborn();
            unheard = false;
#endif
        od
    } unless { !alive[RS] }
    atomic { half = false; goto end_again; }
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
ltl revived { [] (!alive[RS] || !alive[TWIN] || !service -> <> ((alive[RS] && alive[TWIN] && service) || rebooted)) }
