// SPDX-License-Identifier: MIT
// Nanoseconds since boot from the time stamp counter, without a system call.
#include "lib/rt/internal.h"

static uint64_t ticks_at_boot;
// Fixed point. 56 bits leave no drift to speak of against the kernel's clock (1 us in 300 years), and the
// number still fits 64 bits down to a counter of 4 MHz.
enum { FRACTION_BITS = 56 };
static uint64_t ns_per_tick;

void time_init(uint64_t tsc_hz, uint64_t tsc_base)
{
    rt_assert(tsc_hz >= 4000000 && tsc_hz < 1ull << 36); // the steps below fit in 64 bits
    ticks_at_boot = tsc_base;
    // (10^9 << 56) / tsc_hz in two steps of 28 bits, because 128-bit division needs a library.
    uint64_t high = (1000000000ull << 28) / tsc_hz;
    uint64_t rest = (1000000000ull << 28) % tsc_hz;
    ns_per_tick = (high << 28) + (rest << 28) / tsc_hz;
}

uint64_t rt_now_ns(void)
{
    return (uint64_t)(((unsigned __int128)(trap_ticks() - ticks_at_boot) * ns_per_tick) >>
                      FRACTION_BITS);
}
