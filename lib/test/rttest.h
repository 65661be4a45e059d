// SPDX-License-Identifier: MIT
// The on-target suite: checks are counted, failures are logged, nothing stops.
#pragma once
#include "lib/rt/rt.h"

#define CHECK(x)             rttest_check((x), __FILE__, __LINE__, #x)
#define CHECK_STATUS(got, s) rttest_check_status((got), (s), __FILE__, __LINE__, #got)

bool rttest_check(bool ok, const char *file, int line, const char *text);
bool rttest_check_status(enum status got, enum status wanted, const char *file, int line,
                         const char *text);

// A further thread of this task. It may use system calls only: the runtime belongs to the
// first. It must end by itself when a wait fails (rttest_thread_end makes it fail).
struct rttest_thread {
    handle_t handle;
    uint64_t stack;
    uint32_t others; // threads that there were before
};
bool rttest_thread_start(struct rttest_thread *t, void (*fn)(void *arg), void *arg);
void rttest_thread_end(struct rttest_thread *t);

void test_memory(void);
void test_heap(void);
void test_messages(void);
void test_time(void);
void test_tasks(void);
void test_services(void);
