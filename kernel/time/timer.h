// SPDX-License-Identifier: MIT
// Armed timers, ordered by time. CPU 0 serves them.
#pragma once
#include "kernel/mem/tree.h"
#include <stdbool.h>

struct timer {
    struct tree_node node; // key: ns since boot
    bool armed;
    void (*fire)(struct timer *);
};

void timer_arm(struct timer *, uint64_t at_ns, void (*fire)(struct timer *));
void timer_cancel(struct timer *);
extern uint64_t timer_next; // ns at which the first one is due, UINT64_MAX if none is armed
// Fires what is due, a bounded number; true if more is due.
bool timer_run(uint64_t now_ns);
