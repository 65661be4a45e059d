// SPDX-License-Identifier: MIT
// With a tag: alternatives with their values, several values each. Without: only if all agree, or without pointers.
#include "lib/rt/movable.h"
enum kind { NONE, NUMBER, TEXT, NAME, OTHER = -1 };
struct value {
    enum kind kind;
    union {
        long number;
        char *text MOVE_WHEN(TEXT) MOVE_WHEN(NAME);
        void (*call)(void) MOVE_WHEN(OTHER) MOVE_WHEN(0x10);
    } u MOVE_TAG(kind);
} value;
struct alike {
    union {
        int *a;
        struct value *b;
    };
    union {
        long l;
        double d;
    } u;
} alike;
// CHECK: union union  u at 8 bytes 8 tag #1
// CHECK-NEXT: plain long number at 0 bytes 8
// CHECK-NEXT: pointer char * text at 0 bytes 8 when 2
// CHECK-NEXT: pointer char * text at 0 bytes 8 when 3
// CHECK-NEXT: function function * call at 0 bytes 8 when 4294967295
// CHECK-NEXT: function function * call at 0 bytes 8 when 16
// CHECK: struct struct alike - at 0 bytes 16
// CHECK: pointer int * a at 0 bytes 8
// CHECK: pointer struct value * b at 0 bytes 8
// CHECK: plain double d at 0 bytes 8
