// SPDX-License-Identifier: MIT
// CHECK: error_assembly.c:[[#@LINE+1]]: inline assembly with a memory operand
void add(int *p) { __asm__ volatile("incl %0" : "+m"(*p)); }
void fence(void) { __asm__ volatile("" ::: "memory"); }
// CHECK-NOT: error:
