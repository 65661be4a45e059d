// SPDX-License-Identifier: MIT
// Data and function pointers, through typedefs and qualifiers; other scalars are plain.
typedef int operation(int);
typedef operation *const volatile *table;
struct all {
    char c;
    const char *text;
    operation *run;
    table runs;
    void *any;
    double d;
    enum { A, B } e;
    _Atomic(struct all *) shared;
    __int128 wide;
} all;
// CHECK: struct struct all - at 0 bytes 80
// CHECK-NEXT:   plain char c at 0 bytes 1
// CHECK-NEXT:   pointer char * text at 8 bytes 8
// CHECK-NEXT:   function function * run at 16 bytes 8
// CHECK-NEXT:   pointer table runs at 24 bytes 8
// CHECK-NEXT:   pointer void * any at 32 bytes 8
// CHECK-NEXT:   plain double d at 40 bytes 8
// CHECK-NEXT:   plain enum  e at 48 bytes 4
// CHECK-NEXT:   pointer struct all * shared at 56 bytes 8
// CHECK-NEXT:   plain __int128 wide at 64 bytes 16
// CHECK: global all bytes 80
