// SPDX-License-Identifier: MIT
#include <stdint.h>
typedef uintptr_t place;
struct hidden {
    int n;
    // CHECK: error_uintptr.c:[[#@LINE+1]]: 'at' (place) may hold an address
    place at;
};
#include "lib/rt/heap.h"
struct hidden *make(void) { return new(struct hidden); }
