// SPDX-License-Identifier: MIT
// Requests over the deaths of their server: the kernel's port, Reply objects, task_kill and
// task_inherit; the runtime's event loop, parking and kept handles; the supervisor's death handling.
//
// What each step stands for is named beside it, as file: function. One system call is one atomic
// step, because the kernel runs under one lock; between two of them a task can be killed, which is
// why each store to the status page is a step of its own. The server is servers/template with the
// three sorts of request that a server can make of one: answered at once (NOW), parked with its
// Reply object kept for the heir (KEPT), parked and not kept (LOOSE).
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
#ifndef CANCELS
#define CANCELS 1      // a debugger stops a client's thread in the middle of its call
#endif
#ifndef SECOND_ASKS_NOW
#define SECOND_ASKS_NOW 0 // fewer states: the second client's requests are not parked
#endif
#define REPLIES 3      // one to receive with, one parked for each client
#define FRUITLESS 2    // policy_rules.fruitless_limit
#define NOBODY 255

#define NOW 0
#define KEPT 1
#define LOOSE 2

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
    byte delivery;     // thread.delivery
    byte op;
    byte status;
    byte answers;      // how often this call was answered
    byte received;     // how often it was received
    bit done;          // the handler has run to its end
    bit forgotten;     // the server took the kept handle back, to answer
};
typedef Reply {
    byte state;
    bit parked;
    byte caller;
    byte owner;        // task; 0: there is no such object
};
Thread client[CLIENTS];
Reply reply[REPLIES];
byte queue[2];         // port.callers
byte queued;
bit bits;              // port.bits: the one that matters is that of the timer
bit armed;             // port.timer
byte receiver;         // port.receivers: a task, or 0
byte with;             // the Reply object that it waits with
bool came[3];          // the receiver's registers, by task
bool came_bits[3];
byte came_from[3];
byte came_op[3];       // what is asked for stays in the registers, also when the caller is gone

bool runs[3];          // by task: it has a thread, and that may run
bool off[3];           // it is on no CPU

// ---- The supervisor's view: struct service

mtype = { WAITS, BORN, READY, DELAYED, GIVEN_UP };
mtype state = WAITS;
byte task, corpse;
byte fruitless;
bool ready;            // status_page.ready
bool fault;            // a fault message of the living incarnation waits in the supervisor's port
byte deaths = DEATHS;
bool kept[REPLIES];    // status_page.kept: an entry that names this Reply object

// What the properties need to know about the past.
bool had_no_heir;      // a corpse was closed that nobody had inherited from
bool was_given_up;
byte finished;         // clients

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
    came[THE_TASK] = true;
    came_from[THE_TASK] = THE_CALLER;
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
            client[me].done = 0;
            client[me].forgotten = 0;
            if
            :: client[me].op = NOW;
            :: me == 0 || !SECOND_ASKS_NOW -> client[me].op = KEPT;
            :: me == 0 || !SECOND_ASKS_NOW -> client[me].op = LOOSE;
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
            :: client[me].status == OK -> assert(client[me].done);
            :: client[me].status == RESTARTED ->
                assert(client[me].op == LOOSE ||
                       (client[me].op == KEPT && (client[me].forgotten || had_no_heir)));
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

// kernel/ipc/port.c: port_receive
inline port_receive() {
    if
    :: bits ->
        bits = 0;
        came[me] = true;
        came_bits[me] = true;
    :: !bits && queued > 0 ->
        take_head();
        deliver(head, me, serve);
        head = NOBODY;
    :: else ->
        reply[serve].state = WAITING;
        with = serve;
        receiver = me;
    fi;
}

// lib/rt/park.c: reply_take; pooled are those that are the server's own, free, and not in use
inline reply_take(TO) {
    i = 0;
    do
    :: i < REPLIES && reply[i].owner == me && reply[i].state == FREE && i != serve &&
       !kept[i] && !parked[i] -> break
    :: i < REPLIES && reply[i].owner == 0 -> reply[i].owner = me; break
    :: else -> i++
    od;
    TO = i;
    i = 0;
}

inline forget_locals() {
    i = 0;
    head = NOBODY;
    serve = NOBODY;
    spare = NOBODY;
    parked[0] = false;
    parked[1] = false;
    parked[2] = false;
    pending = false;
}

