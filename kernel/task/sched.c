// SPDX-License-Identifier: MIT
// Invariant: a thread is in the run queue exactly if it is runnable and not current on a CPU; only a
// thread whose task got held may still be in it, and is dropped when its turn comes.
#include "kernel/task/sched.h"
#include "kernel/ipc/port.h"

struct cpu cpus[CPUS_MAX];
uint32_t cpu_count = 1;
struct queue run_queue;

enum : uint64_t {
    SLICE_NS = 10'000'000,
    // Budgets are checked this often while a thread has one; a fast call to it arms nothing.
    BUDGET_CHECK_NS = 1'000'000,
};

static uint32_t budget_threads; // living threads with a budget

// ---- Queues

static void link_before(struct thread *at, struct thread *t)
{
    t->next = at;
    t->prev = at->prev;
    at->prev->next = t;
    at->prev = t;
}

void queue_add_tail(struct queue *q, struct thread *t, uint32_t priority)
{
    t->queue_priority = (uint8_t)priority;
    if (q->bitmap & (1u << priority)) {
        link_before(q->head[priority], t);
    } else {
        q->bitmap |= 1u << priority;
        q->head[priority] = t->next = t->prev = t;
    }
}

void queue_add_head(struct queue *q, struct thread *t, uint32_t priority)
{
    queue_add_tail(q, t, priority);
    q->head[priority] = t; // the ring's last is its first's predecessor
}

void queue_remove(struct queue *q, struct thread *t)
{
    uint32_t priority = t->queue_priority;
    if (t->next == t) {
        q->bitmap &= ~(1u << priority);
        q->head[priority] = NULL;
    } else {
        t->next->prev = t->prev;
        t->prev->next = t->next;
        if (q->head[priority] == t) {
            q->head[priority] = t->next;
        }
    }
    t->next = t->prev = NULL;
}

struct thread *queue_top(const struct queue *q)
{
    return q->bitmap == 0 ? NULL : q->head[31 - __builtin_clz(q->bitmap)];
}

// ---- Becoming ready

static bool may_queue(const struct thread *t)
{
    return !t->queued && t->cpu == NULL && thread_runnable(t);
}

void sched_ready(struct thread *t)
{
    if (may_queue(t)) {
        t->queued = true;
        queue_add_head(&run_queue, t, t->effective);
    }
}

// The CPU that should run `t`: this one or another if it idles, else the one with the least to lose.
static struct cpu *best_cpu(const struct thread *t)
{
    struct cpu *self = arch_this_cpu(), *best = NULL;
    for (uint32_t i = 0; i < cpu_count; i++) {
        struct cpu *c = &cpus[i];
        if (!c->online || (c->current == NULL && c->resched && c != self)) {
            continue; // it is about to take somebody already
        }
        if (c->current == NULL && (best == NULL || best->current != NULL || c == self)) {
            best = c;
        } else if (c->current != NULL && c->current->effective < t->effective &&
                   (best == NULL || (best->current != NULL &&
                                     c->current->effective < best->current->effective))) {
            best = c;
        }
    }
    return best;
}

// Somebody waits now, so the slices of its equals count: their CPUs set their timers.
static void watch_slices(const struct thread *t)
{
    struct cpu *self = arch_this_cpu();
    sched_arm_timer(self);
    for (uint32_t i = 0; i < cpu_count; i++) {
        struct cpu *c = &cpus[i];
        bool equal = c->current != NULL && c->current->effective == t->effective;
        if (c != self && equal && c->timer_at > c->slice_end) {
            arch_ipi_resched(c);
        }
    }
}

void sched_kick(struct thread *t)
{
    if (!t->queued) {
        return;
    }
    struct cpu *c = best_cpu(t), *self = arch_this_cpu();
    if (c == NULL) {
        watch_slices(t);
        return;
    }
    c->resched = true;
    if (c != self) {
        arch_ipi_resched(c);
    }
}

void sched_wake(struct thread *t)
{
    if (may_queue(t)) {
        t->queued = true;
        queue_add_tail(&run_queue, t, t->effective);
        sched_kick(t);
    }
}

void sched_stop(struct thread *t)
{
    if (t->queued) {
        queue_remove(&run_queue, t);
        t->queued = false;
    }
    if (t->cpu != NULL) {
        t->cpu->resched = true;
        if (t->cpu != arch_this_cpu()) {
            t->cpu->evict = true; // it may enter the kernel before the interrupt reaches it
            arch_ipi_resched(t->cpu);
        }
    }
}

// ---- Priorities

void sched_update_priority(struct thread *t)
{
    uint8_t effective = t->inherited > t->priority ? t->inherited : t->priority;
    if (t->demoted) {
        effective = 0;
    }
    if (effective == t->effective) {
        return;
    }
    bool raised = effective > t->effective;
    t->effective = effective;
    if (t->queued) {
        queue_remove(&run_queue, t);
        queue_add_tail(&run_queue, t, effective);
        sched_kick(t);
    } else if (t->port != NULL && t->wait != WAIT_RECV) {
        queue_remove(&t->port->callers, t);
        queue_add_tail(&t->port->callers, t, effective);
    } else if (t->cpu != NULL && !raised) {
        sched_stop(t); // somebody else may have to run there now
    }
}

void sched_set_inherited(struct thread *t, uint32_t priority)
{
    t->inherited = (uint8_t)priority;
    sched_update_priority(t);
}

