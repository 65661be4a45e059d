// SPDX-License-Identifier: MIT
// A function that is annotated may make pointers of integers.
#include "lib/rt/movable.h"
unsigned long place;
MOVE_ADDRESSES char *mapped(void) { return (char *)place; }
// CHECK: global place bytes 8
