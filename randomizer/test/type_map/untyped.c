// SPDX-License-Identifier: MIT
// Third-party code: nothing is refused, everything is scanned.
// OPTIONS: -mllvm -samsara-untyped
long hidden;
union { char *p; long l; } u;
static int fine;
char *show(char *p) { hidden = (long)p; fine++; return (char *)hidden; }
// CHECK-DAG: global hidden bytes 8 untyped
// CHECK-DAG: global u bytes 8 untyped
// CHECK-DAG: global {{.*}}untyped.c:fine bytes 4 untyped
// CHECK-NOT: {{.*}}struct{{.*}}
