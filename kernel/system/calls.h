// SPDX-License-Identifier: MIT
// The handlers of all system calls. Each reads its arguments from the saved registers, checks all of
// them, and only then acts. Returns enum status, CALL_BLOCKED or CALL_AGAIN; a second result goes to
// rdx together with OK only.
#pragma once
#include "kernel/task/sched.h"

#define SYSCALL(number, name, doc) int sys_##name(struct thread *, struct regs *);
#include "kernel/abi/syscall.def"
#undef SYSCALL

extern uint64_t boot_ns; // kernel entry to the first user instruction

// The task named by a handle with RIGHT_MANAGE, or the caller's own for 0.
MUST_USE enum status call_task(struct thread *, uint64_t handle, uint32_t rights, struct task **);
MUST_USE enum status call_thread(struct thread *, uint64_t handle, uint32_t rights,
                                 struct thread **);
