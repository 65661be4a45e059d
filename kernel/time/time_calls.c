// SPDX-License-Identifier: MIT
// System calls about time and turns.
#include "kernel/system/calls.h"

int sys_clock(struct thread *, struct regs *r)
{
    r->rdx = arch_now_ns();
    return OK;
}

int sys_yield(struct thread *, struct regs *)
{
    struct cpu *cpu = arch_this_cpu();
    cpu->slice_end = 0; // goes behind its equals
    cpu->resched = true;
    return OK;
}
