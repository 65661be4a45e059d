// SPDX-License-Identifier: MIT
#include "kernel/task/thread.h"
#include "kernel/ipc/message.h"
#include "kernel/ipc/port.h"
#include "kernel/ipc/reply.h"

static struct slab thread_slab = SLAB(struct thread);

enum status thread_create(struct task *task, const struct thread_args *args, struct thread **out)
{
    struct thread *t;
    if (task->thread_count >= THREADS_MAX) {
        return ERR_QUOTA;
    }
    enum status status = object_create(&thread_slab, OBJ_THREAD, task->account, 0, &t);
    if (status != OK) {
        return status;
    }
    arch_thread_init(&t->regs, &t->arch, args->entry, args->stack, args->args[0], args->args[1]);
    t->task = task;
    t->priority = t->effective = (uint8_t)args->priority;
    t->hold = HOLD_NEW;
    if (args->period_us != 0) {
        sched_set_budget(t, args->budget_us, args->period_us);
    }
    list_add_tail(&task->threads, &t->in_task);
    task->thread_count++;
    object_get(&t->obj); // as long as it lives
    *out = t;
    return OK;
}

void thread_drop_cursor(struct thread *t)
{
    t->cursor = 0;
    t->cursor_call = 0;
    t->retries = 0;
    if (t->half_made != NULL) {
        object_put(t->half_made);
        t->half_made = NULL;
    }
}

static void finish_wait(struct thread *t, enum status status)
{
    t->wait = WAIT_NONE;
    t->regs.rax = status;
    sched_wake(t);
}

void thread_end_wait(struct thread *t, enum status status)
{
    switch (t->wait) {
    case WAIT_CALL:
        if (t->port != NULL) {
            port_remove_caller(t->port, t);
        }
        finish_wait(t, status);
        break;
    case WAIT_REPLY:
        reply_caller_gone(t->reply);
        finish_wait(t, status);
        break;
    case WAIT_RECV:
        port_remove_receiver(t->port, t);
        finish_wait(t, status);
        break;
    case WAIT_FAULT: // it goes on waiting, but for nobody
        if (t->port != NULL) {
            port_remove_caller(t->port, t);
        } else if (t->reply != NULL) {
            reply_caller_gone(t->reply);
        }
        if (status == ERR_DEAD) {
            message_fault_unheard(t);
        }
        break;
    default:
        break;
    }
}

void thread_hold(struct thread *t, enum hold why)
{
    t->hold |= why;
    sched_stop(t);
}

void thread_release(struct thread *t, enum hold why)
{
    t->hold &= ~(uint32_t)why;
    sched_wake(t);
}

void thread_kill(struct thread *t)
{
    struct task *task = t->task;
    thread_hold(t, HOLD_DEAD);
    thread_end_wait(t, ERR_CANCELLED);
    port_forget_server(t);
    thread_drop_cursor(t);
    sched_detach(t);
    list_remove(&t->in_task);
    task->thread_count--;
    if (t->cpu != NULL) {
        sched_account(t->cpu, arch_ticks());
    }
    task->ended_ticks += t->ticks;
    t->task = NULL;
    object_put(&t->obj);
}

bool thread_step(struct object *o)
{
    static_assert(offsetof(struct thread, regs) == 0);
    struct thread *t = thread_of(o);
    if (o->refs > 0) {
        return true;
    }
    if (t->cpu != NULL) {
        return false; // its CPU is on the way out of it
    }
    object_free(&thread_slab, o);
    return true;
}
