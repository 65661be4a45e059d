// SPDX-License-Identifier: MIT
struct box { long number; } *box;
// CHECK: error_store.c:[[#@LINE+1]]: an address is stored as an integer
void hide(char *p) { box->number = (long)p ^ 5; }
