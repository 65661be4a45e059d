// SPDX-License-Identifier: MIT
int target;
struct { int n; unsigned long at; } hidden = {1,
    (unsigned long)&target};
// CHECK: error_initial.c:[[#@LINE-2]]: an address is stored as an integer at byte 8 of the initial value
