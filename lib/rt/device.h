// SPDX-License-Identifier: MIT
// Stores to device registers: no part of any transaction. An ordinary store would first read the
// register for the undo log, which may change it, and be played back where no device is mapped.
// Loads need nothing of the kind. Also for other shared memory of which much is written.
#pragma once
#include "lib/rt/undo_log.h"
#include <stdint.h>

static inline void device_store8(volatile void *at, uint8_t value)
{
    *(volatile UNDO_DEVICE uint8_t *)at = value;
}

static inline void device_store16(volatile void *at, uint16_t value)
{
    *(volatile UNDO_DEVICE uint16_t *)at = value;
}

static inline void device_store32(volatile void *at, uint32_t value)
{
    *(volatile UNDO_DEVICE uint32_t *)at = value;
}
