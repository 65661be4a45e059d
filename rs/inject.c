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

// At commit: before, nobody would know that its death was asked for.
static void go_on(void *arg)
{
    const struct service *s = arg;
    if (s->living != nullptr) {
        (void)sys_thread_start(s->living->thread);
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
    if (how == RS_SILENCE) {
        return sys_thread_stop(s->living->thread);
    }
    const struct body *b = s->living;
    uint64_t function = symbol_address(&b->module->elf, b->layout, s->layout_bytes,
                                       function_of(how));
    (void)sys_thread_stop(s->living->thread);
    if (function == 0 || divert(s, function) != OK) {
        kill_now(s, how); // it is just being linked, or its stack is gone: nothing to die in
        return OK;
    }
    at_commit(go_on, s);
    return OK;
}
