// SPDX-License-Identifier: MIT
// Addresses as integers within a function are harmless: alignment, distances, comparisons.
typedef unsigned long uintptr_t;
unsigned long distance, odd;
char *align(char *p) { uintptr_t a = (uintptr_t)p + 15; a &= ~15ul; return (char *)a; }
void measure(char *p, char *q) { distance = (uintptr_t)p - (uintptr_t)q; odd = (uintptr_t)p & 7; }
char *sentinel(void) { return (char *)-1; }
// CHECK: global distance bytes 8
