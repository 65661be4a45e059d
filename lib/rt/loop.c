// SPDX-License-Identifier: MIT
// Leaving a handler for good: the stack from the event loop up is dropped.
//
// A file of its own because of setjmp, which the type maps rightly refuse: the buffer holds places
// in code and stack. It belongs to one incarnation, and does not move.
#include "lib/rt/internal.h"
#include <setjmp.h>

RT_OWN static jmp_buf top;

int loop_run(void)
{
    int why = setjmp(top);
    return serve_forever(why);
}

void loop_restart(int why)
{
    longjmp(top, why);
}
