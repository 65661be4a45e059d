// SPDX-License-Identifier: MIT
// A client of the template server that has it moved, and killed in every way there is, and looks each time that
// all came through: total, label, a request that was to be answered later.
#include "interfaces/rs.client.h"
#include "interfaces/template.client.h"
#include "lib/rt/rt.h"

enum { LATER_MS = 400, STACK_BYTES = 16 << 10, ANSWERED = 1, PATIENCE_S = 10, MOVED = 0 };

static handle_t tally, answered;
static uint32_t number, wrong;

static void check(bool right, const char *what)
{
    if (!right) {
        wrong++;
        log_error("wrong: %s", what);
    }
}

// ---- A second thread, which waits in the server while it dies ----

static enum status later_status;
static uint64_t later_total;

static void ask_later(void)
{
    struct ipc_message m = {.tag = TEMPLATE_LABEL_LATER, .w = {LATER_MS}};
    later_status = ipc_call_status(tally, &m, nullptr, 0);
    later_total = m.w[0];
    (void)ipc_notify(answered);
    sys_thread_exit();
}

static void start_asking(void)
{
    static alignas(16) uint8_t stack[STACK_BYTES];
    handle_t thread;
    struct task_info self;
    check(sys_task_info(0, &self) == OK, "own state");
    struct thread_args args = {
        .entry = (uint64_t)ask_later,
        .stack = (uint64_t)stack + STACK_BYTES - 8, // as a call instruction leaves it
        .priority = self.priority,
    };
    later_status = ERR_STATE;
    check(sys_thread_create(0, &args, &thread) == OK && sys_thread_start(thread) == OK, "a thread");
    (void)sys_handle_close(thread);
    rt_sleep_until(rt_now_ns() + 20000000); // by then it waits in the server
}

// ---- Deaths ----

static struct rs_service state_of_tally(void)
{
    struct rs_service s = {.number = 0};
    check(rs_info(H_RS, number, &s, sizeof(s)) == OK, "what the supervisor says");
    return s;
}

static bool next_incarnation(uint32_t before)
{
    uint64_t limit = rt_now_ns() + PATIENCE_S * 1000000000ull;
    while (rt_now_ns() < limit) {
        struct rs_service s = state_of_tally();
        if (s.incarnation > before && s.state == RS_READY) {
            return true;
        }
        rt_sleep_until(rt_now_ns() + 5000000);
    }
    return false;
}

static enum status end_its_life(enum rs_how how)
{
    return how == MOVED ? rs_move(H_RS, number) : rs_kill(H_RS, number, how);
}

static void live_on(enum rs_how how)
{
    uint64_t before, total = 0;
    uint32_t length, incarnation = state_of_tally().incarnation;
    char label[TEMPLATE_TEXT_MAX];
    check(template_add(tally, 5, &before) == OK, "adding");
    check(template_set_label(tally, "pears", 5) == OK, "a label");
    start_asking();
    check(end_its_life(how) == OK, "killing, or moving");
    check(next_incarnation(incarnation), "a rebirth");
    check(template_total(tally, &total) == OK && total == before, "the total is kept");
    check(template_get_label(tally, label, sizeof(label), &length) == OK && length == 5, "the label, too");
    uint64_t limit = rt_now_ns() + PATIENCE_S * 1000000000ull;
    check(rt_wait_until(ANSWERED, "the late answer", limit) == ANSWERED, "an answer");
    check(later_status == OK && later_total == before, "the late answer");
    log_info("way %u: total %llu after it", how, (unsigned long long)total);
}

int service_main(void)
{
    rt_ready();
    tally = rt_handle("template");
    check(rt_notify_handle(ANSWERED, &answered) == OK, "a port handle");
    check(rs_find(H_RS, "template", 8, &number) == OK, "finding it");
    for (enum rs_how how = MOVED; how <= RS_NOW; how++) {
        live_on(how);
    }
    log_info("%u ways, %u wrong", RS_NOW + 1, wrong);
    rt_wait(ANSWERED, "nothing");
    return 0;
}
