// SPDX-License-Identifier: MIT
// Statics are named by their file and function.
int next(void) { static int n; return ++n; }
// CHECK: global randomizer/test/type_map/local.c:next.n bytes 4
