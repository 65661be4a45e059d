// SPDX-License-Identifier: MIT
// System calls on ports and replies.
#include "kernel/ipc/message.h"
#include "kernel/mem/user.h"
#include "kernel/system/calls.h"

static enum status find_port(struct thread *t, uint64_t handle, uint32_t rights,
                             struct handle_entry **out)
{
    return handle_get(&t->task->handles, handle, OBJ_PORT, rights, out);
}

static enum status find_reply(struct thread *t, uint64_t handle, struct reply **out)
{
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, handle, OBJ_REPLY, 0, &e);
    if (status == OK) {
        *out = reply_of(e->object);
    }
    return status;
}

int sys_call(struct thread *t, struct regs *r)
{
    struct handle_entry *e;
    enum status status = find_port(t, r->rdi, RIGHT_CALL, &e);
    if (status == OK) {
        status = message_check_handle(t);
    }
    if (status == OK) {
        status = port_call(port_of(e->object), t, e->badge);
    }
    if (status != OK) {
        return status;
    }
    arch_this_cpu()->resched = true;
    return CALL_BLOCKED;
}

// What a receive needs; the Reply object must be free, or become free by the answer before it.
static enum status check_recv(struct thread *t, struct regs *r, bool answers, struct port **p,
                              struct reply **reply)
{
    struct handle_entry *e;
    enum status status = find_port(t, (uint32_t)r->rdi, RIGHT_RECV, &e);
    if (status != OK) {
        return status;
    }
    *p = port_of(e->object);
    *reply = NULL;
    if (r->r14 & ~(RECV_NONBLOCK | RECV_NOTIFY_ONLY)) {
        return ERR_ARG;
    }
    if (r->rdi >> 32 == 0 && (r->r14 & RECV_NOTIFY_ONLY) && !answers) {
        return OK;
    }
    status = find_reply(t, r->rdi >> 32, reply);
    if (status == OK && !answers && (*reply)->state != REPLY_FREE && (*reply)->state != REPLY_GONE) {
        return ERR_STATE;
    }
    return status;
}

int sys_recv(struct thread *t, struct regs *r)
{
    struct port *p;
    struct reply *reply;
    enum status status = check_recv(t, r, false, &p, &reply);
    if (status == OK && reply != NULL) {
        status = reply_set_owner(reply, t->task);
    }
    return status != OK ? (int)status : port_receive(p, t, reply, r->r14);
}

static enum status check_answer(struct thread *t, struct reply *reply)
{
    if (reply->state != REPLY_BOUND && reply->state != REPLY_GONE) {
        return ERR_STATE;
    }
    return message_check_handle(t);
}

int sys_reply(struct thread *t, struct regs *r)
{
    struct reply *reply;
    enum status status = find_reply(t, r->rdi >> 32, &reply);
    if (status == OK) {
        status = check_answer(t, reply);
    }
    if (status != OK) {
        return status;
    }
    struct thread *caller = message_reply(t, reply);
    if (caller != NULL) {
        sched_kick(caller);
    }
    return OK;
}

int sys_reply_recv(struct thread *t, struct regs *r)
{
    struct port *p;
    struct reply *reply;
    enum status status = check_recv(t, r, true, &p, &reply);
    if (status == OK) {
        status = check_answer(t, reply);
    }
    if (status == OK) {
        status = reply_set_owner(reply, t->task);
    }
    if (status != OK) {
        return status;
    }
    struct thread *caller = message_reply(t, reply);
    int result = port_receive(p, t, reply, r->r14);
    if (result != CALL_BLOCKED && caller != NULL) {
        sched_kick(caller); // this thread goes on: perhaps another CPU is free
    }
    return result;
}

int sys_notify(struct thread *t, struct regs *r)
{
    struct handle_entry *e;
    enum status status = find_port(t, r->rdi, RIGHT_NOTIFY, &e);
    if (status == OK) {
        port_notify(port_of(e->object), e->badge);
    }
    return status;
}

