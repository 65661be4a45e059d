// SPDX-License-Identifier: MIT
// new(T) and new_array(T, n) have the map of T, once for both; the heap's own word is a record of its own.
#include "lib/rt/heap.h"
struct node {
    struct node *next;
};
struct node *one(void) { return new(struct node); }
struct node *many(int n) { return new_array(struct node, n); }
// CHECK: struct struct node - at 0 bytes 8
// CHECK-NEXT: pointer struct node * next at 0 bytes 8
// CHECK: struct struct rt_type - at 0 bytes 32
// CHECK: pointer void * map at 24 bytes 8
// CHECK: global {{.*}}allocation.c:one.rt_type_of_new bytes 32
// CHECK-NOT: {{.*}}struct struct node{{.*}}
// CHECK: global {{.*}}allocation.c:many.rt_type_of_new bytes 32
