// SPDX-License-Identifier: MIT
#include "kernel/ipc/port.h"
#include "kernel/ipc/message.h"
#include "kernel/ipc/reply.h"

enum {
    DRAIN_AT_ONCE = 16, // waiting threads that one step of a dying port releases
    BOOST_DEPTH = 8,    // how many servers in a row a waiting caller's priority is passed along
};

static struct slab port_slab = SLAB(struct port);
uint32_t last_call_number;

enum status port_create(struct account *account, struct port **out)
{
    return object_create(&port_slab, OBJ_PORT, account, 0, out);
}

// ---- Chains of receivers

static struct thread **chain_of(struct port *p, const struct thread *t)
{
    return t->notify_only ? &p->notify_receivers : &p->receivers;
}

void port_add_receiver(struct port *p, struct thread *t)
{
    struct thread **head = chain_of(p, t);
    t->wait = WAIT_RECV;
    t->port = p;
    t->prev = NULL;
    t->next = *head;
    if (t->next != NULL) {
        t->next->prev = t;
    }
    *head = t;
}

void port_remove_receiver(struct port *p, struct thread *t)
{
    if (t->prev != NULL) {
        t->prev->next = t->next;
    } else {
        *chain_of(p, t) = t->next;
    }
    if (t->next != NULL) {
        t->next->prev = t->prev;
    }
    t->next = t->prev = NULL;
    t->port = NULL;
    if (t->reply != NULL) {
        t->reply->state = REPLY_FREE;
        t->reply->thread = NULL;
        t->reply = NULL;
    }
}

void port_remove_caller(struct port *p, struct thread *t)
{
    queue_remove(&p->callers, t);
    t->port = NULL;
}

uint32_t port_count_waiting(const struct port *p, uint32_t limit)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < PRIORITIES; i++) {
        struct thread *first = p->callers.bitmap & (1u << i) ? p->callers.head[i] : NULL, *t = first;
        while (t != NULL && n < limit) {
            n++;
            t = t->next == first ? NULL : t->next;
        }
    }
    return n;
}

// ---- Priorities along calls

void port_forget_server(struct thread *t)
{
    if (t->serves != NULL) {
        t->serves->server = NULL;
        t->serves = NULL;
    }
}

void port_serve(struct port *p, struct thread *server, uint32_t priority)
{
    if (p->server != server) {
        port_forget_server(server);
        if (p->server != NULL) {
            p->server->serves = NULL;
        }
        p->server = server;
        server->serves = p;
    }
    if (server->inherited != priority) {
        sched_set_inherited(server, priority);
    }
}

// A caller waits in the queue: its priority goes to the server, and to the one that it waits for.
static void boost(struct port *p, uint32_t priority)
{
    for (int depth = 0; depth < BOOST_DEPTH && p != NULL; depth++) {
        struct thread *s = p->server;
        bool idle = s != NULL && s->wait == WAIT_RECV && !s->notify_only;
        if (s == NULL || s->effective >= priority || idle) {
            return;
        }
        sched_set_inherited(s, priority);
        if (s->wait == WAIT_REPLY && s->reply != NULL) {
            p = s->reply->port;
        } else {
            p = s->wait == WAIT_CALL ? s->port : NULL;
        }
    }
}

// ---- Calls

static void hand_over(struct port *p, struct thread *caller, struct thread *receiver)
{
    struct reply *reply = receiver->reply;
    port_remove_receiver(p, receiver);
    receiver->wait = WAIT_NONE;
    message_deliver(p, caller, receiver, reply);
    sched_ready(receiver);
}

enum status port_call(struct port *p, struct thread *t, uint64_t badge)
{
    if (p->dead) {
        return ERR_DEAD;
    }
    t->badge = badge;
    t->delivery = 0;
    t->call_number = next_call_number();
    if (p->receivers != NULL) {
        hand_over(p, t, p->receivers);
        return OK;
    }
    t->wait = t->fault != 0 ? WAIT_FAULT : WAIT_CALL;
    t->port = p;
    queue_add_tail(&p->callers, t, t->effective);
    boost(p, t->effective);
    return OK;
}

void port_return_call(struct port *p, struct thread *t)
{
    if (t->delivery < TAG_DELIVERY_MASK >> TAG_DELIVERY_SHIFT) {
        t->delivery++;
    }
    t->wait = t->fault != 0 ? WAIT_FAULT : WAIT_CALL;
    if (p->dead) {
        thread_end_wait(t, ERR_DEAD);
    } else if (p->receivers != NULL) {
        struct thread *receiver = p->receivers;
        hand_over(p, t, receiver);
        sched_kick(receiver);
    } else {
        t->port = p;
        queue_add_head(&p->callers, t, t->effective);
    }
}

// ---- Receiving

static void deliver_bits(struct port *p, struct thread *t)
{
    t->regs.rax = OK;
    t->regs.rdi = 0;
    t->regs.rsi = TAG_NOTIFY;
    t->regs.r14 = p->bits;
    t->regs.r15 = 0;
    p->bits = 0;
}

void port_notify(struct port *p, uint64_t bits)
{
    p->bits |= bits;
    struct thread *t = p->notify_receivers != NULL ? p->notify_receivers : p->receivers;
    if (t != NULL && p->bits != 0) {
        port_remove_receiver(p, t);
        t->wait = WAIT_NONE;
        deliver_bits(p, t);
        sched_wake(t);
    }
}

int port_receive(struct port *p, struct thread *t, struct reply *reply, uint64_t flags)
{
    if (!(flags & RECV_NOTIFY_ONLY)) {
        t->inherited = 0; // done with the caller it worked for
    }
    struct thread *caller = flags & RECV_NOTIFY_ONLY ? NULL : queue_top(&p->callers);
    int result = OK;
    if (p->bits != 0) {
        deliver_bits(p, t);
    } else if (caller != NULL) {
        port_remove_caller(p, caller);
        message_deliver(p, caller, t, reply);
    } else if (flags & RECV_NONBLOCK) {
        result = ERR_AGAIN;
    } else if (p->dead) {
        result = ERR_DEAD;
    } else {
        t->notify_only = (flags & RECV_NOTIFY_ONLY) != 0;
        if (!t->notify_only) {
            t->reply = reply;
            reply->thread = t;
            reply->state = REPLY_WAITING;
        }
        port_add_receiver(p, t);
        arch_this_cpu()->resched = true;
        result = CALL_BLOCKED;
    }
    sched_update_priority(t);
    return result;
}

// ---- The end

void port_drop_receiver(struct port *p)
{
    if (--p->recv_handles == 0) {
        p->dead = true;
        object_need_work(&p->obj);
    }
}

// Releases a bounded number of waiting threads; true when none is left.
static bool drain(struct port *p)
{
    for (int i = 0; i < DRAIN_AT_ONCE; i++) {
        struct thread *t = queue_top(&p->callers);
        if (t == NULL) {
            t = p->receivers != NULL ? p->receivers : p->notify_receivers;
        }
        if (t == NULL) {
            return true;
        }
        thread_end_wait(t, ERR_DEAD);
    }
    return false;
}

bool port_step(struct object *o)
{
    struct port *p = port_of(o);
    if (!p->dead && o->refs > 0) {
        return true;
    }
    if (!drain(p)) {
        return false;
    }
    if (o->refs == 0) {
        timer_cancel(&p->timer);
        if (p->server != NULL) {
            port_forget_server(p->server);
        }
        object_free(&port_slab, o);
    }
    return true;
}
