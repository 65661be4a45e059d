// SPDX-License-Identifier: MIT
// Nanoseconds since boot from the time stamp counter, without a system call.
#include "lib/rt/internal.h"

uint64_t time_ticks_at_boot;
uint64_t time_ns_per_tick;

void time_init(uint64_t tsc_hz, uint64_t tsc_base)
{
    rt_assert(tsc_hz >= 4000000 && tsc_hz < 1ull << 36); // the steps below fit in 64 bits
    time_ticks_at_boot = tsc_base;
    // (10^9 << TIME_FRACTION) / tsc_hz in two steps of 28 bits, because 128-bit division needs a
    // library.
    uint64_t high = (1000000000ull << 28) / tsc_hz;
    uint64_t rest = (1000000000ull << 28) % tsc_hz;
    time_ns_per_tick = (high << 28) + (rest << 28) / tsc_hz;
}

uint64_t rt_now_ns(void)
{
    return time_now();
}
