// SPDX-License-Identifier: MIT
// Scheduling: one run queue for all CPUs under the big lock, 32 priorities, round robin with slices
// among equals. See docs/decisions/0002-global-run-queue.md.
#pragma once
#include "kernel/task/task.h"
#include "kernel/task/thread.h"

// Threads in 32 rings; used for the run queue and for the callers of a port. A thread may be in one
// queue at a time.
struct queue {
    uint32_t bitmap;
    struct thread *head[PRIORITIES];
};

void queue_add_tail(struct queue *, struct thread *, uint32_t priority);
void queue_add_head(struct queue *, struct thread *, uint32_t priority);
void queue_remove(struct queue *, struct thread *);
struct thread *queue_top(const struct queue *); // NULL if empty

extern struct queue run_queue;

static inline bool thread_runnable(const struct thread *t)
{
    return t->wait == WAIT_NONE && t->hold == 0 && t->task != NULL && t->task->hold == 0;
}

// Saves and loads what goes with the thread: FPU, address space. NULL: idle.
static inline void sched_switch_state(struct cpu *cpu, struct thread *from, struct thread *to)
{
    arch_switch_state(&cpu->arch, from != NULL ? &from->arch : NULL, to != NULL ? &to->arch : NULL,
                      to != NULL ? &to->task->space : NULL);
}

// Makes the thread ready if it can run and is not ready yet, and preempts a CPU for it if it should.
void sched_wake(struct thread *);
// The same without preempting anybody: for a thread about to take over this CPU. sched_kick does
// the second half.
void sched_ready(struct thread *);
void sched_kick(struct thread *);
// Takes a thread out of the run queue or asks its CPU to leave it.
void sched_stop(struct thread *);
// Recomputes the effective priority after a change of priority, inherited or demoted.
void sched_update_priority(struct thread *);
void sched_set_inherited(struct thread *, uint32_t priority);
void sched_set_budget(struct thread *, uint64_t budget_us, uint64_t period_us);
// Chooses who runs next on this CPU.
void sched_run(struct cpu *);
// Charges the time since the last switch to the current thread.
void sched_account(struct cpu *, uint64_t now);
// Makes `to` current without a choice; the fast path does the same inline.
void sched_switch(struct cpu *, struct thread *to, uint64_t now);
// Sets this CPU's timer if something is due before what it is set to.
void sched_arm_timer(struct cpu *);
void sched_tick(struct cpu *);
void sched_refill(struct timer *); // a budget's new period
void sched_detach(struct thread *); // before a thread is freed
