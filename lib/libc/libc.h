// SPDX-License-Identifier: MIT
// What the C library of services offers beside the standard headers.
#pragma once
#include <stdint.h>

// Tells time(), clock_gettime(CLOCK_REALTIME) and gettimeofday() the date: seconds since 1970 at
// the moment that rt_now_ns() calls 0. Until then they count from 1970.
void libc_set_epoch(int64_t unix_seconds_at_boot);
