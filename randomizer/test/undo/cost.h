// SPDX-License-Identifier: MIT
// Each is one transaction's work and returns a checksum.
#pragma once
#include <stdint.h>

uint64_t cost_sort(void);
uint64_t cost_words(void);
uint64_t cost_hash(void);
uint64_t cost_interpreter(void);
uint64_t cost_matrix(void);
