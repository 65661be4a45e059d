// SPDX-License-Identifier: MIT
int setjmp(long[8]) __attribute__((returns_twice));
long buffer[8];
// CHECK: error_setjmp.c:[[#@LINE+1]]: the call keeps places in code and stack as numbers
int mark(void) { return setjmp(buffer); }
