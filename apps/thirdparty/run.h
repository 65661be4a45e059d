// SPDX-License-Identifier: MIT
// The whole run: the courses take turns, a block each.
#pragma once
#include <stdint.h>

struct plan {
    uint64_t seed;
    uint32_t blocks;  // of each course
    const char *show; // "sqlite:12": the requests of that block are told one by one; "": none
    bool again;       // an earlier incarnation of this program has been here
};

void run(const struct plan *plan);
