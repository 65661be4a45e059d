// SPDX-License-Identifier: MIT
// Requests over the deaths of their server: the kernel's port, Reply objects, task_kill and
// task_inherit; the runtime's event loop, transactions, answers and sends at commit, parking and rt_await,
// heirs; the supervisor's death handling and planned moves.
//
// What each step stands for is named beside it, as file: function. One system call is one atomic
// step, because the kernel runs under one lock; between two of them a task can be killed. Stores to
// logged memory are undone by a death before their commit, whichever of them were made, so all stores of
// a transaction are one step; its commit is another (the transaction's number, lib/rt/undo_log.c).
//
// A run is finite: clients make CALLS calls each, DEATHS deaths happen. So "never lost" and "no
// deadlock" are one question to spin, whether a run can end with a client that still waits.

#ifndef CLIENTS
#define CLIENTS 2
#endif
#ifndef CALLS
#define CALLS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef MOVES
#define MOVES 0        // planned ones: the living is killed wherever it is
#endif
#ifndef CANCELS
#define CANCELS 1      // a debugger stops a client's thread in the middle of its call
#endif
#ifndef SECOND_ASKS
#define SECOND_ASKS ANY // fewer states: the second client's requests are all of this sort
#endif
#define TASKS 3        // incarnations that are there at once: holder, corpse, living
#define REPLIES 3      // one to receive with, one parked for each client
#define FRUITLESS 2    // policy_rules.fruitless_limit
#define NOBODY 255

#define ANY 0          // sorts of request
#define NOW 1          // answered at once
#define SEND 2         // the same, and another service is called at commit
#define LATER 3        // parked, and answered after the timer
#define AWAIT 4        // rt_await: undone, and run again after the timer

#define NONE 0         // what a client's thread waits for: thread.wait
#define IN_QUEUE 1     // WAIT_CALL
#define FOR_REPLY 2    // WAIT_REPLY

#define FREE 0         // enum reply_state
#define WAITING 1
#define BOUND 2
#define GONE 3

#define OK 0
#define RESTARTED 1
#define DEAD 2
#define CANCELLED 3

// ---- The kernel's objects

typedef Thread {       // of a client
    byte wait;
    byte reply;        // thread.reply
    byte call;         // thread.call_number
    byte delivery;     // thread.delivery
    byte op;
    byte status;
    byte answers;      // how often this call was answered
    byte received;     // how often it was received
};
typedef Reply {
    byte state;
    bit parked;
    byte caller;
    byte owner;        // task; 0: there is no such object
    byte call;         // of whom it was bound to last: the server remembers that, also when the caller is gone
};
Thread client[CLIENTS];
Reply reply[REPLIES];
byte queue[2];         // port.callers
byte queued;
bit bits;              // port.bits: the one that matters is that of the timer
bit armed;             // port.timer
byte receiver;         // port.receivers: a task, or 0
byte with;             // the Reply object that it waits with
bool came[TASKS + 1];  // the receiver's registers, by task
bool came_bits[TASKS + 1];
bool came_again[TASKS + 1];
byte came_call[TASKS + 1];
byte came_op[TASKS + 1]; // what is asked for stays in the registers, also when the caller is gone

bool runs[TASKS + 1];  // by task: it has a thread, and that may run
bool off[TASKS + 1];   // it is on no CPU

// ---- The server's memory, by task. Bitmaps are of Reply objects, by index.

typedef Memory {
    byte ran[CLIENTS]; // what handlers store: how many calls of this client were served
    byte serve;        // serve_reply
    byte later;        // parked
    byte awaiting, ready; // lib/rt/await.c
    byte answers;      // lib/rt/defer.c: to be answered at commit
    bit sending;       // the same: another service is to be called
    byte number;       // of the last such call
    byte pool;         // lib/rt/park.c
};
Memory mem[TASKS + 1];
Memory old[TASKS + 1]; // what the undo log would give back
byte note[TASKS + 1];  // answer_last.call; 0: none. Not logged
bool note_open[TASKS + 1]; // answer_last.transaction is that of the transaction that is open
byte given[TASKS + 1]; // answers_given, a bitmap of calls. Not logged
bool has_state[TASKS + 1]; // status_page.movable or .moved

