// SPDX-License-Identifier: MIT
// A second thread for a measurement. Such threads use system calls only: the runtime belongs to the first.
#pragma once
#include "kernel/abi/handle.h"
#include <stdbool.h>
#include <stdint.h>

struct bench_thread {
    handle_t thread;
    uint64_t stack, stack_bytes;
    uint32_t restore; // priority that the first thread had before it stepped down, 0 if it did not
};

// Starts fn(arg) in a thread of this task, `above` (>= 0) levels over the first one, which steps down for that.
// false: said with report_failure.
bool bench_thread_start(struct bench_thread *t, void (*fn)(void *), void *arg, int above);
void bench_thread_stop(struct bench_thread *t);
// Maps fresh memory for a stack; 0 if that fails.
uint64_t bench_stack(uint64_t bytes);
uint32_t bench_priority(void);
