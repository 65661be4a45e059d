// SPDX-License-Identifier: MIT
struct value {
    int kind;
    // CHECK: error: randomizer/test/type_map/error_union.c:[[#@LINE+1]]: union 'u' may hold a pointer and nobody can tell when
    union { long number; char *text; } u;
} value;
// CHECK-NOT: error:
