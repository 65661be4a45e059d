// SPDX-License-Identifier: MIT
// Ports: where calls wait to be received, and where notification bits are raised.
//
// A port outlives the tasks that receive from it. It dies when the last handle with RIGHT_RECV is
// gone: nobody could ever answer, so everybody who waits gets ERR_DEAD.
#pragma once
#include "kernel/task/sched.h"

struct reply;

struct port {
    struct object obj;
    struct thread *receivers; // chain, last come first: its caches are warm
    struct thread *server;    // who received a call last: callers in the queue boost it
    struct queue callers;     // WAIT_CALL, or WAIT_FAULT with thread->port set
    struct thread *notify_receivers; // chain of those that leave calls alone
    uint64_t bits;            // raised and not yet received
    uint64_t delivered;
    uint64_t recv_handles;    // handles with RIGHT_RECV; 0: dead, once it had one
    bool dead;
    struct timer timer;
    uint64_t timer_bits;
};

static inline struct port *port_of(struct object *o)
{
    return (struct port *)o;
}

MUST_USE enum status port_create(struct account *, struct port **);
void port_drop_receiver(struct port *); // a handle with RIGHT_RECV is gone
bool port_step(struct object *);
void port_notify(struct port *, uint64_t bits);

// By which a receiver knows a call again. All numbers but 0 are used before one comes a second time.
extern uint32_t last_call_number;
static inline uint32_t next_call_number(void)
{
    if (UNLIKELY(++last_call_number == 0)) {
        last_call_number = 1;
    }
    return last_call_number;
}

// Starts a call (or, if thread->fault is set, a fault message): delivers it to a waiting receiver or
// queues it. The thread waits afterwards. ERR_DEAD: nothing happened.
MUST_USE enum status port_call(struct port *, struct thread *, uint64_t badge);
// Puts a caller whose receiver died back at the head of its queue; ends its call if the port died.
void port_return_call(struct port *, struct thread *);
// Takes whatever is there, or waits. OK: the registers hold the message. CALL_BLOCKED: waits.
// ERR_AGAIN with RECV_NONBLOCK, ERR_DEAD.
int port_receive(struct port *, struct thread *, struct reply *, uint64_t flags);
void port_remove_caller(struct port *, struct thread *);
void port_remove_receiver(struct port *, struct thread *);
void port_add_receiver(struct port *, struct thread *);
uint32_t port_count_waiting(const struct port *, uint32_t limit);
void port_forget_server(struct thread *);
// `server` works for a caller of this priority from now on.
void port_serve(struct port *, struct thread *server, uint32_t priority);
