// SPDX-License-Identifier: MIT
// The whole run: first pass, rounds, final pass.
#pragma once
#include "apps/workload/work.h"

struct plan {
    uint64_t seed;
    uint64_t rounds; // 0: until told to finish
    struct limits limits;
    bool again; // an earlier incarnation has worked on this disk
};

void run(const struct plan *plan);
