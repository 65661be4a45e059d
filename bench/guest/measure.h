// SPDX-License-Identifier: MIT
// Measuring: batches, their median, and one line of output for each figure.
//
// A tick is one count of the TSC. Under QEMU's `-icount shift=0` that is exactly one guest instruction
// and every run gives the same figures; without it, ticks follow the host's clock. Lines have the form
// of bench/peers/lxbench.c, so that one reader serves both systems.
#pragma once
#include "lib/rt/undo_log.h"
#include <stdint.h>

static inline uint64_t ticks(void)
{
    uint32_t low, high;
    __asm__ volatile(UNDO_ASM "lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

enum { BATCHES = 7 };

// Runs fn(n, arg) once to warm up and then BATCHES times; prints ticks for each operation.
void measure(const char *name, long n, void (*fn)(long n, void *arg), void *arg);
// For operations that must be timed one by one: collects single samples, prints their distribution.
struct samples {
    uint64_t *value;
    uint32_t count, room;
};
void samples_add(struct samples *s, uint64_t value);
// Prints min, median, p99 and max, and empties the collection.
void samples_report(const char *name, struct samples *s);
// Time in which processors worked. Under icount that is instructions; waiting for the host's disk is not in it
// (the clock follows the host while all processors idle).
uint64_t busy_ns(void);

// Waits until nobody has anything to do (spares being linked, caches written back), or 5 s: what goes on
// beside a measurement would be counted with it.
void wait_until_idle(void);

// Where the clocks stood, or how far they went.
struct lap {
    uint64_t ticks, ns, busy;
};
struct lap lap_begin(void);
struct lap lap_end(struct lap begun);
// `count` operations took this long together.
void report_each(const char *name, uint64_t count, struct lap took);
// `bytes` were moved in this time; prints ticks and busy ns for each KiB, and MiB/s.
void report_bulk(const char *name, uint64_t bytes, struct lap took);
// A measurement that could not be made: said, never left out in silence.
void report_failure(const char *name, const char *what, int code);
uint32_t report_failures(void);
