// SPDX-License-Identifier: MIT
// Threads. A thread is in exactly one of these places, which `wait`, `hold` and `queued` tell:
// on a CPU, in the run queue, in the queue of a port as caller or receiver, bound to a Reply object,
// or nowhere (held, faulted without fault port, dead).
#pragma once
#include "kernel/task/object.h"
#include "kernel/time/timer.h"

struct port;
struct reply;
struct task;

// Why a thread, or none of a task, may run.
enum hold {
    HOLD_NEW = 1,       // thread: not started yet
    HOLD_STOPPED = 2,   // thread: thread_stop
    HOLD_SUSPENDED = 4, // task: debugger
    HOLD_EXITED = 8,    // task: it said that it ends and waits for its supervisor
    HOLD_DEAD = 16,     // both
};

struct thread {
    struct regs regs; // first: entry code saves here
    struct arch_thread arch;
    struct task *task; // NULL once dead and dismissed

    // Scheduling.
    uint8_t priority;  // its own
    uint8_t inherited; // of the caller it works for, or of one waiting for it
    uint8_t effective; // what counts
    uint8_t queue_priority; // the list it is in while queued
    uint8_t wait;      // enum wait_kind
    bool queued;       // in the run queue
    bool notify_only;  // WAIT_RECV: leaves calls alone
    bool demoted;      // its budget is used up: effective is 0
    uint32_t hold;     // enum hold
    struct cpu *cpu;   // where it is current
    struct thread *next, *prev; // ring or chain of the queue it is in
    uint64_t ticks;    // processor time up to its last switch
    uint64_t switches;
    uint64_t budget, period;          // ticks; 0: no budget
    uint64_t period_start, used_mark; // start of the period, `ticks` at that time
    struct timer refill;

    // The message it sent or waits for.
    struct port *port;   // WAIT_CALL, WAIT_RECV: in whose queue
    struct reply *reply; // bound to (WAIT_REPLY, WAIT_FAULT), or to be bound (WAIT_RECV)
    uint64_t badge;      // of the handle that was called
    uint32_t delivery;   // earlier deliveries
    uint32_t call_number; // given when the call was made
    uint32_t fault;      // enum fault_kind: the message is a fault message
    uint64_t fault_words[IPC_WORDS];
    struct port *serves; // port whose queued callers lend their priority to this thread

    // System calls that continue where they left off.
    uint64_t cursor;
    uint32_t cursor_call; // number of the call that the cursor belongs to
    uint32_t retries;
    struct object *half_made; // being made by such a call; holds a reference

    struct list in_task;
    struct object obj;
};

static inline struct thread *thread_of(struct object *o)
{
    return CONTAINER(o, struct thread, obj);
}

enum { THREADS_MAX = 1024 }; // in one task: bounds what has to look at each of them

// Forgets where an interrupted system call was.
void thread_drop_cursor(struct thread *);
// A thread that starts at `entry`, held until thread_start. One reference for the caller.
MUST_USE enum status thread_create(struct task *, const struct thread_args *, struct thread **);
// Ends whatever the thread waits for; its system call returns `status`.
void thread_end_wait(struct thread *, enum status);
// Ends it for ever. It may still be current on a CPU, which will leave it soon.
void thread_kill(struct thread *);
bool thread_step(struct object *);
// Stops it or lets it go on; `hold` is a bit of enum hold.
void thread_hold(struct thread *, enum hold);
void thread_release(struct thread *, enum hold);
