// RUN: clang -O2
// CHECK: error: the address of called_later is taken, which is declared UNDO_COMMITS
// CHECK: error_commit.c:16:5: error: commits a transaction, but the function is not declared UNDO_COMMITS
// CHECK-NOT: error:
#include "lib/rt/undo_log.h"

int count;
UNDO_COMMITS void called_later(void)
{
    undo_commit();
}
void (*later)(void) = called_later;
void serve(void)
{
    count++;
    undo_commit();
}
UNDO_COMMITS void fine(void)
{
    count++;
    called_later();
}