byte outside, outside_number; // another service: how often it did what was asked, and the last call's number

// ---- The supervisor's view: struct service

mtype = { WAITS, BORN, READY, DELAYED, GIVEN_UP };
mtype state = WAITS;
byte task, corpse, holder;
byte fruitless;
bool ready;            // status_page.ready
bool fault;            // a fault message of the living incarnation waits in the supervisor's port
byte deaths = DEATHS;
byte moves = MOVES;

// What the properties need to know about the past.
byte committed[CLIENTS]; // calls whose effects have been committed
byte took_effect;      // a bitmap of calls
byte sends;            // committed
bool had_no_heir;      // a corpse was closed that nobody had inherited from
bool lost;             // a newborn began with nothing
bool was_given_up;
byte finished;         // clients

#define BIT(N) (1 << (N))
#define CLIENT_OF(CALL) (((CALL) - 1) / CALLS)

// ---- Ports and Reply objects

inline end_call(THE_CALLER, THE_REPLY) { // reply_unbind, reply_caller_gone: what they share
    reply[THE_REPLY].caller = NOBODY;
    client[THE_CALLER].reply = NOBODY;
    client[THE_CALLER].wait = NONE;
}

inline answer(THE_CALLER, HOW) {
    assert(client[THE_CALLER].answers == 0); // none is answered twice
    client[THE_CALLER].answers++;
    client[THE_CALLER].status = HOW;
}

// kernel/ipc/message.c: message_deliver
inline deliver(THE_CALLER, THE_TASK, THE_REPLY) {
    client[THE_CALLER].received++;
    assert(client[THE_CALLER].delivery == client[THE_CALLER].received - 1); // the count tells the truth
    // Who was received before comes before all who were not: kernel/ipc/port.c: port_return_call
    assert(client[THE_CALLER].delivery > 0 ||
           ((queued < 1 || client[queue[0]].delivery == 0) &&
            (queued < 2 || client[queue[1]].delivery == 0)));
    client[THE_CALLER].wait = FOR_REPLY;
    client[THE_CALLER].reply = THE_REPLY;
    reply[THE_REPLY].state = BOUND;  // kernel/ipc/reply.c: reply_bind
    reply[THE_REPLY].parked = 0;
    reply[THE_REPLY].caller = THE_CALLER;
    reply[THE_REPLY].call = client[THE_CALLER].call;
    came[THE_TASK] = true;
    came_call[THE_TASK] = client[THE_CALLER].call;
    came_again[THE_TASK] = client[THE_CALLER].delivery > 0;
    came_op[THE_TASK] = client[THE_CALLER].op;
}

// kernel/ipc/port.c: port_remove_receiver
inline remove_receiver() {
    reply[with].state = FREE;
    receiver = 0;
    with = NOBODY;
}

inline hand_over(THE_CALLER) {
    handed = receiver;
    handed_reply = with;
    remove_receiver();
    deliver(THE_CALLER, handed, handed_reply);
}

inline take_head() {
    head = queue[0];
    queue[0] = queue[1];
    queue[1] = NOBODY;
    queued--;
}

// kernel/ipc/port.c: port_notify
inline port_notify() {
    bits = 1;
    if
    :: receiver != 0 ->
        came[receiver] = true;
        came_bits[receiver] = true;
        bits = 0;
        remove_receiver();
    :: else
    fi;
}

// kernel/ipc/port.c: port_return_call
inline return_call(THE_CALLER) {
#ifndef MUTANT_COUNT_NOT_RAISED
    client[THE_CALLER].delivery++;
#endif
    client[THE_CALLER].wait = IN_QUEUE;
    client[THE_CALLER].reply = NOBODY;
    if
    :: receiver != 0 -> hand_over(THE_CALLER);
    :: else ->
#ifdef MUTANT_REDELIVERY_AT_THE_TAIL
        queue[queued] = THE_CALLER;
#else
        queue[1] = queue[0];
        queue[0] = THE_CALLER;
#endif
        queued++;
    fi;
}

