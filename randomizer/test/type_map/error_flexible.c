// SPDX-License-Identifier: MIT
struct inner { int n; char *tail[]; };
// CHECK: error_flexible.c:[[#@LINE-1]]: 'tail' is an array without a length in the middle of an object
struct outer { struct inner inner; int more; } outer;
