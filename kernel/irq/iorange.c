// SPDX-License-Identifier: MIT
#include "kernel/irq/iorange.h"
#include "kernel/system/calls.h"
#include "kernel/task/thread.h"

static struct slab iorange_slab = SLAB(struct iorange);

enum status iorange_create(struct account *account, enum iorange_kind kind, uint64_t base,
                           uint64_t length, struct iorange **out)
{
    struct iorange *r;
    enum status status = object_create(&iorange_slab, OBJ_IORANGE, account, 0, &r);
    if (status != OK) {
        return status;
    }
    r->kind = kind;
    r->base = base;
    r->length = length;
    *out = r;
    return OK;
}

bool iorange_step(struct object *o)
{
    if (o->refs == 0) {
        object_free(&iorange_slab, o);
    }
    return true;
}

int sys_iorange_split(struct thread *t, struct regs *r)
{
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, r->rdi, OBJ_IORANGE, RIGHT_CONTROL, &e);
    if (status != OK) {
        return status;
    }
    struct iorange *from = iorange_of(e->object), *made;
    uint32_t rights = e->rights;
    if (r->rdx == 0 || !iorange_covers(from, r->rsi, r->rdx)) {
        return ERR_RANGE;
    }
    status = handle_reserve(t->task);
    if (status == OK) {
        status = iorange_create(t->task->account, from->kind, r->rsi, r->rdx, &made);
    }
    if (status == OK) {
        r->rdx = handle_give(t->task, &made->obj, rights, 0);
    }
    return status;
}

static enum status find_ports(struct thread *t, struct regs *r)
{
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, r->rdi, OBJ_IORANGE, RIGHT_CONTROL, &e);
    if (status != OK) {
        return status;
    }
    if (iorange_of(e->object)->kind != IORANGE_PORT) {
        return ERR_TYPE;
    }
    if (r->rdx != 1 && r->rdx != 2 && r->rdx != 4) {
        return ERR_ARG;
    }
    return iorange_covers(iorange_of(e->object), r->rsi, r->rdx) ? OK : ERR_RANGE;
}

int sys_io_read(struct thread *t, struct regs *r)
{
    enum status status = find_ports(t, r);
    if (status == OK) {
        r->rdx = arch_io_read((uint16_t)r->rsi, (uint32_t)r->rdx);
    }
    return status;
}

int sys_io_write(struct thread *t, struct regs *r)
{
    enum status status = find_ports(t, r);
    if (status == OK) {
        arch_io_write((uint16_t)r->rsi, (uint32_t)r->rdx, (uint32_t)r->r10);
    }
    return status;
}
