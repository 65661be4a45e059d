// SPDX-License-Identifier: MIT
#include "kernel/ipc/message.h"
#include "kernel/system/log.h"

enum : uint64_t { TAG_FROM_SENDER = TAG_LABEL_MASK | TAG_HANDLE };

static uint64_t grant_word(uint64_t r15)
{
    bool usable = (r15 & (GRANT_READ | GRANT_WRITE)) != 0;
    return usable ? r15 & (GRANT_LEN_MASK | GRANT_READ | GRANT_WRITE) : 0;
}

enum status message_check_handle(struct thread *t)
{
    if (!(t->regs.rsi & TAG_HANDLE)) {
        return OK;
    }
    struct handle_entry *e = handle_any(&t->task->handles, (uint32_t)t->regs.rbx);
    if (e == NULL) {
        return ERR_HANDLE;
    }
    return e->rights & RIGHT_TRANSFER ? OK : ERR_RIGHTS;
}

// Gives `to` a copy of the handle in the sender's rbx, with those of the sender's rights that it
// asks for.
static enum status pass_handle(struct thread *from, struct thread *to)
{
    enum status status = message_check_handle(from);
    if (status == OK) {
        status = handle_reserve(to->task);
    }
    if (status != OK) {
        return status;
    }
    struct handle_entry *e = handle_any(&from->task->handles, (uint32_t)from->regs.rbx);
    uint32_t rights = e->rights & (uint32_t)(from->regs.rbx >> 32);
    handle_t given = handle_add(to->task, e->object, rights, e->badge);
    to->regs.rbx = given | (uint64_t)rights << 32;
    return OK;
}

static void copy_fault(struct regs *to, const uint64_t words[IPC_WORDS])
{
    to->rdx = words[0];
    to->r10 = words[1];
    to->r8 = words[2];
    to->r9 = words[3];
    to->r12 = words[4];
    to->r13 = words[5];
}

void message_deliver(struct port *p, struct thread *from, struct thread *to, struct reply *reply)
{
    uint64_t tag = (uint64_t)from->call_number << TAG_CALL_SHIFT |
                   (uint64_t)from->delivery << TAG_DELIVERY_SHIFT;
    if (from->fault != 0) {
        tag |= TAG_FAULT | from->fault;
        copy_fault(&to->regs, from->fault_words);
        to->regs.r15 = 0;
    } else {
        tag |= from->regs.rsi & TAG_LABEL_MASK;
        message_copy_words(&to->regs, &from->regs);
        to->regs.r15 = grant_word(from->regs.r15);
        if ((from->regs.rsi & TAG_HANDLE) && pass_handle(from, to) == OK) {
            tag |= TAG_HANDLE;
        }
    }
    to->regs.rax = OK;
    to->regs.rdi = from->badge;
    to->regs.rsi = tag;
    from->wait = from->fault != 0 ? WAIT_FAULT : WAIT_REPLY;
    from->port = NULL;
    reply_bind(reply, from, p);
    p->delivered++;
    port_serve(p, to, from->effective);
}

// A fault message is answered with FAULT_RESUME, or its thread stays where it is.
static void answer_fault(struct thread *server, struct thread *c)
{
    bool resume = (server->regs.rsi & TAG_LABEL_MASK) == FAULT_RESUME && c->fault != FAULT_EXIT;
    if (resume) {
        c->fault = 0;
        c->wait = WAIT_NONE;
        c->task->faulted = false;
        sched_ready(c);
    }
}

struct thread *message_reply(struct thread *server, struct reply *reply)
{
    if (reply->state == REPLY_GONE) {
        reply->state = REPLY_FREE;
        return NULL;
    }
    struct thread *c = reply_unbind(reply);
    if (c->fault != 0) {
        answer_fault(server, c);
        return c;
    }
    c->regs.rax = OK;
    c->regs.rsi = server->regs.rsi & TAG_LABEL_MASK;
    message_copy_words(&c->regs, &server->regs);
    if (server->regs.rsi & TAG_HANDLE) {
        enum status status = pass_handle(server, c);
        if (status == OK) {
            c->regs.rsi |= TAG_HANDLE;
        } else {
            c->regs.rax = status; // its quota, its error
        }
    }
    c->wait = WAIT_NONE;
    sched_ready(c);
    return c;
}

void message_fault(struct thread *t, uint32_t kind, const uint64_t words[IPC_WORDS])
{
    struct task *task = t->task;
    t->fault = kind;
    for (int i = 0; i < IPC_WORDS; i++) {
        t->fault_words[i] = words[i];
    }
    task->faulted = true;
    t->wait = WAIT_FAULT;
    arch_this_cpu()->resched = true;
    if (task->fault_port == NULL || port_call(task->fault_port, t, task->fault_badge) != OK) {
        message_fault_unheard(t);
    }
}

void message_fault_unheard(const struct thread *t)
{
    const uint64_t *w = t->fault_words;
    log_kernel("task %s stopped: fault %u, vector %lu, error %lx, ip %lx, address %lx, sp %lx\n",
               t->task->name, t->fault, w[0], w[1], w[2], w[3], w[4]);
    if (t->task == root_task) {
        log_kernel("the root task has ended: nobody is left to supervise\n");
        arch_system(SYSTEM_HALT);
    }
}
