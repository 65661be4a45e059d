// SPDX-License-Identifier: MIT
#include "kernel/ipc/reply.h"
#include "kernel/ipc/port.h"

static struct slab reply_slab = SLAB(struct reply);

enum status reply_create(struct task *task, struct reply **out)
{
    if (task->reply_count >= HANDLE_INDEX_MAX) {
        return ERR_QUOTA; // bounds what task_kill and task_inherit walk through
    }
    struct reply *r;
    enum status status = object_create(&reply_slab, OBJ_REPLY, task->account, 0, &r);
    if (status != OK) {
        return status;
    }
    list_init(&r->in_task);
    status = reply_set_owner(r, task);
    ASSERT(status == OK);
    *out = r;
    return OK;
}

enum status reply_set_owner(struct reply *r, struct task *task)
{
    if (r->owner == task) {
        return OK;
    }
    if (task != NULL && task->reply_count >= HANDLE_INDEX_MAX) {
        return ERR_QUOTA;
    }
    if (r->owner != NULL) {
        r->owner->reply_count--;
        list_remove(&r->in_task);
    }
    r->owner = task;
    if (task != NULL) {
        task->reply_count++;
        list_add_tail(&task->replies, &r->in_task);
    }
    return OK;
}

void reply_bind(struct reply *r, struct thread *caller, struct port *p)
{
    r->state = REPLY_BOUND;
    r->parked = false;
    r->thread = caller;
    r->port = p;
    object_get(&p->obj);
    caller->reply = r;
}

static void clear(struct reply *r, enum reply_state state)
{
    struct port *p = r->port;
    r->thread->reply = NULL;
    r->thread = NULL;
    r->port = NULL;
    r->state = state;
    r->parked = false;
    if (p != NULL) {
        object_put(&p->obj);
    }
}

struct thread *reply_unbind(struct reply *r)
{
    ASSERT(r->state == REPLY_BOUND);
    struct thread *caller = r->thread;
    clear(r, REPLY_FREE);
    return caller;
}

void reply_return(struct reply *r)
{
    struct port *p = r->port;
    object_get(&p->obj);
    port_return_call(p, reply_unbind(r));
    object_put(&p->obj);
}

void reply_caller_gone(struct reply *r)
{
    ASSERT(r->state == REPLY_BOUND);
    clear(r, REPLY_GONE);
}

void reply_fail(struct reply *r, enum status status)
{
    thread_end_wait(r->thread, status);
}

bool reply_step(struct object *o)
{
    struct reply *r = reply_of(o);
    if (o->refs > 0) {
        return true;
    }
    if (r->state == REPLY_BOUND) {
        reply_fail(r, ERR_RESTARTED);
    } else if (r->state == REPLY_WAITING) {
        thread_end_wait(r->thread, ERR_CANCELLED);
    }
    ASSERT(reply_set_owner(r, NULL) == OK);
    object_free(&reply_slab, o);
    return true;
}
