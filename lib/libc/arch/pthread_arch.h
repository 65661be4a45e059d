// SPDX-License-Identifier: MIT
// musl asks here for the thread control block. A service has one thread, and thread-local storage
// would be one more kind of memory to move at a rebirth; so it is an ordinary global
// (lib/libc/thread.c).
extern struct __pthread libc_thread_block;

static inline uintptr_t __get_tp(void)
{
    return (uintptr_t)&libc_thread_block;
}

#define MC_PC gregs[REG_RIP]
