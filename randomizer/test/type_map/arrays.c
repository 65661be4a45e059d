// SPDX-License-Identifier: MIT
// Arrays of several dimensions are one row; a global array is several objects of its element's type.
struct part {
    int *p;
    int n;
};
struct part parts[5];
struct whole {
    struct part grid[2][3];
    char name[7];
} whole;
// CHECK: struct struct part - at 0 bytes 16
// CHECK-NEXT:   pointer int * p at 0 bytes 8
// CHECK-NEXT:   plain int n at 8 bytes 4
// CHECK: global parts bytes 80
// CHECK: struct struct whole - at 0 bytes 104
// CHECK-NEXT:   struct struct part grid at 0 bytes 16 x 6
// CHECK-NEXT:     pointer int * p at 0 bytes 8
// CHECK-NEXT:     plain int n at 8 bytes 4
// CHECK-NEXT:   plain char name at 96 bytes 1 x 7
