// SPDX-License-Identifier: MIT
#include "kernel/task/task.h"
#include "kernel/ipc/port.h"
#include "kernel/ipc/reply.h"
#include "kernel/mem/region.h"

enum {
    KILL_AT_ONCE = 16,    // threads ended or callers returned in one step
    HANDLES_AT_ONCE = 32, // handles closed in one step
    TABLES_AT_ONCE = 16,  // page table pages freed in one step
};

static struct slab task_slab = SLAB(struct task);

enum status task_create(struct account *account, const char *name, struct task **out)
{
    struct task *task;
    enum status status = object_create(&task_slab, OBJ_TASK, account, 0, &task);
    if (status != OK) {
        return status;
    }
    task->account = account;
    list_init(&task->threads);
    list_init(&task->replies);
    status = arch_space_create(&task->space, account);
    if (status != OK) {
        goto no_space;
    }
    status = handle_table_init(task);
    if (status != OK) {
        goto no_handles;
    }
    for (int i = 0; i < NAME_SIZE - 1 && name[i] != 0; i++) {
        task->name[i] = name[i];
    }
    account_get(account);
    *out = task;
    return OK;
no_handles:
    while (!arch_space_destroy_step(&task->space, TABLES_AT_ONCE)) {
    }
no_space:
    object_free(&task_slab, &task->obj);
    return status;
}

bool task_on_cpu(const struct task *task)
{
    for (uint32_t i = 0; i < cpu_count; i++) {
        const struct thread *t = cpus[i].current;
        // A dead thread has no task any more, but its address space is still loaded there.
        if (t != NULL && (t->task == task || t->task == NULL)) {
            return true;
        }
    }
    return false;
}

void task_hold(struct task *task, enum hold why)
{
    task->hold |= why;
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (cpus[i].current != NULL && cpus[i].current->task == task) {
            sched_stop(cpus[i].current);
        }
    }
}

void task_release(struct task *task, enum hold why)
{
    task->hold &= ~(uint32_t)why;
    if (task->hold != 0) {
        return;
    }
    for (struct list *l = task->threads.next; l != &task->threads; l = l->next) {
        sched_wake(CONTAINER(l, struct thread, in_task));
    }
}

// Callers that the task received and neither answered nor parked go back to where they came from.
static bool return_callers(struct task *task, uint32_t budget)
{
    struct list *l = task->replies.next;
    while (l != &task->replies) {
        struct reply *r = CONTAINER(l, struct reply, in_task);
        l = l->next;
        if (r->state == REPLY_BOUND && !r->parked) {
            if (budget-- == 0) {
                return false;
            }
            reply_return(r);
        }
    }
    return true;
}

bool task_kill_step(struct task *task, uint32_t budget)
{
    if (!(task->hold & HOLD_DEAD)) {
        task_hold(task, HOLD_DEAD);
        if (task == root_task) {
            root_task = NULL;
            object_put(&task->obj);
        }
    }
    while (!list_empty(&task->threads)) {
        if (budget-- == 0) {
            return false;
        }
        thread_kill(CONTAINER(task->threads.next, struct thread, in_task));
    }
    return return_callers(task, budget);
}

// The task's last reference is gone: takes it apart from the outside in.
bool task_step(struct object *o)
{
    struct task *task = task_of(o);
    if (o->refs > 0) { // a kill that its caller did not live to see the end of
        return !(task->hold & HOLD_DEAD) || task_kill_step(task, KILL_AT_ONCE);
    }
    if (!task_kill_step(task, KILL_AT_ONCE) || task_on_cpu(task)) {
        return false;
    }
    if (task->handles.capacity > 0 && !handle_table_destroy_step(task, HANDLES_AT_ONCE)) {
        return false;
    }
    if (!task->space_gone) {
        task->space_gone = arch_space_destroy_step(&task->space, TABLES_AT_ONCE);
    }
    if (!task->space_gone || !region_drop_step(task)) {
        return false;
    }
    while (!list_empty(&task->replies)) { // those whose handles went elsewhere
        struct reply *r = CONTAINER(task->replies.next, struct reply, in_task);
        ASSERT(reply_set_owner(r, NULL) == OK);
    }
    if (task->fault_port != NULL) {
        object_put(&task->fault_port->obj);
    }
    account_put(task->account);
    object_free(&task_slab, o);
    return true;
}
