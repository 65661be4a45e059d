// SPDX-License-Identifier: MIT
// Timers: any number of them on the one timer of the service's port.
//
// A sorted list: services have a handful of timers; a time service with hundreds of sleepers walks
// some tens of nodes at each insertion, less than the message that asked for it costs.
#include "lib/rt/internal.h"

// The kernel's clock and ours round differently; a timer this near is due.
enum { SLACK_NS = 1000 };

static struct rt_timer *first;
static uint64_t armed_at; // what the port's timer is set to, 0 if off

void timers_rearm(void)
{
    uint64_t at = first ? first->at_ns : 0;
    if (first && at == 0) {
        at = 1; // 0 would switch the timer off; 1 is as past
    }
    if (at != armed_at) {
        armed_at = at;
        (void)sys_timer_set(rt_port, at, NOTIFY_TIMER);
    }
}

void timers_restore(void)
{
    armed_at = UINT64_MAX;
    timers_rearm();
}

void timers_shift(int64_t ns)
{
    for (struct rt_timer *t = first; t; t = t->next) {
        bool before = ns < 0 && t->at_ns < (uint64_t)-ns; // it was due then
        t->at_ns = before ? 0 : t->at_ns + (uint64_t)ns;
    }
}

static void unlink_timer(struct rt_timer *timer)
{
    struct rt_timer **link = &first;
    while (*link != timer) {
        rt_assert(*link != nullptr);
        link = &(*link)->next;
    }
    *link = timer->next;
    timer->next = nullptr;
    timer->armed = false;
}

void rt_timer(struct rt_timer *timer, uint64_t at_ns, void (*fn)(void *arg), void *arg)
{
    if (timer->armed) {
        unlink_timer(timer);
    }
    timer->at_ns = at_ns;
    timer->fn = fn;
    timer->arg = arg;
    timer->armed = true;
    struct rt_timer **link = &first;
    while (*link && (*link)->at_ns <= at_ns) {
        link = &(*link)->next;
    }
    timer->next = *link;
    *link = timer;
    timers_rearm();
}

void rt_timer_cancel(struct rt_timer *timer)
{
    if (timer->armed) {
        unlink_timer(timer);
        timers_rearm();
    }
}

void timers_run(void)
{
    armed_at = 0; // it fired
    uint64_t now = rt_now_ns() + SLACK_NS;
    while (first && first->at_ns <= now) {
        struct rt_timer *due = first;
        unlink_timer(due);
        due->fn(due->arg);
    }
    timers_rearm();
}

// ---- Waiting inside a handler ----

static uint64_t wait_bits(uint64_t bits, const char *waiting_on, uint64_t at_ns)
{
    uint64_t came = 0;
    rt_assert((bits & ~NOTIFY_OWN) == 0);
    rt_commit();
    if ((notify_pending & bits) != 0) {
        came = notify_pending & bits;
        notify_pending &= ~came;
        return came;
    }
    rt_status->waiting_since = rt_now_ns();
    size_t length = __builtin_strlen(waiting_on);
    size_t room = sizeof(rt_status->waiting_on) - 1;
    __builtin_memcpy(rt_status->waiting_on, waiting_on, length < room ? length : room);
    rt_status->waiting_on[length < room ? length : room] = '\0';
    while (came == 0 && (at_ns == 0 || rt_now_ns() + SLACK_NS < at_ns)) {
        if (at_ns != 0) { // again each time: the kernel's clock may be a little ahead of ours
            (void)sys_timer_set(rt_port, at_ns, NOTIFY_TIMER);
        }
        struct ipc_message m = {0};
        enum status status = ipc_recv(rt_port, HANDLE_NONE, &m, RECV_NOTIFY_ONLY);
        if (status != OK) {
            rt_assert(status == ERR_CANCELLED); // stopped and started again by a debugger
            continue;
        }
        if (m.bits & NOTIFY_PING) {
            rt_beat();
        }
        came = m.bits & bits;
        notify_pending |= m.bits & ~(bits | NOTIFY_PING);
    }
    rt_status->waiting_since = 0;
    return came;
}

uint64_t rt_wait(uint64_t bits, const char *waiting_on)
{
    return wait_bits(bits, waiting_on, 0);
}

uint64_t rt_wait_until(uint64_t bits, const char *waiting_on, uint64_t at_ns)
{
    if (at_ns == 0) {
        at_ns = 1;
    }
    uint64_t came = wait_bits(bits, waiting_on, at_ns);
    // The event loop's own next timer again; one that came due meanwhile fires at once.
    armed_at = at_ns;
    timers_rearm();
    return came;
}

void rt_sleep_until(uint64_t at_ns)
{
    (void)rt_wait_until(0, "time", at_ns);
}
