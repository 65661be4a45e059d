// SPDX-License-Identifier: MIT
// A message between two threads that are ready for each other, with nothing else to think about.
//
// call: the port has a waiting receiver that served it last; no handle travels.
// reply_recv: the reply answers a call (no fault) that came by the same port, nothing is queued or
// raised there, no handle travels, no flags, and no thread that is ready precedes the caller.
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

void fast_call(struct cpu *cpu, struct thread *t)
{
    struct handle_entry *e = handle_find(&t->task->handles, t->regs.rdi, OBJ_PORT);
    if (UNLIKELY(e == NULL) || UNLIKELY(!(e->rights & RIGHT_CALL)) ||
        UNLIKELY(t->regs.rsi & TAG_HANDLE)) {
        ordinary_call(cpu, t);
        return;
    }
    struct port *p = port_of(e->object);
    struct thread *to = p->receivers;
    if (UNLIKELY(to == NULL) || UNLIKELY(p->server != to) ||
        UNLIKELY((to->hold | to->task->hold) != 0)) {
        ordinary_call(cpu, t);
        return;
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
    t->call_number = next_call_number();
    p->delivered++;
    to->reply = NULL;
    to->port = NULL;
    to->wait = WAIT_NONE;
    to->inherited = t->effective;
    if (to->effective < t->effective && !to->demoted) {
        to->effective = t->effective;
    }
    uint64_t grant = t->regs.r15;
    uint64_t number = (uint64_t)t->call_number << TAG_CALL_SHIFT;
    copy_out(&to->regs, &t->regs, (t->regs.rsi & TAG_LABEL_MASK) | number);
    to->regs.rdi = e->badge;
    to->regs.r15 = grant >> 62 != 0 ? grant & (GRANT_LEN_MASK | GRANT_READ | GRANT_WRITE) : 0;
    hand_cpu(cpu, t, to);
}

static inline bool may_answer(const struct thread *t, const struct port *p, const struct reply *r)
{
    return LIKELY(r->state == REPLY_BOUND) && LIKELY(!r->parked) && LIKELY(r->port == p) &&
           LIKELY(r->owner == t->task) && LIKELY(p->server == t) &&
           LIKELY(p->callers.bitmap == 0) && LIKELY(p->bits == 0);
}

// The answered caller may run next: it is free to, and nobody who is ready precedes it.
static inline bool may_resume(const struct thread *to)
{
    return LIKELY(to->fault == 0) && LIKELY((to->hold | to->task->hold) == 0) &&
           LIKELY((uint64_t)run_queue.bitmap >> to->effective <= 1);
}

void fast_reply_recv(struct cpu *cpu, struct thread *t)
{
    struct handle_table *handles = &t->task->handles;
    struct handle_entry *pe = handle_find(handles, (uint32_t)t->regs.rdi, OBJ_PORT);
    if (UNLIKELY(pe == NULL) || UNLIKELY(!(pe->rights & RIGHT_RECV)) ||
        UNLIKELY(((t->regs.rsi & TAG_HANDLE) | t->regs.r14) != 0)) {
        ordinary_call(cpu, t);
        return;
    }
    struct handle_entry *re = handle_find(handles, t->regs.rdi >> 32, OBJ_REPLY);
    if (UNLIKELY(re == NULL)) {
        ordinary_call(cpu, t);
        return;
    }
    struct port *p = port_of(pe->object);
    struct reply *reply = reply_of(re->object);
    struct thread *to = reply->thread;
    if (!may_answer(t, p, reply) || !may_resume(to)) {
        ordinary_call(cpu, t);
        return;
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
}
