// SPDX-License-Identifier: MIT
void *place;
// CHECK: error_label.c:[[#@LINE+1]]: the address of a label cannot be moved
int mark(int n) { place = &&again; again: return n; }
