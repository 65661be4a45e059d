// SPDX-License-Identifier: MIT
// What the parts of driver_test share.
#pragma once
#include <stdint.h>

// main.c
extern struct driver_test_count {
    uint64_t reads, writes, flushes, kills, errors, wrong, started;
} count;
void say(const char *text);   // to the log and COM1
void load_step(void);         // starts what can be started on the disk, waits for something to end
bool others_work(uint64_t *unix_ns);
void report_held(const char *when, const char *service);

// battery.c: every service in every way, `times` times each, in random order.
void battery(uint32_t times);

// measure.c: `times` deaths and moves of each service.
void measure(uint32_t times);
