// SPDX-License-Identifier: MIT
// Reply objects: the obligation to answer one caller. Made ahead of time and handed to receive, so that
// no message ever needs an allocation.
#pragma once
#include "kernel/task/object.h"

struct port;
struct task;
struct thread;

enum reply_state {
    REPLY_FREE = 0,
    REPLY_WAITING = 1, // thread: a receiver that will bind its caller to it
    REPLY_BOUND = 2,   // thread: the caller
    REPLY_GONE = 3,    // the caller vanished; answering does nothing
};

struct reply {
    struct object obj;
    uint8_t state; // enum reply_state
    bool parked;
    struct thread *thread;
    struct port *port;   // BOUND: where the call came from; holds a reference
    struct task *owner;  // the task that received through it last (or made it), NULL if gone
    struct list in_task; // owner->replies
};

static inline struct reply *reply_of(struct object *o)
{
    return (struct reply *)o;
}

MUST_USE enum status reply_create(struct task *, struct reply **);
bool reply_step(struct object *);
// The task answers for it from now on. ERR_QUOTA: it has too many.
MUST_USE enum status reply_set_owner(struct reply *, struct task *);
void reply_bind(struct reply *, struct thread *caller, struct port *);
// Frees it from its caller, whose call is not ended by this.
// Sends the caller back to the head of the queue of the port it called, its delivery count one
// higher. The Reply is free.
void reply_return(struct reply *);
struct thread *reply_unbind(struct reply *);
void reply_caller_gone(struct reply *);
// Ends the caller's call with a status, without a message.
void reply_fail(struct reply *, enum status);
