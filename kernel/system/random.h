// SPDX-License-Identifier: MIT
// The kernel's random generator: ChaCha20 with fast key erasure.
#pragma once
#include "kernel/base.h"

// Seeds from `seed=HEX` on the command line, which makes a run repeatable, else from the machine.
void random_start(const char *cmdline);
void random_bytes(void *to, size_t bytes);
void random_add(const void *from, size_t bytes); // nothing is mixed in under a fixed seed
uint64_t random_u64(void);
uint64_t random_below(uint64_t limit); // uniform in [0, limit), limit > 0
