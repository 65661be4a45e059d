// SPDX-License-Identifier: MIT
_Atomic long number;
// CHECK: error_exchange.c:[[#@LINE+1]]: an address is stored as an integer
long swap(char *p) { return __c11_atomic_exchange(&number, (long)p, __ATOMIC_SEQ_CST); }
// CHECK: error_exchange.c:[[#@LINE+1]]: an address is stored as an integer
_Bool claim(char *p, long old) { return __c11_atomic_compare_exchange_strong(&number, &old, (long)p, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); }