// kernel/ipc/message.c: message_reply
inline message_reply(THE_REPLY, HOW) {
    if
    :: reply[THE_REPLY].state == GONE ->
        reply[THE_REPLY].state = FREE;
        reply[THE_REPLY].parked = 0;
    :: reply[THE_REPLY].state == BOUND ->
        caller = reply[THE_REPLY].caller;
        answer(caller, HOW);
        assert(client[caller].wait == FOR_REPLY && client[caller].reply == THE_REPLY);
        end_call(caller, THE_REPLY);
        reply[THE_REPLY].state = FREE;
        reply[THE_REPLY].parked = 0;
        caller = NOBODY;
    :: else // sys_reply: ERR_STATE
    fi;
}

// kernel/ipc/reply.c: reply_step, for an object whose last handle is closed
inline reply_destroy(THE_REPLY) {
    if
    :: reply[THE_REPLY].state == BOUND ->
        assert(reply[THE_REPLY].parked); // one that was not parked goes back to its port instead
        message_reply(THE_REPLY, RESTARTED);
    :: else
    fi;
    reply[THE_REPLY].state = FREE;
    reply[THE_REPLY].parked = 0;
    reply[THE_REPLY].owner = 0;
}

// ---- Clients

proctype Client(byte me) {
    byte calls = CALLS;
    byte handed, handed_reply = NOBODY;
    do
    :: calls > 0 ->
        atomic {
            calls--;
            client[me].answers = 0;
            client[me].received = 0;
            client[me].delivery = 0;
            client[me].call = me * CALLS + calls + 1;
            if
            :: me == 0 || SECOND_ASKS == ANY ->
                if
                :: client[me].op = NOW;
                :: client[me].op = SEND;
                :: client[me].op = LATER;
                :: client[me].op = AWAIT;
                fi;
            :: else -> client[me].op = SECOND_ASKS;
            fi;
            if // kernel/ipc/port.c: port_call
            :: receiver != 0 -> hand_over(me);
            :: else ->
                client[me].wait = IN_QUEUE;
                queue[queued] = me;
                queued++;
            fi;
            handed = 0;
            handed_reply = NOBODY;
        }
        atomic {
            client[me].wait == NONE;
            assert(client[me].answers == 1);
            if
            :: client[me].status == OK -> assert(lost || took_effect & BIT(client[me].call));
            :: client[me].status == RESTARTED -> assert(had_no_heir && client[me].op >= LATER);
            :: client[me].status == DEAD -> assert(was_given_up);
            :: client[me].status == CANCELLED
            fi;
        }
    :: else -> break
    od;
    finished++;
}

// kernel/task/thread_calls.c: sys_thread_stop, by a debugger, on a client
proctype Debugger() {
    byte cancels = CANCELS;
end:
    do
    :: atomic {
        cancels > 0 && client[0].wait != NONE ->
        cancels--;
        if // kernel/task/thread.c: thread_end_wait
        :: client[0].wait == IN_QUEUE -> // port_remove_caller
            if
            :: queue[0] == 0 -> queue[0] = queue[1];
            :: else
            fi;
            queue[1] = NOBODY;
            queued--;
            client[0].wait = NONE;
        :: else ->
            reply[client[0].reply].state = GONE; // kernel/ipc/reply.c: reply_caller_gone
            end_call(0, client[0].reply);
        fi;
        answer(0, CANCELLED);
    }
    od
}

// Any instruction can fault. kernel/ipc/message.c: message_fault
proctype Faults() {
end:
    do
    :: atomic {
        deaths > 0 && task != 0 && runs[task] && receiver != task && finished < CLIENTS ->
        deaths--;
        runs[task] = false;
        fault = true;
    }
    od
}

// kernel/ipc/ipc_calls.c: fire_port_timer
proctype Timer() {
end:
    do
    :: atomic { armed -> armed = false; port_notify(); }
    od
}

// ---- The server

inline copy(TO, FROM) {
    copy_some(TO, FROM);
    copy_others(TO, FROM);
}

inline copy_some(TO, FROM) {
    c = 0;
    do
    :: c < CLIENTS -> TO.ran[c] = FROM.ran[c]; c++;
    :: else -> break
    od;
    c = 0;
    TO.serve = FROM.serve;
    TO.pool = FROM.pool;
    TO.number = FROM.number;
}

