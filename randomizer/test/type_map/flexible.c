// SPDX-License-Identifier: MIT
// An array without a length, in both spellings.
struct modern {
    int n;
    char *tail[];
} modern = {2, {"a", "b"}};
struct old {
    int n;
    struct {
        char *p;
    } tail[0];
} old;
// CHECK: pointer char * tail at 8 bytes 8 x any
// CHECK: global modern bytes 24
// CHECK: struct struct {{.*}}tail at 8 bytes 8 x any
// CHECK-NEXT: pointer char * p at 0 bytes 8
