// SPDX-License-Identifier: MIT
// Partners that die: ping of every 20th request (its manifest says so), template when it is told
// to.
#include "interfaces/ping.client.h"
#include "interfaces/rs.client.h"
#include "interfaces/template.client.h"
#include "lib/test/rttest.h"
#include <string.h>

enum { PINGS = 130, DEATHS = 5, CALLS = 1000 };

static void test_ping(void)
{
    handle_t ping = rt_handle("ping");
    uint32_t first = 0, incarnation = 0;
    bool right = true, forward = true;
    for (uint64_t i = 0; i < PINGS; i++) {
        uint64_t back = 0;
        uint32_t before = incarnation;
        right = right && ping_ping(ping, i, &back, &incarnation) == OK && back == i;
        forward = forward && incarnation >= before;
        first = i == 0 ? incarnation : first;
        rt_progress();
    }
    CHECK(right);
    CHECK(forward);
    CHECK(incarnation >= first + DEATHS);
    log_info("ping: %d answers from %u incarnations", PINGS, incarnation - first + 1);
}

// Another client's thread waits in the server while it dies.
struct waiter {
    handle_t service, done;
    uint64_t goal;
    enum status status;
};

static void await_total(void *arg)
{
    struct waiter *w = arg;
    struct ipc_message m = {.tag = TEMPLATE_LABEL_AWAIT, .w = {w->goal}};
    w->status = ipc_call_status(w->service, &m, nullptr, 0);
    (void)ipc_notify(w->done);
    sys_thread_exit();
}

// Not a check: what a call through the event loop and the generated dispatcher costs. With QEMU's
// -icount shift=0 the nanoseconds are guest instructions.
static void time_calls(handle_t service)
{
    uint64_t total, start = rt_now_ns();
    for (int i = 0; i < CALLS; i++) {
        (void)template_total(service, &total);
    }
    log_info("template: %llu ns a call", (unsigned long long)(rt_now_ns() - start) / CALLS);
}

static void kill_template(void)
{
    uint32_t number = 0;
    CHECK_STATUS(rs_find(H_RS, "template", 8, &number), OK);
    CHECK_STATUS(rs_kill(H_RS, number, RS_NULL_POINTER), OK);
}

static void test_template(void)
{
    handle_t service = rt_handle("template");
    uint64_t start = 0, total = 0;
    uint32_t length = 0;
    char text[TEMPLATE_TEXT_MAX] = {0};
    CHECK_STATUS(template_total(service, &start), OK);
    CHECK_STATUS(template_add(service, 5, &total), OK);
    CHECK(total == start + 5);
    CHECK_STATUS(template_add(service, 0, &total), ERR_PROTOCOL);
    CHECK_STATUS(template_set_label(service, "pears", 5), OK);
    CHECK_STATUS(template_get_label(service, text, sizeof(text), &length), OK);
    CHECK(length == 5 && memcmp(text, "pears", 6) == 0);

    time_calls(service);

    struct waiter w = {.service = service, .goal = start + 1000, .status = ERR_STATE};
    struct rttest_thread thread;
    CHECK_STATUS(rt_notify_handle(1, &w.done), OK);
    if (!rttest_thread_start(&thread, await_total, &w)) {
        return;
    }
    rt_sleep_until(rt_now_ns() + 200000000); // by then it waits, also on a busy host
    kill_template();
    CHECK_STATUS(template_total(service, &total), OK); // asked while it is dead or being reborn
    CHECK(total == start + 5);
    // Who waited goes on waiting, and what was known is known.
    CHECK_STATUS(template_add(service, 1000, &total), OK);
    CHECK(rt_wait_until(1, "the waiter", rt_now_ns() + 2000000000) == 1);
    CHECK_STATUS(w.status, OK);
    memset(text, 0, sizeof(text));
    CHECK_STATUS(template_get_label(service, text, sizeof(text), &length), OK);
    CHECK(length == 5 && memcmp(text, "pears", 6) == 0);
    rttest_thread_end(&thread);
    CHECK_STATUS(sys_handle_close(w.done), OK);
}

void test_services(void)
{
    if (rt_handle("template") != HANDLE_NONE) {
        test_template();
    }
    if (rt_handle("ping") != HANDLE_NONE) {
        test_ping();
    }
}
