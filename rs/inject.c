// SPDX-License-Identifier: MIT
// Death on command: the thread is stopped wherever it is and made to go on in a function of its own
// runtime that dies in the way asked for. What follows is a death like any other.
#include "rs/service.h"

static const char *function_of(enum rs_how how)
{
    switch (how) {
    case RS_NULL_POINTER:
        return "rt_die_null";
    case RS_JUMP:
        return "rt_die_jump";
    case RS_LOOP:
        return "rt_die_loop";
    case RS_ASSERTION:
        return "rt_die_assert";
    case RS_END:
        return "rt_die_exit";
    default:
        return nullptr;
    }
}

// Pushes the interrupted place as if it had called the function, so that the backtrace shows it.
static enum status divert(struct service *s, uint64_t function)
{
    struct thread_regs regs;
    enum status status = sys_thread_get_regs(s->living->thread, &regs);
    if (status != OK) {
        return status;
    }
    uint64_t interrupted = regs.rip;
    regs.rsp = (regs.rsp & ~15ull) - 8;
    regs.rip = function;
    status = sys_task_write(s->living->task, regs.rsp, &interrupted, sizeof(interrupted));
    return status == OK ? sys_thread_set_regs(s->living->thread, &regs) : status;
}

static void kill_now(struct service *s, enum rs_how how)
{
    const struct death_facts f = {.cause = RS_KILLED, .how = how, .text = "killed by command"};
    service_died(s, &f);
}

// At commit: a thread that was stopped for an order of which nobody knows any more would stay so. Twice does no harm.
static void carry_out(void *arg)
{
    struct service *s = arg;
    if (s->asked == 0 || !service_lives(s)) {
        return; // somebody else was quicker
    }
    const struct body *b = s->living;
    (void)sys_thread_stop(b->thread);
    if (s->asked == RS_SILENCE) {
        return;
    }
    uint64_t function = symbol_address(&b->module->elf, b->layout, s->layout_bytes, function_of(s->asked));
    if (function == 0 || divert(s, function) != OK) {
        kill_now(s, s->asked); // it is just being linked, or its stack is gone: nothing to die in
    } else {
        (void)sys_thread_start(b->thread);
    }
}

enum status inject(struct service *s, enum rs_how how)
{
    if (!service_lives(s)) {
        return ERR_STATE;
    }
    if (how == RS_NOW || s->state == RS_HELD) {
        kill_now(s, how);
        return OK;
    }
    s->asked = how;
    at_commit(carry_out, s);
    return OK;
}
