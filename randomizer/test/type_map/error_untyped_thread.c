// SPDX-License-Identifier: MIT
// OPTIONS: -mllvm -samsara-untyped
// CHECK: error_untyped_thread.c:[[#@LINE+1]]: 'mine' is thread-local
_Thread_local int mine;
