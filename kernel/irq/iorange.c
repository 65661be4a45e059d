// SPDX-License-Identifier: MIT
#include "kernel/irq/iorange.h"
#include "kernel/mem/user.h"
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

static enum status find_port_range(struct thread *t, uint64_t handle, struct iorange **out)
{
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, handle, OBJ_IORANGE, RIGHT_CONTROL, &e);
    if (status != OK) {
        return status;
    }
    *out = iorange_of(e->object);
    return (*out)->kind == IORANGE_PORT ? OK : ERR_TYPE;
}

static enum status find_ports(struct thread *t, struct regs *r)
{
    struct iorange *range;
    enum status status = find_port_range(t, r->rdi, &range);
    if (status != OK) {
        return status;
    }
    if (r->rdx != 1 && r->rdx != 2 && r->rdx != 4) {
        return ERR_ARG;
    }
    return iorange_covers(range, r->rsi, r->rdx) ? OK : ERR_RANGE;
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

// The word at `at` can be changed, and is *value now.
static enum status find_word(struct thread *t, uint64_t at, uint64_t *value)
{
    struct span word;
    enum status status = span_resolve(&word, t->task, at, sizeof(*value), PROT_WRITE);
    return status == OK ? user_copy_in(t->task, value, at, sizeof(*value)) : status;
}

// What was looked up before the first byte moved is there still.
static void must_copy_out(struct thread *t, uint64_t to, const void *from, uint64_t bytes)
{
    enum status status = user_copy_out(t->task, to, from, bytes);
    ASSERT(status == OK);
}

// Both addresses are looked up before the first byte goes out. So whenever the thread dies, the word
// says how much of its data the device has been given.
int sys_io_send(struct thread *t, struct regs *r)
{
    struct iorange *range;
    uint8_t bytes[IO_SEND_MAX];
    uint64_t port = r->rsi, from = r->rdx, count = r->r10, sent;
    enum status status = find_port_range(t, r->rdi, &range);
    if (status != OK) {
        return status;
    }
    if (count > IO_SEND_MAX || !iorange_covers(range, port, 1)) {
        return ERR_RANGE;
    }
    status = user_copy_in(t->task, bytes, from, count);
    if (status == OK) {
        status = find_word(t, r->r8, &sent);
    }
    if (status != OK) {
        return status;
    }
    for (uint64_t i = 0; i < count; i++) {
        arch_io_write((uint16_t)port, 1, bytes[i]);
    }
    sent += count;
    must_copy_out(t, r->r8, &sent, sizeof(sent));
    return OK;
}

// The other direction: a byte that was taken from the device is in memory, and counted there.
int sys_io_receive(struct thread *t, struct regs *r)
{
    struct iorange *range;
    struct span room;
    uint16_t got[IO_RECEIVE_MAX];
    uint64_t data = r->rsi & 0xffff, ready = r->rsi >> 16 & 0xffff, mask = r->rsi >> 32;
    uint64_t to = r->rdx, count = r->r10, received, n = 0;
    enum status status = find_port_range(t, r->rdi, &range);
    if (status != OK) {
        return status;
    }
    if (count > IO_RECEIVE_MAX || !iorange_covers(range, data, 1) ||
        !iorange_covers(range, ready, 1)) {
        return ERR_RANGE;
    }
    if (mask == 0 || mask > 0xff) {
        return ERR_ARG;
    }
    status = span_resolve(&room, t->task, to, count * sizeof(got[0]), PROT_WRITE);
    if (status == OK) {
        status = find_word(t, r->r8, &received);
    }
    if (status != OK) {
        return status;
    }
    while (n < count) {
        uint32_t said = arch_io_read((uint16_t)ready, 1);
        if ((said & mask) == 0) {
            break;
        }
        got[n++] = (uint16_t)(arch_io_read((uint16_t)data, 1) | said << 8);
    }
    received += n;
    must_copy_out(t, to, got, n * sizeof(got[0]));
    must_copy_out(t, r->r8, &received, sizeof(received));
    r->rdx = n;
    return OK;
}
