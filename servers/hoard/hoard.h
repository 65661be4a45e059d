// SPDX-License-Identifier: MIT
#pragma once
#include <stdint.h>

// false: no memory; what was made stays.
bool hoard_fill(uint32_t seed, uint32_t objects, uint64_t bytes, uint64_t *made);
bool hoard_churn(uint32_t seed, uint32_t count, uint64_t *done);
// What is wrong, or nullptr. ups: how many changes there have been.
const char *hoard_check(uint64_t *sum, uint64_t *objects, uint64_t *ups);
void hoard_clear(void);
// Whether this version of it can go on.
struct rt_rebirth;
bool hoard_is_well(const struct rt_rebirth *rebirth);
// Makes the first item one of no kind. false: there is none.
bool hoard_spoil(void);
// Addresses of an item, a branch, a large object, a function and a global. false: it is empty.
bool hoard_where(uint64_t at[5]);
