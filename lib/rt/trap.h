// SPDX-License-Identifier: MIT
// The two ways into the kernel, as inline functions: trap() for ordinary system calls and
// trap_ipc() for those that carry a message. Everything else in lib/ goes through these two, so
// that host tests can put a fake kernel in their place.
#pragma once
#include "kernel/abi/syscall.h"
#include "lib/rt/undo_log.h"

// A message in memory, as the stubs of interfaces/gen and the event loop handle it.
// As a local variable it costs nothing: the stubs are inlined and its fields stay in registers.
struct ipc_message {
    uint64_t tag;           // label and TAG_* bits
    uint64_t w[IPC_WORDS];
    uint64_t badge;         // received: badge of the handle that was called
    handle_t handle;        // sent or received with TAG_HANDLE
    uint32_t handle_rights; // sent: rights that the receiver gets, at most the sender's own
    uint64_t grant;         // received: length | direction of the caller's grant, 0 if none
    uint64_t bits;          // received with TAG_NOTIFY: the notification bits
};

#if __STDC_HOSTED__
#include "lib/rt/test/fake_trap.h"
#else

#define TRAP_INLINE static inline __attribute__((always_inline))

// One system call with up to six arguments. *second receives the second result; calls that have
// none leave rdx undefined, which is why it is always an output.
TRAP_INLINE enum status trap(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                             uint64_t a4, uint64_t a5, uint64_t *second)
{
    uint64_t result;
    register uint64_t r10 __asm__("r10") = a3;
    register uint64_t r8 __asm__("r8") = a4;
    register uint64_t r9 __asm__("r9") = a5;
    __asm__ volatile(UNDO_ASM "syscall"
                     : "=a"(result), "+d"(a2)
                     : "0"(number), "D"(a0), "S"(a1), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    *second = a2;
    return (enum status)result;
}

TRAP_INLINE enum status trap0(uint64_t number)
{
    uint64_t result, second;
    __asm__ volatile(UNDO_ASM "syscall"
                     : "=a"(result), "=d"(second)
                     : "0"(number)
                     : "rcx", "r11", "memory");
    return (enum status)result;
}

TRAP_INLINE enum status trap1(uint64_t number, uint64_t a0)
{
    uint64_t result, second;
    __asm__ volatile(UNDO_ASM "syscall"
                     : "=a"(result), "=d"(second)
                     : "0"(number), "D"(a0)
                     : "rcx", "r11", "memory");
    return (enum status)result;
}

TRAP_INLINE enum status trap2(uint64_t number, uint64_t a0, uint64_t a1)
{
    uint64_t result, second;
    __asm__ volatile(UNDO_ASM "syscall"
                     : "=a"(result), "=d"(second)
                     : "0"(number), "D"(a0), "S"(a1)
                     : "rcx", "r11", "memory");
    return (enum status)result;
}

TRAP_INLINE enum status trap3(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    uint64_t result;
    __asm__ volatile(UNDO_ASM "syscall"
                     : "=a"(result), "+d"(a2)
                     : "0"(number), "D"(a0), "S"(a1)
                     : "rcx", "r11", "memory");
    return (enum status)result;
}

// A system call that carries a message: registers as in kernel/abi/ipc.h. `where` is the port, or
// port | reply << 32; r14 and r15 mean what the call says. All fields of *m are replaced.
TRAP_INLINE enum status trap_ipc(uint64_t number, uint64_t where, struct ipc_message *m,
                                 uint64_t r14_in, uint64_t r15_in)
{
    uint64_t rax = number, rdi = where, rsi = m->tag, rdx = m->w[0];
    uint64_t rbx = m->handle | (uint64_t)m->handle_rights << 32;
    register uint64_t r10 __asm__("r10") = m->w[1];
    register uint64_t r8 __asm__("r8") = m->w[2];
    register uint64_t r9 __asm__("r9") = m->w[3];
    register uint64_t r12 __asm__("r12") = m->w[4];
    register uint64_t r13 __asm__("r13") = m->w[5];
    register uint64_t r14 __asm__("r14") = r14_in;
    register uint64_t r15 __asm__("r15") = r15_in;
    __asm__ volatile(UNDO_ASM "syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+b"(rbx), "+r"(r10), "+r"(r8),
                       "+r"(r9), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
                     :
                     : "rcx", "r11", "memory");
    m->tag = rsi;
    m->w[0] = rdx;
    m->w[1] = r10;
    m->w[2] = r8;
    m->w[3] = r9;
    m->w[4] = r12;
    m->w[5] = r13;
    m->badge = rdi;
    m->handle = (handle_t)rbx;
    m->handle_rights = (uint32_t)(rbx >> 32);
    m->grant = r15;
    m->bits = r14;
    return (enum status)rax;
}

// The processor's time stamp counter.
TRAP_INLINE uint64_t trap_ticks(void)
{
    return __builtin_ia32_rdtsc();
}
#endif
