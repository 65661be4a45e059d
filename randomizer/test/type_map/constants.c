// SPDX-License-Identifier: MIT
// What nobody can write is not moved and has no record.
static const char *const names[] = {"a", "b"};
const char *name(int i) { return names[i]; }
const char *current;
// CHECK-NOT: {{.*}}names{{.*}}
// CHECK: global current bytes 8
// CHECK-NOT: {{.*}}global{{.*}}
