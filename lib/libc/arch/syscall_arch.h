// SPDX-License-Identifier: MIT
// musl asks here for Linux system calls. There are none: all go to libc_syscall (lib/libc/glue.c),
// which answers the few that mean something in a service and refuses the rest with ENOSYS.
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

long libc_syscall(long number, long a, long b, long c);

static inline long __syscall0(long n)
{
    return libc_syscall(n, 0, 0, 0);
}

static inline long __syscall1(long n, long a)
{
    return libc_syscall(n, a, 0, 0);
}

static inline long __syscall2(long n, long a, long b)
{
    return libc_syscall(n, a, b, 0);
}

static inline long __syscall3(long n, long a, long b, long c)
{
    return libc_syscall(n, a, b, c);
}

static inline long __syscall4(long n, long a, long b, long c, long d)
{
    (void)d;
    return libc_syscall(n, a, b, c);
}

static inline long __syscall5(long n, long a, long b, long c, long d, long e)
{
    (void)d, (void)e;
    return libc_syscall(n, a, b, c);
}

static inline long __syscall6(long n, long a, long b, long c, long d, long e, long f)
{
    (void)d, (void)e, (void)f;
    return libc_syscall(n, a, b, c);
}

#define IPC_64 0
