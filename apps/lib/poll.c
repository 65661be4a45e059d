// SPDX-License-Identifier: MIT
#include "apps/lib/poll.h"
#include "lib/rt/rt.h"

static uint64_t pending; // raised, not taken yet

static uint64_t take(uint64_t bits)
{
    uint64_t taken = pending & bits;
    pending &= ~taken;
    return taken;
}

uint64_t app_poll(uint64_t bits)
{
    struct ipc_message m = {0};
    while (ipc_recv(rt_port, HANDLE_NONE, &m, RECV_NOTIFY_ONLY | RECV_NONBLOCK) == OK) {
        if (m.bits & NOTIFY_PING) {
            rt_beat();
        }
        pending |= m.bits & NOTIFY_OWN;
    }
    return take(bits);
}

uint64_t app_wait(uint64_t bits, const char *waiting_on, uint64_t at_ns)
{
    uint64_t taken = take(bits);
    if (taken != 0) {
        return taken;
    }
    return at_ns == 0 ? rt_wait(bits, waiting_on) : rt_wait_until(bits, waiting_on, at_ns);
}