inline copy_others(TO, FROM) {
    TO.later = FROM.later;
    TO.awaiting = FROM.awaiting;
    TO.ready = FROM.ready;
    TO.answers = FROM.answers;
    TO.sending = FROM.sending;
}

// lib/rt/undo_log.c: reset, its first store. CALL: whose effects are among what is committed, or 0
inline undo_commit(CALL) {
    copy(old[me], mem[me]);
    note_open[me] = false;
    if
    :: CALL != 0 ->
        assert(!(took_effect & BIT(CALL))); // none is run twice to its end
        took_effect = took_effect | BIT(CALL);
        committed[CLIENT_OF(CALL)]++;
        sends = sends + (op == SEND -> 1 : 0);
        assert(mem[me].ran[CLIENT_OF(CALL)] == committed[CLIENT_OF(CALL)]); // nor half
    :: else
    fi;
}

inline lowest(OF) {
    i = 0;
    do
    :: i < REPLIES && !(OF & BIT(i)) -> i++;
    :: else -> break
    od;
}

// kernel/ipc/port.c: port_receive
inline port_receive() {
    // kernel/ipc/ipc_calls.c: check_recv. ERR_STATE would be the end of the event loop.
    assert(reply[mem[me].serve].state == FREE || reply[mem[me].serve].state == GONE);
    if
    :: bits ->
        bits = 0;
        came[me] = true;
        came_bits[me] = true;
    :: !bits && queued > 0 ->
        take_head();
        deliver(head, me, mem[me].serve);
        head = NOBODY;
    :: else ->
        reply[mem[me].serve].state = WAITING;
        with = mem[me].serve;
        receiver = me;
    fi;
}

// lib/rt/park.c: reply_take
inline reply_take() {
    atomic {
        if
        :: mem[me].pool != 0 ->
            lowest(mem[me].pool);
            mem[me].pool = mem[me].pool & ~BIT(i);
        :: else -> // kernel/ipc/ipc_calls.c: sys_reply_create
            i = 0;
            do
            :: i < REPLIES && reply[i].owner != 0 -> i++;
            :: else -> break
            od;
            assert(i < REPLIES);
            reply[i].owner = me;
        fi;
        spare = i;
        i = 0;
    }
}

// lib/rt/commit.c: finish; lib/rt/defer.c: defer_next. Each a transaction of its own
inline finish() {
    do
    :: atomic { mem[me].answers != 0 -> lowest(mem[me].answers); message_reply(i, OK); }
        atomic {
            mem[me].answers = mem[me].answers & ~BIT(i);
            mem[me].pool = mem[me].pool | BIT(i);
            i = 0;
            undo_commit(0);
        }
    :: atomic { mem[me].sending -> call_outside(); }
        atomic {
            mem[me].number++;
            mem[me].sending = 0;
            undo_commit(0);
        }
    :: atomic { mem[me].answers == 0 && !mem[me].sending -> break }
    od;
}

// Like console_write: a call with the same number is the same call.
inline call_outside() {
    if
#ifndef MUTANT_SENT_WITHOUT_NUMBER
    :: outside_number == mem[me].number + 1
#endif
    :: else ->
        outside++;
        outside_number = mem[me].number + 1;
    fi;
}

// What a handler stores.
inline handle(CALL) {
    mem[me].ran[CLIENT_OF(CALL)]++;
}

// The timer's handler: all who wait are due.
inline answer_all() {
    mem[me].answers = mem[me].answers | mem[me].later;
    mem[me].later = 0;
    mem[me].ready = mem[me].awaiting;
}

// lib/rt/serve.c: serve_one. Answered at once, or with an error because the caller is gone
inline answer_now() {
#ifdef MUTANT_COMMITTED_BEFORE_NOTED
    atomic { undo_commit(call); }
#endif
    atomic { note[me] = call; note_open[me] = true; } // note_answer
#ifdef MUTANT_COMMITTED_BEFORE_NOTED
    note_open[me] = false;
#else
    atomic { undo_commit(call); }
#endif
#ifdef MUTANT_COMMITTED_BEFORE_QUEUED
    atomic { mem[me].sending = (op == SEND); undo_commit(0); }
#endif
    finish();
    atomic { message_reply(mem[me].serve, OK); }
}

