// SPDX-License-Identifier: MIT
// Integers that are addresses or not, by annotation of field, typedef and variable; handles.
#include "lib/rt/movable.h"
typedef unsigned long uintptr_t;
typedef unsigned handle_t;
typedef uintptr_t physical MOVE_PLAIN;
struct words {
    uintptr_t hash MOVE_PLAIN, address MOVE_POINTER;
    physical frame;
    unsigned long maybe[4] MOVE_SCAN;
    handle_t port;
} words;
static int *never_followed MOVE_PLAIN;
void set(int *p) { words.address = (uintptr_t)p; words.maybe[1] = (uintptr_t)p; never_followed = p; }
int *get(void) { return words.address ? (int *)words.address : (int *)words.maybe[2]; }
// CHECK: plain uintptr_t hash at 0 bytes 8
// CHECK-NEXT: pointer uintptr_t address at 8 bytes 8
// CHECK-NEXT: plain physical frame at 16 bytes 8
// CHECK-NEXT: scan unsigned long maybe at 24 bytes 8 x 4
// CHECK-NEXT: handle handle_t port at 56 bytes 4
// CHECK: plain int * - at 0 bytes 8
