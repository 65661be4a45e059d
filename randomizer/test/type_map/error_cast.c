// SPDX-License-Identifier: MIT
long number;
// CHECK: error_cast.c:[[#@LINE+1]]: an integer becomes a pointer
char *find(void) { return (char *)number; }
// CHECK: error_cast.c:[[#@LINE+1]]: an integer becomes a pointer
char *argument(unsigned long address) { return (char *)(address + 8); }