// lib/rt/park.c: rt_park; lib/rt/await.c: await_park. Sets `pending`, false if the caller is gone
inline park() {
    reply_take();
    atomic { // kernel/ipc/ipc_calls.c: sys_reply_park
        if
        :: reply[mem[me].serve].state == BOUND ->
            reply[mem[me].serve].parked = 1;
            pending = true;
        :: else -> mem[me].pool = mem[me].pool | BIT(spare);
        fi;
    }
}

inline serve_one() {
    atomic { handle(call); mem[me].sending = mem[me].sending || op == SEND; }
#ifdef MUTANT_COMMITTED_BEFORE_QUEUED
    mem[me].sending = 0;
#endif
    if
    :: op == NOW || op == SEND -> answer_now();
    :: op == LATER ->
        park();
        if
        :: pending ->
            armed = true; // rt_timer
            atomic {
                mem[me].later = mem[me].later | BIT(mem[me].serve);
                mem[me].serve = spare;
                undo_commit(call);
            }
        :: !pending -> answer_now();
        fi;
    :: op == AWAIT -> // rt_await; give_up_for_now
#ifndef MUTANT_AWAIT_WITHOUT_UNDO
        atomic { copy(mem[me], old[me]); }
#endif
        park();
        armed = true; // start
        if
        :: pending -> atomic {
                mem[me].awaiting = mem[me].awaiting | BIT(mem[me].serve);
                mem[me].serve = spare;
                undo_commit(0);
            }
        :: !pending -> atomic { undo_commit(0); }
            atomic { message_reply(mem[me].serve, OK); } // to nobody
        fi;
    fi;
}

// lib/rt/serve.c: serve_again
inline serve_again() {
    atomic {
        lowest(mem[me].ready);
        call = reply[i].call;
        mem[me].ready = mem[me].ready & ~BIT(i);
        mem[me].awaiting = mem[me].awaiting & ~BIT(i);
        handle(call);
        mem[me].answers = mem[me].answers | BIT(i);
        i = 0;
    }
    atomic { undo_commit(call); call = 0; }
    finish();
}

#ifdef MUTANT_CALLS_NOT_NUMBERED // but told apart by who made them
#define SAME(CALL) BIT(CLIENT_OF(CALL))
#else
#define SAME(CALL) BIT(CALL)
#endif
#define GIVEN_BEFORE (came_again[me] && given[me] & SAME(call))

// lib/rt/serve.c: answer_as_before. What was given is forgotten only when it has been given again.
inline answer_again() {
#ifdef MUTANT_FORGOTTEN_BEFORE_GIVEN
    given[me] = given[me] & ~SAME(call);
#endif
    atomic { message_reply(mem[me].serve, OK); }
#ifndef MUTANT_FORGOTTEN_BEFORE_GIVEN
    given[me] = given[me] & ~SAME(call);
#endif
}

#define NAMED(N) (N == mem[me].serve || (mem[me].later | mem[me].awaiting | mem[me].answers | mem[me].pool) & BIT(N))

