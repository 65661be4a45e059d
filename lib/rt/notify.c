// SPDX-License-Identifier: MIT
// Notification bits: pings, the timer, and the service's own.
#include "lib/rt/internal.h"

enum { MAX_HANDLERS = 16 };

static struct {
    uint64_t bits;
    void (*fn)(uint64_t bits, void *arg);
    void *arg;
} handlers[MAX_HANDLERS];
static int handler_count;

uint64_t notify_pending;

void rt_on_notify(uint64_t bits, void (*fn)(uint64_t bits, void *arg), void *arg)
{
    rt_assert((bits & ~NOTIFY_OWN) == 0 && bits != 0);
    for (int i = 0; i < handler_count; i++) {
        if (handlers[i].bits == bits && handlers[i].fn == fn && handlers[i].arg == arg) {
            return;
        }
    }
    rt_assert(handler_count < MAX_HANDLERS);
    handlers[handler_count].bits = bits;
    handlers[handler_count].fn = fn;
    handlers[handler_count].arg = arg;
    handler_count++;
}

void notify_bits(uint64_t bits)
{
    if (bits & NOTIFY_PING) {
        rt_beat();
    }
    if (bits & NOTIFY_CHECKPOINT) {
        checkpoint_want();
    }
    if (bits & NOTIFY_TIMER) {
        timers_run();
    }
    for (int i = 0; i < handler_count; i++) {
        uint64_t mine = bits & handlers[i].bits;
        if (mine != 0) {
            handlers[i].fn(mine, handlers[i].arg);
        }
    }
}

void notify_all(void)
{
    for (int i = 0; i < handler_count; i++) {
        handlers[i].fn(handlers[i].bits, handlers[i].arg);
    }
}

void notify_deferred(void)
{
    while (notify_pending != 0) { // a handler may wait again and leave more
        uint64_t bits = notify_pending;
        notify_pending = 0;
        notify_bits(bits);
    }
}

enum status rt_notify_handle(uint64_t bits, handle_t *out)
{
    if (bits == 0 || (bits & ~NOTIFY_OWN) != 0) {
        return ERR_ARG;
    }
    return sys_handle_copy(rt_port, RIGHT_NOTIFY | RIGHT_COPY | RIGHT_TRANSFER, bits, out);
}
