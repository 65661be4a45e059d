// SPDX-License-Identifier: MIT
// CHECK: error_thread.c:[[#@LINE+1]]: 'mine' is thread-local
_Thread_local int mine;
int get(void) { return mine; }