// Copies between the receiver's memory and the range that the bound caller granted.
int sys_grant_copy(struct thread *t, struct regs *r)
{
    struct reply *reply;
    uint64_t direction = r->rsi, offset = r->rdx, own = r->r10, bytes = r->r8;
    enum status status = find_reply(t, r->rdi, &reply);
    if (status != OK) {
        return status;
    }
    if (direction != GRANT_READ && direction != GRANT_WRITE) {
        return ERR_ARG;
    }
    if (reply->state != REPLY_BOUND) {
        return reply->state == REPLY_GONE ? ERR_CANCELLED : ERR_STATE;
    }
    struct thread *caller = reply->thread;
    uint64_t grant = caller->fault != 0 ? 0 : caller->regs.r15;
    if (!(grant & direction)) {
        return ERR_RIGHTS;
    }
    if (bytes > GRANT_COPY_MAX || !range_inside(offset, bytes, 0, grant & GRANT_LEN_MASK)) {
        return ERR_RANGE;
    }
    struct span theirs, ours;
    bool reads = direction == GRANT_READ;
    status = span_resolve(&ours, t->task, own, bytes, reads ? PROT_WRITE : PROT_READ);
    if (status == OK) {
        status = span_resolve(&theirs, caller->task, caller->regs.r14 + offset, bytes,
                              reads ? PROT_READ : PROT_WRITE);
    }
    if (status == OK) {
        span_copy(reads ? &ours : &theirs, reads ? &theirs : &ours);
    }
    return status;
}

int sys_reply_park(struct thread *t, struct regs *r)
{
    struct reply *reply;
    enum status status = find_reply(t, r->rdi, &reply);
    if (status != OK) {
        return status;
    }
    if (r->rsi > PARK_RETURN) {
        return ERR_ARG;
    }
    if (reply->state != REPLY_BOUND) {
        return reply->state == REPLY_GONE ? ERR_CANCELLED : ERR_STATE;
    }
    if (r->rsi == PARK_RETURN) {
        reply_return(reply);
    } else {
        reply->parked = r->rsi == PARK_ON;
    }
    return OK;
}

static void fire_port_timer(struct timer *timer)
{
    struct port *p = CONTAINER(timer, struct port, timer);
    port_notify(p, p->timer_bits);
}

int sys_timer_set(struct thread *t, struct regs *r)
{
    struct handle_entry *e;
    enum status status = find_port(t, r->rdi, RIGHT_RECV, &e);
    if (status != OK) {
        return status;
    }
    struct port *p = port_of(e->object);
    if (r->rsi == 0) {
        timer_cancel(&p->timer);
        return OK;
    }
    p->timer_bits = r->rdx;
    timer_arm(&p->timer, r->rsi, fire_port_timer);
    return OK;
}

int sys_port_create(struct thread *t, struct regs *r)
{
    struct port *p;
    enum status status = handle_reserve(t->task);
    if (status == OK) {
        status = port_create(t->task->account, &p);
    }
    if (status == OK) {
        uint32_t rights = RIGHT_COPY | RIGHT_TRANSFER | RIGHT_BADGE | RIGHT_CALL | RIGHT_RECV |
                          RIGHT_NOTIFY | RIGHT_MANAGE;
        r->rdx = handle_give(t->task, &p->obj, rights, 0);
    }
    return status;
}

int sys_reply_create(struct thread *t, struct regs *r)
{
    struct reply *reply;
    enum status status = handle_reserve(t->task);
    if (status == OK) {
        status = reply_create(t->task, &reply);
    }
    if (status == OK) {
        r->rdx = handle_give(t->task, &reply->obj, RIGHT_TRANSFER, 0);
    }
    return status;
}

int sys_port_info(struct thread *t, struct regs *r)
{
    struct handle_entry *e;
    enum status status = find_port(t, r->rdi, 0, &e);
    if (status != OK) {
        return status;
    }
    if (!(e->rights & (RIGHT_RECV | RIGHT_MANAGE))) {
        return ERR_RIGHTS;
    }
    enum { COUNT_LIMIT = 1000 }; // bounds the walk; more waiters are reported as this many
    struct port *p = port_of(e->object);
    struct port_info info = {.waiting = port_count_waiting(p, COUNT_LIMIT),
                             .bits = p->bits,
                             .delivered = p->delivered};
    for (struct thread *w = p->receivers; w != NULL && info.receivers < COUNT_LIMIT; w = w->next) {
        info.receivers++;
    }
    return user_copy_out(t->task, r->rsi, &info, sizeof(info));
}

int sys_reply_info(struct thread *t, struct regs *r)
{
    struct reply *reply;
    enum status status = find_reply(t, r->rdi, &reply);
    if (status != OK) {
        return status;
    }
    struct reply_info info = {.parked = reply->parked};
    if (reply->state == REPLY_BOUND) {
        struct thread *caller = reply->thread;
        info.bound = 1;
        info.delivery = caller->delivery;
        info.grant = caller->fault != 0 ? 0 : caller->regs.r15;
        info.badge = caller->badge;
    }
    return user_copy_out(t->task, r->rsi, &info, sizeof(info));
}
