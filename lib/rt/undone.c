// SPDX-License-Identifier: MIT
// Built with TX=1: what a handler stores can be undone, and what a service knows be taken over.
#include "lib/rt/internal.h"

// Modules that can take a predecessor's state over have this symbol: those that use rt_serve.
const volatile uint32_t rt_moves = 1;

bool tx_undone(void)
{
    return rt_moves != 0;
}