// randomizer/mover/move.c: take_over; lib/rt/heir.c
inline take_over() {
#ifndef MUTANT_NOT_UNDONE
    atomic { copy_some(mem[holder], old[holder]); } // undo_unfinished; a death here, and it begins again
    atomic { copy_others(mem[holder], old[holder]); }
#endif
    atomic {
        copy(mem[me], mem[holder]);
        given[me] = given[holder];
        if
        :: note[holder] != 0 && !note_open[holder] -> given[me] = given[me] | SAME(note[holder]); // keep_answer
        :: else
        fi;
    }
    do // handles_sweep
    :: atomic { i < REPLIES && reply[i].owner == me && !NAMED(i) ->
        if
        :: reply[i].state == BOUND ->
            head = reply[i].caller;
            reply[i].state = FREE;
            reply[i].parked = 0;
            reply[i].caller = NOBODY;
            return_call(head);
            head = NOBODY;
            handed = 0;
            handed_reply = NOBODY;
        :: else
        fi;
        reply_destroy(i);
        i++; }
    :: atomic { i < REPLIES && !(reply[i].owner == me && !NAMED(i)) -> i++; }
    :: atomic { i == REPLIES -> i = 0; break }
    od;
#ifndef MUTANT_PARKED_BY_UNDONE_STAYS
    atomic { // its caller was parked by what is undone: the state names it as the one to receive with
        if
        :: reply[mem[me].serve].state == BOUND ->
            head = reply[mem[me].serve].caller;
            reply[mem[me].serve].state = FREE;
            reply[mem[me].serve].parked = 0;
            reply[mem[me].serve].caller = NOBODY;
            return_call(head);
            head = NOBODY;
            handed = 0;
            handed_reply = NOBODY;
        :: else
        fi;
    }
#endif
    atomic { copy(old[me], mem[me]); has_state[me] = true; } // publish
    finish();                                                 // catch_up
#ifndef MUTANT_NOT_CAUGHT_UP
    atomic { answer_all(); undo_commit(0); }
    finish();
#endif
}

// lib/rt/inherit.c: drop_inherited; rt_serve
inline begin_with_nothing() {
    do
    :: atomic { i < REPLIES -> if
        :: reply[i].owner == me -> reply_destroy(i);
        :: else
        fi;
        i++; }
    :: atomic { i == REPLIES -> i = 0; break }
    od;
    reply_take();
    atomic {
        mem[me].serve = spare;
        copy(old[me], mem[me]);
        has_state[me] = true;
    }
}

inline forget_locals() {
    i = 0;
    c = 0;
    head = NOBODY;
    spare = NOBODY;
    caller = NOBODY;
    handed = 0;
    handed_reply = NOBODY;
    pending = false;
    call = 0;
    op = 0;
}

proctype Server(byte me) {
    byte i, c, head = NOBODY, spare = NOBODY, caller = NOBODY, handed, handed_reply = NOBODY, call, op;
    bool pending;          // the handler answers later
end_born:
    atomic { runs[me] -> off[me] = false; }
    {
        if
        :: holder != 0 -> take_over();
        :: holder == 0 -> begin_with_nothing();
        fi;
        ready = true;      // lib/rt/start.c: rt_ready
end_receive:
        do
        :: mem[me].ready != 0 -> serve_again(); // serve_ready
        :: atomic { mem[me].ready == 0 && !came[me] && receiver != me -> port_receive(); }
        :: atomic { came[me] && came_bits[me] -> came[me] = false; came_bits[me] = false; }
            atomic { answer_all(); undo_commit(0); } // serve_bits
            finish();
        :: atomic { came[me] && !came_bits[me] ->
            came[me] = false;
            call = came_call[me];
            op = came_op[me];
            came_call[me] = 0;
            came_op[me] = 0; }
            if
            :: GIVEN_BEFORE -> answer_again();
            :: !GIVEN_BEFORE -> serve_one();
            fi;
            atomic { forget_locals(); came_again[me] = false; }
            finish();
        od
    } unless { !runs[me] }
    atomic {
        forget_locals();
        came[me] = false;
        came_bits[me] = false;
        came_again[me] = false;
        came_call[me] = 0;
        came_op[me] = 0;
        off[me] = true;
        goto end_born;
    }
}

// ---- The supervisor

// kernel/task/task.c: task_kill_step, return_callers
inline task_kill(THE_TASK) {
    atomic {
        runs[THE_TASK] = false;
        fault = false; // thread_kill takes the fault message out of the queue
        if
        :: receiver == THE_TASK -> remove_receiver();
        :: else
        fi;
        i = 0;
        do
        :: i < REPLIES ->
            if
            :: reply[i].owner == THE_TASK && reply[i].state == BOUND && !reply[i].parked ->
                head = reply[i].caller;
#ifndef MUTANT_ANSWERED_AFTER_REDELIVERY
                reply[i].state = FREE;
                reply[i].caller = NOBODY;
#else
                reply[i].parked = 1; // stays bound although its caller is in the queue again
#endif
                return_call(head);
                head = NOBODY;
#ifdef MUTANT_PARKED_ONES_RETURNED
            :: reply[i].owner == THE_TASK && reply[i].state == BOUND && reply[i].parked ->
                head = reply[i].caller; // but nobody unbinds it
                return_call(head);
                head = NOBODY;
#endif
            :: else
            fi;
            i++;
        :: else -> break
        od;
        i = 0;
        handed = 0;
        handed_reply = NOBODY;
    }
    off[THE_TASK]; // kernel/task/task_calls.c: sys_task_kill goes on until it is on no other CPU
}

