// SPDX-License-Identifier: MIT
#include "kernel/irq/irq.h"
#include "kernel/ipc/port.h"
#include "kernel/irq/iorange.h"
#include "kernel/mem/user.h"
#include "kernel/system/calls.h"

static struct slab irq_slab = SLAB(struct irq);
static struct irq *by_vector[IRQ_VECTORS];

bool irq_step(struct object *o)
{
    struct irq *q = irq_of(o);
    if (o->refs > 0) {
        return true;
    }
    arch_irq_free(q->vector);
    by_vector[q->vector] = NULL;
    if (q->port != NULL) {
        object_put(&q->port->obj);
    }
    object_free(&irq_slab, o);
    return true;
}

void irq_fired(uint32_t vector)
{
    struct irq *q = vector < IRQ_VECTORS ? by_vector[vector] : NULL;
    if (q == NULL) {
        return;
    }
    if (q->level) {
        arch_irq_mask(vector);
    }
    if (q->port != NULL) {
        port_notify(q->port, q->bits);
    }
}

int sys_irq_create(struct thread *t, struct regs *r)
{
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, r->rdi, OBJ_IORANGE, RIGHT_CONTROL, &e);
    if (status != OK) {
        return status;
    }
    struct iorange *range = iorange_of(e->object);
    if (range->kind != IORANGE_IRQ) {
        return ERR_TYPE;
    }
    if (r->rdx & ~(uint64_t)(IRQ_LEVEL | IRQ_ACTIVE_LOW)) {
        return ERR_ARG;
    }
    if (!iorange_covers(range, r->rsi, 1)) {
        return ERR_RANGE;
    }
    struct irq *q;
    status = handle_reserve(t->task);
    if (status == OK) {
        status = object_create(&irq_slab, OBJ_IRQ, t->task->account, 0, &q);
    }
    if (status != OK) {
        return status;
    }
    bool msi = r->rsi == IRQ_MSI;
    uint32_t flags = (uint32_t)r->rdx;
    status = msi ? arch_irq_msi(&q->vector, &q->msi)
                 : arch_irq_route((uint32_t)r->rsi, &flags, &q->vector);
    if (status != OK) {
        object_free(&irq_slab, &q->obj);
        return status;
    }
    q->level = !msi && (flags & IRQ_LEVEL);
    by_vector[q->vector] = q;
    r->rdx = handle_give(t->task, &q->obj, RIGHT_COPY | RIGHT_TRANSFER | RIGHT_CONTROL, 0);
    return OK;
}

static enum status find_irq(struct thread *t, uint64_t handle, struct irq **out)
{
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, handle, OBJ_IRQ, RIGHT_CONTROL, &e);
    if (status == OK) {
        *out = irq_of(e->object);
    }
    return status;
}

int sys_irq_bind(struct thread *t, struct regs *r)
{
    struct irq *q;
    struct handle_entry *e;
    enum status status = find_irq(t, r->rdi, &q);
    if (status == OK) {
        status = handle_get(&t->task->handles, r->rsi, OBJ_PORT, RIGHT_NOTIFY, &e);
    }
    if (status != OK) {
        return status;
    }
    object_get(e->object);
    if (q->port != NULL) {
        object_put(&q->port->obj);
    }
    q->port = port_of(e->object);
    q->bits = e->badge;
    arch_irq_unmask(q->vector);
    return OK;
}

int sys_irq_ack(struct thread *t, struct regs *r)
{
    struct irq *q;
    enum status status = find_irq(t, r->rdi, &q);
    if (status == OK) {
        arch_irq_unmask(q->vector);
    }
    return status;
}

int sys_irq_msi(struct thread *t, struct regs *r)
{
    struct irq *q;
    enum status status = find_irq(t, r->rdi, &q);
    if (status != OK) {
        return status;
    }
    if (q->msi.address == 0) {
        return ERR_STATE;
    }
    return user_copy_out(t->task, r->rsi, &q->msi, sizeof(q->msi));
}
