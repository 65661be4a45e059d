// SPDX-License-Identifier: MIT
// System calls on threads.
#include "kernel/ipc/port.h"
#include "kernel/mem/user.h"
#include "kernel/system/calls.h"

enum : uint32_t { PERIOD_MAX_US = 10'000'000 };

static const uint32_t thread_rights =
    RIGHT_COPY | RIGHT_TRANSFER | RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE;

static bool sched_ok(const struct thread *t, uint64_t priority, uint64_t budget, uint64_t period)
{
    return priority <= t->priority && period <= PERIOD_MAX_US && budget <= period &&
           (budget == 0) == (period == 0);
}

// Whoever has a budget makes no thread with a greater share of the processor than its own.
static bool share_ok(const struct thread *t, uint64_t budget_us, uint64_t period_us)
{
    return t->budget == 0 || (budget_us != 0 && budget_us * t->period <= period_us * t->budget);
}

static bool same_budget(const struct thread *t, uint64_t budget_us, uint64_t period_us)
{
    return t->budget == arch_ns_to_ticks(budget_us * 1000) &&
           t->period == arch_ns_to_ticks(period_us * 1000);
}

int sys_thread_create(struct thread *t, struct regs *r)
{
    struct task *task;
    struct thread *made;
    struct thread_args args;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &task);
    if (status == OK) {
        status = user_copy_in(t->task, &args, r->rsi, sizeof(args));
    }
    if (status != OK) {
        return status;
    }
    if (!sched_ok(t, args.priority, args.budget_us, args.period_us) ||
        !share_ok(t, args.budget_us, args.period_us) || args.entry >= USER_MAX ||
        args.stack > USER_MAX) {
        return ERR_RANGE;
    }
    if (task->hold & (HOLD_DEAD | HOLD_EXITED)) {
        return ERR_STATE;
    }
    status = handle_reserve(t->task);
    if (status == OK) {
        status = thread_create(task, &args, &made);
    }
    if (status == OK) {
        r->rdx = handle_give(t->task, &made->obj, thread_rights, 0);
    }
    return status;
}

int sys_thread_start(struct thread *t, struct regs *r)
{
    struct thread *other;
    enum status status = call_thread(t, r->rdi, RIGHT_MANAGE, &other);
    if (status != OK) {
        return status;
    }
    if (!(other->hold & (HOLD_NEW | HOLD_STOPPED))) {
        return ERR_STATE;
    }
    other->task->started = true;
    other->hold &= ~(uint32_t)HOLD_NEW;
    thread_release(other, HOLD_STOPPED);
    return OK;
}

// Whoever is told finds it stopped. Bell: a port, or HANDLE_NONE.
static int stop_oneself(struct thread *t, uint64_t bell)
{
    struct handle_entry *e = NULL;
    if (bell != HANDLE_NONE) {
        enum status status = handle_get(&t->task->handles, bell, OBJ_PORT, RIGHT_NOTIFY, &e);
        if (status != OK) {
            return status;
        }
    }
    t->regs.rax = OK; // what it finds when somebody starts it again
    thread_hold(t, HOLD_STOPPED);
    if (e != NULL) {
        port_notify(port_of(e->object), e->badge);
    }
    return CALL_BLOCKED;
}

int sys_thread_stop(struct thread *t, struct regs *r)
{
    struct thread *other;
    enum status status = call_thread(t, r->rdi, RIGHT_MANAGE, &other);
    if (status != OK) {
        return status;
    }
    if (other == t) {
        return stop_oneself(t, r->rsi);
    }
    thread_hold(other, HOLD_STOPPED);
    if (other->wait != WAIT_FAULT) {
        thread_end_wait(other, ERR_CANCELLED);
    }
    return other->cpu != NULL ? CALL_AGAIN : OK; // returns when it really stands still
}

int sys_thread_get_regs(struct thread *t, struct regs *r)
{
    struct thread *other;
    struct thread_regs regs;
    enum status status = call_thread(t, r->rdi, RIGHT_READ, &other);
    if (status != OK) {
        return status;
    }
    arch_thread_get_regs(&other->regs, &other->arch, &regs);
    return user_copy_out(t->task, r->rsi, &regs, sizeof(regs));
}

int sys_thread_set_regs(struct thread *t, struct regs *r)
{
    struct thread *other;
    struct thread_regs regs;
    enum status status = call_thread(t, r->rdi, RIGHT_WRITE, &other);
    if (status == OK) {
        status = user_copy_in(t->task, &regs, r->rsi, sizeof(regs));
    }
    if (status != OK) {
        return status;
    }
    bool still = (other->hold | other->task->hold) != 0 || other->wait == WAIT_FAULT;
    if (!still || other == t) {
        return ERR_STATE;
    }
    if (other->cpu != NULL) {
        return CALL_AGAIN;
    }
    if (!arch_thread_set_regs(&other->regs, &other->arch, &regs)) {
        return ERR_RANGE;
    }
    thread_drop_cursor(other);
    return OK;
}

int sys_thread_set_sched(struct thread *t, struct regs *r)
{
    struct thread *other;
    enum status status = call_thread(t, r->rdi, RIGHT_MANAGE, &other);
    if (status != OK) {
        return status;
    }
    // A new budget is a full one: threads that have one must not refill themselves or each other.
    bool same = t->budget != 0 && same_budget(other, r->rdx, r->r10);
    if (!sched_ok(t, r->rsi, r->rdx, r->r10) || (t->budget != 0 && !same)) {
        return ERR_RANGE;
    }
    other->priority = (uint8_t)r->rsi;
    if (same) {
        sched_update_priority(other);
    } else {
        sched_set_budget(other, r->rdx, r->r10);
    }
    return OK;
}

int sys_thread_set_fsbase(struct thread *t, struct regs *r)
{
    if (r->rdi >= USER_MAX) {
        return ERR_RANGE;
    }
    arch_set_fsbase(&t->arch, r->rdi);
    return OK;
}

int sys_task_thread(struct thread *t, struct regs *r)
{
    struct task *task;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &task);
    if (status != OK) {
        return status;
    }
    if (r->rsi >= task->thread_count) {
        return ERR_NOT_FOUND;
    }
    status = handle_reserve(t->task);
    if (status != OK) {
        return status;
    }
    struct list *l = task->threads.next;
    for (uint64_t i = 0; i < r->rsi; i++) {
        l = l->next;
    }
    r->rdx = handle_add(t->task, &CONTAINER(l, struct thread, in_task)->obj, thread_rights, 0);
    return OK;
}
