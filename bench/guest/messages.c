// SPDX-License-Identifier: MIT
// System calls and messages: null call, round trips, notifications, grant copies.
#include "bench/echo/echo.h"
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "bench/guest/thread.h"
#include "lib/rt/ipc.h"
#include "lib/rt/rt.h"

static void empty_loop(long n, void *)
{
    for (long i = 0; i < n; i++) {
        __asm__ volatile("");
    }
}

static void null_calls(long n, void *)
{
    for (long i = 0; i < n; i++) {
        (void)sys_null();
    }
}

static void call_0(long n, void *arg)
{
    handle_t port = *(handle_t *)arg;
    for (long i = 0; i < n; i++) {
        (void)ipc_call0(port, ECHO_WORDS);
    }
}

static void call_4(long n, void *arg)
{
    handle_t port = *(handle_t *)arg;
    for (long i = 0; i < n; i++) {
        struct ipc_message m = {.tag = ECHO_WORDS, .w = {i, i + 1, i + 2, i + 3}};
        (void)ipc_call(port, &m, nullptr, 0);
        __asm__ volatile("" ::"r"(m.w[0]), "r"(m.w[1]), "r"(m.w[2]), "r"(m.w[3]));
    }
}

static void call_6(long n, void *arg)
{
    handle_t port = *(handle_t *)arg;
    for (long i = 0; i < n; i++) {
        struct ipc_message m = {.tag = ECHO_WORDS, .w = {i, i + 1, i + 2, i + 3, i + 4, i + 5}};
        (void)ipc_call(port, &m, nullptr, 0);
        __asm__ volatile("" ::"r"(m.w[0]), "r"(m.w[1]), "r"(m.w[2]), "r"(m.w[3]), "r"(m.w[4]), "r"(m.w[5]));
    }
}

struct grant_test {
    handle_t port;
    uint64_t label, direction, bytes;
};
static char buffer[ECHO_BUFFER] __attribute__((aligned(4096)));

static void call_grant(long n, void *arg)
{
    const struct grant_test *test = arg;
    for (long i = 0; i < n; i++) {
        struct ipc_message m = {.tag = test->label};
        (void)ipc_call(test->port, &m, buffer, test->bytes | test->direction);
    }
}

// ---- A second thread of this task: echo in the same address space, and a waiter for notifications.

static void echo_thread(void *arg)
{
    handle_t port = *(handle_t *)arg, reply;
    struct ipc_message m = {};
    if (sys_reply_create(&reply) != OK || ipc_recv(port, reply, &m, 0) != OK) {
        sys_thread_exit();
    }
    for (;;) {
        m.tag = OK;
        m.handle = HANDLE_NONE;
        if (ipc_reply_recv(port, reply, &m, 0) != OK) {
            sys_thread_exit();
        }
    }
}

struct waiter {
    handle_t port, to_waiter, back;
    bool answer;
};

static void waiter_thread(void *arg)
{
    const struct waiter *w = arg;
    struct ipc_message m = {};
    while (ipc_recv(w->port, HANDLE_NONE, &m, RECV_NOTIFY_ONLY) == OK) {
        if (w->answer) {
            ipc_notify(w->back);
        }
    }
    sys_thread_exit();
}

static void notify_only(long n, void *arg)
{
    handle_t port = *(handle_t *)arg;
    for (long i = 0; i < n; i++) {
        ipc_notify(port);
    }
}

struct pingpong {
    handle_t there, own;
};

static void notify_pingpong(long n, void *arg)
{
    const struct pingpong *p = arg;
    struct ipc_message m = {};
    for (long i = 0; i < n; i++) {
        ipc_notify(p->there);
        (void)ipc_recv(p->own, HANDLE_NONE, &m, RECV_NOTIFY_ONLY);
    }
}

static enum status notifier(handle_t port, handle_t *out)
{
    return sys_handle_copy(port, RIGHT_NOTIFY | RIGHT_COPY, 1, out);
}

static void notifications(void)
{
    handle_t idle_port, idle;
    struct waiter high = {};
    struct pingpong pair = {};
    if (sys_port_create(&idle_port) != OK || notifier(idle_port, &idle) != OK ||
        sys_port_create(&high.port) != OK || notifier(high.port, &high.to_waiter) != OK ||
        sys_port_create(&pair.own) != OK || notifier(pair.own, &high.back) != OK) {
        return report_failure("notify", "cannot make ports", 0);
    }
    measure("notify_no_switch", 2000, notify_only, &idle);
    struct bench_thread thread;
    if (!bench_thread_start(&thread, waiter_thread, &high, +1)) {
        return;
    }
    // The waiter has the higher priority: it runs at once and waits again; two switches each time.
    measure("notify_with_switch_and_back", 2000, notify_only, &high.to_waiter);
    high.answer = true;
    pair.there = high.to_waiter;
    measure("notify_pingpong", 2000, notify_pingpong, &pair);
    bench_thread_stop(&thread);
    sys_handle_close(idle_port), sys_handle_close(idle);
    sys_handle_close(high.port), sys_handle_close(high.to_waiter), sys_handle_close(high.back);
    sys_handle_close(pair.own);
}

static void same_space(void)
{
    handle_t port;
    if (sys_port_create(&port) != OK) {
        return report_failure("ipc_same_space", "cannot make a port", 0);
    }
    struct bench_thread thread;
    if (bench_thread_start(&thread, echo_thread, &port, 0)) {
        measure("ipc_same_space_0", 2000, call_0, &port);
        measure("ipc_same_space_4", 2000, call_4, &port);
        measure("ipc_same_space_6", 2000, call_6, &port);
        bench_thread_stop(&thread);
    }
    sys_handle_close(port);
}

static void grants(handle_t port)
{
    static const struct {
        const char *name;
        uint64_t label, direction, bytes;
    } cases[] = {
        {"ipc_grant_copy_in_4K", ECHO_COPY_IN, GRANT_READ, 4096},
        {"ipc_grant_copy_out_4K", ECHO_COPY_OUT, GRANT_WRITE, 4096},
        {"ipc_grant_copy_in_64K", ECHO_COPY_IN, GRANT_READ, 65536},
        {"ipc_grant_copy_out_64K", ECHO_COPY_OUT, GRANT_WRITE, 65536},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grant_test test = {port, cases[i].label, cases[i].direction, cases[i].bytes};
        measure(cases[i].name, 500, call_grant, &test);
    }
}

void bench_messages(void)
{
    measure("empty_loop", 10000, empty_loop, nullptr);
    measure("null_syscall", 10000, null_calls, nullptr);
    handle_t echo = rt_handle("echo");
    if (!echo) {
        return report_failure("ipc_other_space", "the manifest gives no handle 'echo'", 0);
    }
    measure("ipc_other_space_0", 2000, call_0, &echo);
    measure("ipc_other_space_4", 2000, call_4, &echo);
    measure("ipc_other_space_6", 2000, call_6, &echo);
    same_space();
    notifications();
    grants(echo);
}
