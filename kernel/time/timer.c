// SPDX-License-Identifier: MIT
#include "kernel/time/timer.h"
#include "kernel/task/sched.h"

enum { FIRE_AT_ONCE = 32 };

static struct tree timers;
uint64_t timer_next = UINT64_MAX;

static void look_for_next(void)
{
    struct tree_node *n = tree_first(&timers);
    timer_next = n != NULL ? n->key : UINT64_MAX;
}

void timer_arm(struct timer *t, uint64_t at_ns, void (*fire)(struct timer *))
{
    timer_cancel(t);
    t->node.key = at_ns;
    t->fire = fire;
    t->armed = true;
    tree_insert(&timers, &t->node);
    if (at_ns >= timer_next) {
        return;
    }
    timer_next = at_ns;
    if (arch_this_cpu() == &cpus[0]) {
        sched_arm_timer(&cpus[0]);
    } else {
        arch_ipi_resched(&cpus[0]); // it looks at the timers again
    }
}

void timer_cancel(struct timer *t)
{
    if (t->armed) {
        tree_remove(&timers, &t->node);
        t->armed = false;
        look_for_next();
    }
}

bool timer_run(uint64_t now_ns)
{
    for (int i = 0; i < FIRE_AT_ONCE && timer_next <= now_ns; i++) {
        struct timer *t = CONTAINER(tree_first(&timers), struct timer, node);
        timer_cancel(t);
        t->fire(t);
    }
    return timer_next <= now_ns;
}
