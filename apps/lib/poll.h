// SPDX-License-Identifier: MIT
// Notifications for programs without an event loop: look without waiting, or wait. Pings of the
// supervisor are answered on the way, so a program that polls between its steps counts as alive.
#pragma once
#include <stdint.h>

// Takes those of `bits` (within NOTIFY_OWN) that were raised since the last look; never waits.
uint64_t app_poll(uint64_t bits);

// Waits for any of `bits`, at most until at_ns (0: for ever); 0 if none came. waiting_on: as for rt_wait().
uint64_t app_wait(uint64_t bits, const char *waiting_on, uint64_t at_ns);
