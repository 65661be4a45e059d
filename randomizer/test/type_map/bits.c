// SPDX-License-Identifier: MIT
// Bit-fields by first bit and width; pointers behind them are found.
struct flags {
    unsigned a : 3, b : 7;
    unsigned long : 0;
    unsigned long c : 40;
    char *p;
} flags;
// CHECK: bits unsigned int a at 0 bytes 1 bits 0+3
// CHECK-NEXT: bits unsigned int b at 0 bytes 2 bits 3+7
// CHECK-NEXT: bits unsigned long c at 8 bytes 5 bits 0+40
// CHECK-NEXT: pointer char * p at 16 bytes 8