// ---- Budgets

static uint64_t used_in_period(const struct thread *t, uint64_t now)
{
    uint64_t ticks = t->ticks;
    if (t->cpu != NULL) {
        ticks += now - t->cpu->since;
    }
    return ticks - t->used_mark;
}

void sched_refill(struct timer *timer)
{
    struct thread *t = CONTAINER(timer, struct thread, refill);
    t->demoted = false;
    t->period_start = arch_ticks();
    t->used_mark = t->ticks;
    sched_update_priority(t);
}

static void check_budget(struct thread *t, uint64_t now)
{
    if (t->budget == 0 || t->demoted) {
        return;
    }
    if (now - t->period_start >= t->period) {
        t->period_start = now;
        t->used_mark = t->ticks;
    } else if (used_in_period(t, now) >= t->budget) {
        uint64_t left = t->period - (now - t->period_start);
        t->demoted = true;
        timer_arm(&t->refill, arch_now_ns() + arch_ticks_to_ns(left), sched_refill);
        sched_update_priority(t);
    }
}

void sched_set_budget(struct thread *t, uint64_t budget_us, uint64_t period_us)
{
    budget_threads += (budget_us != 0) - (t->budget != 0);
    timer_cancel(&t->refill);
    t->demoted = false;
    t->budget = arch_ns_to_ticks(budget_us * 1000);
    t->period = arch_ns_to_ticks(period_us * 1000);
    t->period_start = arch_ticks();
    t->used_mark = t->ticks;
    sched_update_priority(t);
}

void sched_detach(struct thread *t)
{
    sched_stop(t);
    budget_threads -= t->budget != 0;
    t->budget = 0;
    timer_cancel(&t->refill);
}

// ---- Choosing

void sched_account(struct cpu *cpu, uint64_t now)
{
    if (cpu->current != NULL) {
        cpu->current->ticks += now - cpu->since;
    } else {
        cpu->idle_ticks += now - cpu->since;
    }
    cpu->since = now;
}

void sched_switch(struct cpu *cpu, struct thread *to, uint64_t now)
{
    struct thread *from = cpu->current;
    sched_account(cpu, now);
    if (from != NULL) {
        from->cpu = NULL;
    }
    cpu->current = to;
    if (to != NULL) {
        to->cpu = cpu;
        to->switches++;
    }
    sched_switch_state(cpu, from, to);
}

// Takes the next thread out of the run queue; those whose task is held just leave it.
static struct thread *take_next(void)
{
    struct thread *t;
    while ((t = queue_top(&run_queue)) != NULL) {
        queue_remove(&run_queue, t);
        t->queued = false;
        if (thread_runnable(t)) {
            return t;
        }
    }
    return NULL;
}

static uint64_t slice_ticks(void)
{
    static uint64_t ticks; // converted once
    if (ticks == 0) {
        ticks = arch_ns_to_ticks(SLICE_NS);
    }
    return ticks;
}

void sched_run(struct cpu *cpu)
{
    struct thread *t = cpu->current;
    uint64_t now = arch_ticks();
    cpu->resched = cpu->evict = false;
    if (t != NULL && t->budget != 0) {
        check_budget(t, now);
        cpu->resched = false;
    }
    if (t != NULL && thread_runnable(t)) {
        struct thread *top = queue_top(&run_queue);
        bool expired = now >= cpu->slice_end;
        if (top == NULL || top->effective < t->effective ||
            (top->effective == t->effective && !expired)) {
            if (expired) {
                cpu->slice_end = now + slice_ticks(); // nobody to give way to
            }
            sched_arm_timer(cpu);
            return;
        }
        t->queued = true;
        if (expired) {
            queue_add_tail(&run_queue, t, t->effective);
        } else {
            queue_add_head(&run_queue, t, t->effective);
        }
    }
    struct thread *next = take_next();
    // Whoever takes over from an equal in the middle of a slice gets the rest of it: threads that
    // hand the CPU to and fro must not starve a third.
    if (now >= cpu->slice_end || t == NULL || next == NULL || next->effective != t->effective) {
        cpu->slice_end = now + slice_ticks();
    }
    if (next != t) {
        sched_switch(cpu, next, now);
    }
    sched_arm_timer(cpu);
}

void sched_arm_timer(struct cpu *cpu)
{
    uint64_t at = UINT64_MAX;
    if (cpu->current != NULL && run_queue.bitmap != 0) {
        at = cpu->slice_end;
    }
    if (cpu->current != NULL && budget_threads != 0) {
        at = min_u64(at, arch_ticks() + arch_ns_to_ticks(BUDGET_CHECK_NS));
    }
    if (timer_next != UINT64_MAX && cpu == &cpus[0]) {
        uint64_t ticks = arch_ns_to_ticks(timer_next); // users choose the time: it may be absurd
        at = min_u64(at, machine.tsc_base + min_u64(ticks, UINT64_MAX - machine.tsc_base - 1));
    }
    if (at < cpu->timer_at) {
        cpu->timer_at = at;
        arch_timer_set(cpu, at);
    }
}

void sched_tick(struct cpu *cpu)
{
    cpu->timer_at = UINT64_MAX;
    if (cpu == &cpus[0]) {
        timer_run(arch_now_ns());
    }
    cpu->resched = true; // sched_run checks slice and budget and arms the timer again
}
