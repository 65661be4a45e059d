// SPDX-License-Identifier: MIT
#include "kernel/task/object.h"
#include "kernel/ipc/port.h"
#include "kernel/ipc/reply.h"
#include "kernel/irq/iorange.h"
#include "kernel/irq/irq.h"
#include "kernel/mem/memory.h"
#include "kernel/task/task.h"
#include "kernel/task/thread.h"

// Each step function does a bounded bit of work and returns true when nothing is left to do for the
// object now: if no references were left, it has freed the object.
typedef bool (*step_function)(struct object *);
static const step_function step_of[OBJECT_TYPES] = {
    [OBJ_TASK] = task_step,       [OBJ_THREAD] = thread_step, [OBJ_PORT] = port_step,
    [OBJ_REPLY] = reply_step,     [OBJ_MEMORY] = memory_step, [OBJ_IRQ] = irq_step,
    [OBJ_IORANGE] = iorange_step,
};

struct object *work_head;
static struct object **last_work = &work_head;
static uint64_t living[OBJECT_TYPES], next_id = 1, waiting;

enum status object_create(struct slab *slab, enum object_type type, struct account *account,
                          uint64_t extra, void *out)
{
    if (extra > UINT64_MAX - slab->size) {
        return ERR_QUOTA;
    }
    enum status status = account_charge(account, slab->size + extra);
    if (status != OK) {
        return status;
    }
    struct object *o = slab_alloc(slab); // the object is the first member, or found by the type
    if (o == NULL) {
        account_uncharge(account, slab->size + extra);
        return ERR_MEMORY;
    }
    if (type == OBJ_THREAD) {
        *(struct thread **)out = (struct thread *)o;
        o = &((struct thread *)o)->obj; // registers come first there
    } else {
        *(struct object **)out = o;
    }
    o->type = type;
    o->refs = 1;
    o->id = next_id++;
    o->account = account;
    o->charged = slab->size + extra;
    account_get(account);
    living[type]++;
    return OK;
}

void object_free(struct slab *slab, struct object *o)
{
    living[o->type]--;
    account_uncharge(o->account, o->charged);
    account_put(o->account);
    void *item = o->type == OBJ_THREAD ? (void *)thread_of(o) : (void *)o;
    slab_free(slab, item);
}

void object_need_work(struct object *o)
{
    if (!o->listed) {
        o->listed = true;
        waiting++;
        o->next_work = NULL;
        *last_work = o;
        last_work = &o->next_work;
        arch_this_cpu()->resched = true; // leaving the kernel takes the long way
    }
}

void object_put(struct object *o)
{
    ASSERT(o->refs > 0);
    if (--o->refs == 0) {
        object_need_work(o);
    }
}

enum status object_recharge(struct object *o, struct account *to)
{
    if (to == o->account) {
        return OK;
    }
    enum status status = account_charge(to, o->charged);
    if (status != OK) {
        return status;
    }
    account_uncharge(o->account, o->charged);
    account_get(to);
    account_put(o->account);
    o->account = to;
    return OK;
}

uint64_t work_waiting(void)
{
    return waiting;
}

bool work_run(uint32_t steps)
{
    while (steps-- > 0 && work_head != NULL) {
        struct object *o = work_head;
        work_head = o->next_work;
        if (work_head == NULL) {
            last_work = &work_head;
        }
        o->listed = false;
        waiting--;
        if (!step_of[o->type](o)) {
            object_need_work(o); // at the end: somebody else's work may have to come first
        }
    }
    return work_head != NULL;
}

uint64_t object_living(enum object_type type)
{
    return living[type];
}
