// SPDX-License-Identifier: MIT
// A message between two threads that are ready for each other, with nothing else to think about.
//
// call: the port has a waiting receiver that served it last; no handle travels.
// reply_recv: the reply answers a call (no fault) that came through the same port, nothing is queued
// or raised there, no handle travels, no flags, and no thread that is ready precedes the caller.
// In both cases nobody is held, and effective priorities change only as said in the code. Neither
// allocates, touches the run queue, or programs the timer: the partner goes on with this slice.
#include "kernel/ipc/fast.h"
#include "kernel/ipc/message.h"

static inline void copy_out(struct regs *to, const struct regs *from, uint64_t tag)
{
    to->rax = OK;
    to->rsi = tag;
    message_copy_words(to, from);
}

static inline void hand_cpu(struct cpu *cpu, struct thread *from, struct thread *to)
{
    uint64_t now = arch_ticks();
    from->ticks += now - cpu->since;
    cpu->since = now;
    from->cpu = NULL;
    to->cpu = cpu;
    to->switches++;
    cpu->current = to;
    arch_switch_state(&cpu->arch, &from->arch, &to->arch, &to->task->space);
}

bool fast_call(struct cpu *cpu, struct thread *t)
{
    struct handle_entry *e = handle_find(&t->task->handles, t->regs.rdi, OBJ_PORT);
    if (UNLIKELY(e == NULL || !(e->rights & RIGHT_CALL) || (t->regs.rsi & TAG_HANDLE))) {
        return false;
    }
    struct port *p = port_of(e->object);
    struct thread *to = p->receivers;
    if (UNLIKELY(to == NULL || p->server != to || (to->hold | to->task->hold) != 0)) {
        return false;
    }
    // From here on nothing can fail.
    p->receivers = to->next;
    if (to->next != NULL) {
        to->next->prev = NULL;
    }
    struct reply *reply = to->reply;
    reply->state = REPLY_BOUND;
    reply->thread = t;
    reply->port = p;
    object_get(&p->obj);
    t->reply = reply;
    t->wait = WAIT_REPLY;
    t->badge = e->badge;
    t->delivery = 0;
    p->delivered++;
    to->reply = NULL;
    to->port = NULL;
    to->wait = WAIT_NONE;
    to->inherited = t->effective;
    if (to->effective < t->effective && !to->demoted) {
        to->effective = t->effective;
    }
    uint64_t grant = t->regs.r15;
    copy_out(&to->regs, &t->regs, t->regs.rsi & TAG_LABEL_MASK);
    to->regs.rdi = e->badge;
    to->regs.r15 = grant >> 62 != 0 ? grant & (GRANT_LEN_MASK | GRANT_READ | GRANT_WRITE) : 0;
    hand_cpu(cpu, t, to);
    return true;
}

bool fast_reply_recv(struct cpu *cpu, struct thread *t)
{
    struct handle_table *handles = &t->task->handles;
    struct handle_entry *pe = handle_find(handles, (uint32_t)t->regs.rdi, OBJ_PORT);
    struct handle_entry *re = handle_find(handles, t->regs.rdi >> 32, OBJ_REPLY);
    if (UNLIKELY(pe == NULL || re == NULL || !(pe->rights & RIGHT_RECV) ||
                 ((t->regs.rsi & TAG_HANDLE) | t->regs.r14) != 0)) {
        return false;
    }
    struct port *p = port_of(pe->object);
    struct reply *reply = reply_of(re->object);
    struct thread *to = reply->thread;
    if (UNLIKELY(reply->state != REPLY_BOUND || reply->parked || reply->port != p ||
                 reply->owner != t->task || p->server != t || p->callers.bitmap != 0 ||
                 p->bits != 0)) {
        return false;
    }
    if (UNLIKELY(to->fault != 0 || (to->hold | to->task->hold) != 0 ||
                 (uint64_t)run_queue.bitmap >> to->effective >> 1 != 0)) {
        return false;
    }
    // From here on nothing can fail. The port keeps its reference through the handle.
    p->obj.refs--;
    reply->state = REPLY_WAITING;
    reply->thread = t;
    reply->port = NULL;
    t->reply = reply;
    t->port = p;
    t->wait = WAIT_RECV;
    t->notify_only = false;
    t->prev = NULL;
    t->next = p->receivers;
    if (t->next != NULL) {
        t->next->prev = t;
    }
    p->receivers = t;
    t->inherited = 0;
    t->effective = t->demoted ? 0 : t->priority;
    to->reply = NULL;
    to->wait = WAIT_NONE;
    copy_out(&to->regs, &t->regs, t->regs.rsi & TAG_LABEL_MASK);
    hand_cpu(cpu, t, to);
    return true;
}
