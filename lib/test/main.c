// SPDX-License-Identifier: MIT
#include "lib/test/rttest.h"
#include <string.h>

enum { STACK_BYTES = 16 << 10 };

static int passed, failed;

bool rttest_check(bool ok, const char *file, int line, const char *text)
{
    if (ok) {
        passed++;
    } else {
        failed++;
        log_error("%s:%d: %s", file, line, text);
    }
    rt_progress();
    return ok;
}

bool rttest_check_status(enum status got, enum status wanted, const char *file, int line,
                         const char *text)
{
    if (got != wanted) {
        log_error("%s:%d: %s: got %s, wanted %s", file, line, text, rt_status_name(got),
                  rt_status_name(wanted));
    }
    return rttest_check(got == wanted, file, line, text);
}

static uint32_t threads(void)
{
    struct task_info info = {0};
    return sys_task_info(0, &info) == OK ? info.threads : 0;
}

bool rttest_thread_start(struct rttest_thread *t, void (*fn)(void *arg), void *arg)
{
    handle_t memory;
    struct task_info info;
    *t = (struct rttest_thread){.others = threads()};
    if (sys_mem_create(STACK_BYTES, 0, &memory) != OK) {
        return false;
    }
    enum status status = sys_mem_map(0, memory, &t->stack, 0, STACK_BYTES, PROT_READ | PROT_WRITE);
    (void)sys_handle_close(memory);
    if (status == OK) {
        status = sys_task_info(0, &info);
    }
    struct thread_args args = {
        .entry = (uint64_t)fn,
        .stack = t->stack + STACK_BYTES - 8, // as a call instruction leaves it
        .args = {(uint64_t)arg},
        .priority = info.priority,
    };
    if (status == OK) {
        status = sys_thread_create(0, &args, &t->handle);
    }
    return CHECK_STATUS(status, OK) && CHECK_STATUS(sys_thread_start(t->handle), OK);
}

// A thread ends by itself: it is thrown out of its wait, which ends its loop. One that has ended
// already is not stopped by this.
void rttest_thread_end(struct rttest_thread *t)
{
    (void)sys_thread_stop(t->handle);
    (void)sys_thread_start(t->handle);
    uint64_t patience = rt_now_ns() + 1000000000;
    while (threads() > t->others && rt_now_ns() < patience) {
        (void)sys_yield();
    }
    CHECK(threads() == t->others);
    (void)sys_handle_close(t->handle);
    (void)sys_mem_unmap(0, t->stack, STACK_BYTES);
}

int service_main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } groups[] = {
        {"memory", test_memory}, {"heap", test_heap},   {"messages", test_messages},
        {"time", test_time},     {"tasks", test_tasks}, {"services", test_services},
    };
    rt_ready();
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        uint64_t start = rt_now_ns();
        groups[i].run();
        log_info("%s done in %llu us", groups[i].name,
                 (unsigned long long)(rt_now_ns() - start) / 1000);
    }
    log_info("rttest: %d passed, %d failed", passed, failed);
    return failed > 0;
}