proctype Server(byte me) {
    byte i, head = NOBODY, serve = NOBODY, spare = NOBODY, caller = NOBODY;
    bool parked[REPLIES];  // lib/rt/park.c: struct parked, each with its timer
    bool pending;          // the handler answers later
end_born:
    atomic { runs[me] -> off[me] = false; }
    {
        // lib/rt/keep.c: keep_init
        do
        :: atomic { i < REPLIES -> if
            :: kept[i] && reply[i].owner == 0 -> kept[i] = false; // names nothing
            :: else
            fi;
            i++; }
        :: atomic { i == REPLIES -> i = 0; break }
        od;
        do
        :: atomic { i < REPLIES && reply[i].owner == me && !kept[i] -> // sys_handle_close
            reply_destroy(i);
            i++; }
        :: atomic { i < REPLIES && !(reply[i].owner == me && !kept[i]) -> i++; }
        :: atomic { i == REPLIES -> i = 0; break }
        od;
        // servers/template/main.c: find_laters; lib/rt/park.c: rt_adopt
        do
        :: i < REPLIES && kept[i] ->
            if
            :: atomic { reply[i].state == BOUND ->
                parked[i] = true;
#ifndef MUTANT_TIMER_NOT_SET_AGAIN
                armed = true;
#endif
                }
            :: atomic { reply[i].state != BOUND -> reply_destroy(i); }
                kept[i] = false;
            fi;
            i++;
        :: i < REPLIES && !kept[i] -> i++;
        :: atomic { i == REPLIES -> i = 0; break }
        od;
        atomic { reply_take(serve); } // lib/rt/serve.c: rt_serve
        ready = true;                 // lib/rt/start.c: rt_ready
        atomic { port_receive(); }
end_receive:
        do
        :: atomic { came[me] && came_bits[me] -> came[me] = false; came_bits[me] = false; }
            // servers/template/main.c: answer_later, for each request that is due
            do
            :: i < REPLIES && parked[i] ->
                atomic {
                    if
                    :: kept[i] && reply[i].state == BOUND ->
                        client[reply[i].caller].forgotten = 1;
                    :: else
                    fi;
                    kept[i] = false; // rt_forget, before answering
                }
                atomic { // lib/rt/park.c: send
                    message_reply(i, OK);
                    parked[i] = false;
                    i++;
                }
            :: atomic { i < REPLIES && !parked[i] -> i++; }
            :: atomic { i == REPLIES -> i = 0; break }
            od;
            atomic { port_receive(); }
        :: atomic { came[me] && !came_bits[me] ->
            came[me] = false;
            came_from[me] = NOBODY; }
            // lib/rt/serve.c: serve_one
            if
            :: atomic { came_op[me] == NOW ->
                if
                :: reply[serve].state == BOUND -> client[reply[serve].caller].done = 1;
                :: else
                fi; }
            :: came_op[me] != NOW -> // servers/template/main.c: do_later, do_await
#ifdef MUTANT_PARKED_BEFORE_KEPT
                atomic {
                    if
                    :: reply[serve].state == BOUND -> reply[serve].parked = 1;
                    :: else
                    fi;
                }
#endif
                if
                :: came_op[me] == KEPT -> kept[serve] = true; // rt_keep, before parking
                :: came_op[me] == LOOSE
                fi;
                atomic { reply_take(spare); }
                atomic { // lib/rt/park.c: rt_park; kernel/ipc/ipc_calls.c: sys_reply_park
                    if
                    :: reply[serve].state == BOUND ->
                        reply[serve].parked = 1;
                        client[reply[serve].caller].done = 1;
                        pending = true;
                    :: else // the caller is gone: answered at once, to nobody
                    fi;
                }
                if
                :: pending ->
                    atomic {
                        parked[serve] = true;
                        serve = spare;
                        spare = NOBODY;
                    }
                    armed = true; // rt_timer
                :: !pending ->
                    kept[serve] = false;
                    spare = NOBODY;
                fi;
            fi;
            atomic {
                came_op[me] = NOW;
                if
                :: pending -> pending = false;
                :: else -> message_reply(serve, OK); // sys_reply_recv: the answer
                fi;
                port_receive();
            }
        od
    } unless { !runs[me] }
    atomic {
        forget_locals();
        came[me] = false;
        came_bits[me] = false;
        came_from[me] = NOBODY;
        came_op[me] = NOW;
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

// rs/death.c: give_up
inline give_up() {
    atomic {
        state = GIVEN_UP;
        was_given_up = true;
        had_no_heir = had_no_heir || corpse != 0;
    }
    corpse_close();
}

// rs/policy.c: policy_decide, for one that was of no use. Sets `now`.
inline decide_fruitless() {
    now = false;
    fruitless++;
    if
    :: fruitless >= FRUITLESS -> give_up();
    :: else ->
        if
        :: now = true;
        :: state = DELAYED; // rs/death.c: delay
        :: corpse != 0 -> // decision.afresh: it died for want of room
            had_no_heir = true;
            corpse_close();
            now = true;
        fi;
    fi;
}

// rs/birth.c: service_birth. Each step can fail until task_inherit, none after it.
inline birth() {
    newborn = (corpse == 1 -> 2 : 1);
    ready = false; // clear_status
    if
    :: deaths > 0 -> // make: the kernel refuses something. rs/death.c: service_stillborn
        deaths--;
        decide_fruitless();
        if
        :: now -> state = DELAYED; now = false;
        :: else
        fi;
    :: true ->
#ifndef MUTANT_INHERIT_BEFORE_KILL
        if
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

// rs/death.c: service_died
inline died() {
    corpse_close(); // of the incarnation before
#ifdef MUTANT_INHERIT_BEFORE_KILL
    task_inherit(3 - task, task);
#endif
    task_kill(task);
    atomic {
        corpse = task;
        task = 0;
        now = ready && state == READY;
        if
        :: now
        :: else -> state = WAITS;
        fi;
    }
    if
    :: now
    :: !now -> decide_fruitless();
    fi;
    state = (state == GIVEN_UP || state == DELAYED -> state : WAITS);
    if
    :: now -> now = false; birth();
    :: !now
    fi;
}

proctype Supervisor() {
    byte i, head = NOBODY, handed, handed_reply = NOBODY, caller = NOBODY, newborn;
    bool now;
    birth();
end:
    do
    // rs/death.c: on_fault
    :: fault -> died();
    // rs/inject.c: kill_now; rs/watch.c: die_of
    :: atomic { deaths > 0 && task != 0 && !fault && finished < CLIENTS -> deaths--; }
        died();
    // rs/watch.c: watch_news, note_ready
    :: atomic { state == BORN && ready -> state = READY; }
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
        off[1] = true;
        off[2] = true;
        with = NOBODY;
        came_from[1] = NOBODY;
        came_from[2] = NOBODY;
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
        run Server(1);
        run Server(2);
        run Supervisor();
    }
}

// Every death is followed by a life, or by giving up.
ltl revived { [] (state == WAITS || state == DELAYED -> <> (state == BORN || state == READY || state == GIVEN_UP)) }