// rs/corpse.c: corpse_close; kernel/task/task.c: task_step closes its handles
inline corpse_close() {
    atomic {
        if
        :: corpse != 0 ->
            i = 0;
            do
            :: i < REPLIES ->
                if
                :: reply[i].owner == corpse ->
                    reply_destroy(i);
                :: else
                fi;
                i++;
            :: else -> break
            od;
            i = 0;
            corpse = 0;
        :: else
        fi;
    }
}

// kernel/task/task_calls.c: sys_task_inherit
inline task_inherit(HEIR, THE_DEAD) {
    atomic {
        i = 0;
        do
        :: i < REPLIES ->
            if
#ifdef MUTANT_PARKED_REPLIES_DROPPED
            :: reply[i].owner == THE_DEAD && !reply[i].parked -> reply[i].owner = HEIR;
#else
            :: reply[i].owner == THE_DEAD -> reply[i].owner = HEIR;
#endif
            :: else
            fi;
            i++;
        :: else -> break
        od;
        i = 0;
    }
}

// What a body knew ends with it: rs/body.c: body_leave
inline forget_memory(OF) {
    c = 0;
    do
    :: c < CLIENTS -> mem[OF].ran[c] = 0; old[OF].ran[c] = 0; c++;
    :: else -> break
    od;
    c = 0;
    mem[OF].serve = 0; mem[OF].later = 0; mem[OF].awaiting = 0; mem[OF].ready = 0;
    mem[OF].answers = 0; mem[OF].sending = 0; mem[OF].number = 0; mem[OF].pool = 0;
    old[OF].serve = 0; old[OF].later = 0; old[OF].awaiting = 0; old[OF].ready = 0;
    old[OF].answers = 0; old[OF].sending = 0; old[OF].number = 0; old[OF].pool = 0;
    note[OF] = 0;
    note_open[OF] = false;
    given[OF] = 0;
    has_state[OF] = false;
}

// rs/death.c: give_state_up
inline give_state_up() {
    atomic {
        if
        :: holder != 0 ->
            forget_memory(holder);
            holder = 0;
            lost = true;
            c = 0;
            do // what was done is forgotten, and may be done again
            :: c < CLIENTS -> committed[c] = 0; c++;
            :: else -> break
            od;
            c = 0;
            took_effect = 0;
        :: else
        fi;
    }
}

// rs/death.c: give_up
inline give_up() {
    atomic {
        state = GIVEN_UP;
        was_given_up = true;
        had_no_heir = had_no_heir || corpse != 0;
    }
    give_state_up();
    corpse_close();
}

// rs/policy.c: policy_decide, for one that was of no use. Sets `then`.
inline decide_fruitless() {
    then = false;
    fruitless++;
    if
    :: fruitless >= FRUITLESS -> give_up();
    :: else ->
        if
        :: then = true;
        :: state = DELAYED; // rs/death.c: delay
        :: atomic { holder != 0 -> had_no_heir = true; } // POLICY_AFRESH
            give_state_up();
            then = true;
        :: corpse != 0 -> // decision.make_room: it died for want of it
            had_no_heir = true;
            give_state_up();
            corpse_close();
            then = true;
        fi;
    fi;
}

// rs/birth.c: service_birth. Each step can fail until task_inherit, none after it.
inline birth() {
    atomic {
        newborn = 1;
        do
        :: newborn == corpse || newborn == holder || newborn == task -> newborn++;
        :: else -> break
        od;
        assert(newborn <= TASKS);
        forget_memory(newborn);
        ready = false; // clear_status
    }
    if
    :: deaths > 0 -> // make: the kernel refuses something. rs/death.c: service_stillborn
        deaths--;
        decide_fruitless();
        if
        :: then -> state = DELAYED; then = false;
        :: else
        fi;
    :: true ->
#ifndef MUTANT_INHERIT_BEFORE_KILL
        if // release
        :: corpse != 0 -> task_inherit(newborn, corpse);
        :: else
        fi;
#endif
        atomic { // begin_life; sys_thread_start
            task = newborn;
            state = BORN;
            runs[newborn] = true;
        }
    fi;
    newborn = 0;
}

