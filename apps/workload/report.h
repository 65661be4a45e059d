// SPDX-License-Identifier: MIT
// What the workload tells: event lines (apps/README.md), progress, errors; and what it is told to do.
#pragma once
#include "apps/lib/json.h"
#include "apps/lib/outcome.h"
#include "interfaces/conductor.types.h"
#include <stdint.h>

enum { REPORT_LINE = 1000 }; // longest line of the event stream

struct progress {
    const char *phase; // hash, work, verify, final
    uint64_t bytes, total; // of this phase; total 0: unknown
    uint64_t files, ops, errors, round;
};
extern struct progress progress;

// Starts an event line of this kind in a buffer of REPORT_LINE bytes; report_line() ends and sends it.
void report_start(struct json *j, char *buffer, const char *kind);
void report_line(struct json *j);

// An error that a client of the system saw: counted and told, never repaired silently.
// `to` may be nullptr.
void report_error(const char *doing, const char *path, const char *to, struct outcome o);
// The same for content that is not what was written.
void report_wrong(const char *what, const char *path);

// To be called between the steps of all work: sends progress when it is time, waits while told to pause, and says what
// is wanted now (RUN or FINISH).
enum conductor_order report_step(void);

// Waits until told to start.
void report_wait_for_start(void);

// Sends all lines now.
void report_flush(void);
