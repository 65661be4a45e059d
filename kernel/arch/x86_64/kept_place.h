// SPDX-License-Identifier: MIT
// Where memory may lie that outlives a restart of the machine.
#pragma once
#include "boot_info.h"

enum : uint64_t { KEPT_BYTES = 512 << 10 };

// The physical address of KEPT_BYTES of usable RAM that overlap none of the `used` ranges; 0: there is
// no such place. The same machine, started in the same way, gets the same answer. Pure.
uint64_t kept_place(const struct boot_source *source, const struct boot_range *used, uint32_t count);