// rs/death.c: service_lay_out, and what comes before and after it. WELL: to be reborn at once
inline lay_out() {
    corpse_close(); // of the incarnation before
#ifdef MUTANT_INHERIT_BEFORE_KILL
    newborn = 1;
    do
    :: newborn == task || newborn == holder -> newborn++;
    :: else -> break
    od;
    task_inherit(newborn, task);
    newborn = 0;
#endif
    task_kill(task);
    atomic {
        if
#ifdef MUTANT_STATE_OF_ONE_THAT_HAD_NONE
        :: true ->
#else
        :: has_state[task] ->
#endif
            if
            :: holder != 0 -> forget_memory(holder);
            :: else
            fi;
            holder = task;
        :: else
        fi;
        corpse = task;
        task = 0;
        then = ready && state == READY;
        if
        :: then
        :: else -> state = WAITS;
        fi;
    }
}

// rs/death.c: service_died
inline died() {
    lay_out();
    if
    :: then
    :: !then -> decide_fruitless();
    fi;
    state = (state == GIVEN_UP || state == DELAYED -> state : WAITS);
    if
    :: then -> then = false; birth();
    :: !then
    fi;
}

proctype Supervisor() {
    byte i, c, head = NOBODY, handed, handed_reply = NOBODY, caller = NOBODY, newborn;
    bool then;
    birth();
end:
    do
    // rs/death.c: on_fault
    :: fault -> died();
    // rs/inject.c: kill_now; rs/watch.c: die_of
    :: atomic { deaths > 0 && task != 0 && !fault && finished < CLIENTS -> deaths--; }
        died();
    // rs/move.c: replace
    :: atomic { moves > 0 && state == READY && task != 0 && !fault && finished < CLIENTS -> moves--; }
        lay_out();
        then = false;
        state = WAITS;
        birth();
    // rs/watch.c: watch_news, note_ready
    :: atomic { state == BORN && ready ->
        state = READY;
        if // the holder's state has been taken over
        :: holder != 0 -> if
            :: holder != corpse -> forget_memory(holder);
            :: else
            fi;
            holder = 0;
        :: else
        fi; }
#ifndef MUTANT_DELAY_WITHOUT_TIMER
    // rs/death.c: reborn_later
    :: state == DELAYED -> birth();
#endif
    // rs/corpse.c: corpses_settle
    :: corpse != 0 && task != 0 -> corpse_close();
#ifndef MUTANT_GIVEN_UP_WITHOUT_ANSWERS
    // rs/watch.c: answer_for_the_dead
    :: atomic { state == GIVEN_UP && queued > 0 ->
        take_head();
        answer(head, DEAD);
        client[head].wait = NONE;
        head = NOBODY; }
#endif
    od
}

init {
    byte c;
    atomic {
        for (c : 1 .. TASKS) {
            off[c] = true;
        }
        with = NOBODY;
        queue[0] = NOBODY;
        queue[1] = NOBODY;
        for (c : 0 .. REPLIES - 1) {
            reply[c].caller = NOBODY;
        }
        for (c : 0 .. CLIENTS - 1) {
            client[c].reply = NOBODY;
            run Client(c);
        }
        c = 0;
        run Debugger();
        run Timer();
        run Faults();
        for (c : 1 .. TASKS) {
            run Server(c);
        }
        c = 0;
        run Supervisor();
    }
#ifndef WITH_FORMULA
    // Everything has come to rest: what was committed to was done, once.
    timeout -> assert(was_given_up || lost || outside == sends);
#endif
}

// Every death is followed by a life, or by giving up.
ltl revived { [] (state == WAITS || state == DELAYED -> <> (state == BORN || state == READY || state == GIVEN_UP)) }
