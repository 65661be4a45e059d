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
    rt_assert(tsc_hz >= 4000000);
    ticks_at_boot = tsc_base;
    ns_per_tick = (uint64_t)(((unsigned __int128)1000000000 << FRACTION_BITS) / tsc_hz);
}

uint64_t rt_now_ns(void)
{
    return (uint64_t)(((unsigned __int128)(trap_ticks() - ticks_at_boot) * ns_per_tick) >>
                      FRACTION_BITS);
}
