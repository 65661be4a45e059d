// SPDX-License-Identifier: MIT
// Saved user registers: what entry.S writes on every entry, and where. Included by C and assembly.
#pragma once

#define REGS_RAX    0
#define REGS_RBX    8
#define REGS_RCX    16
#define REGS_RDX    24
#define REGS_RSI    32
#define REGS_RDI    40
#define REGS_RBP    48
#define REGS_RSP    56
#define REGS_R8     64
#define REGS_R9     72
#define REGS_R10    80
#define REGS_R11    88
#define REGS_R12    96
#define REGS_R13    104
#define REGS_R14    112
#define REGS_R15    120
#define REGS_RIP    128
#define REGS_RFLAGS 136
#define REGS_FULL   144

// struct cpu, reached through gs while the kernel runs.
#define CPU_CURRENT 0
#define CPU_STACK   8
#define CPU_SELF    16
#define CPU_SCRATCH 24

// Segment selectors. The order is what syscall and sysret demand: kernel code, kernel data, then (a
// hole where 32-bit user code would be: there is none) user data, user code.
#define SEL_KERNEL_CODE 0x08
#define SEL_KERNEL_DATA 0x10
#define SEL_SYSRET_BASE 0x18
#define SEL_USER_DATA   0x23
#define SEL_USER_CODE   0x2b
#define SEL_TSS         0x30

// Interrupt vectors. Device interrupts n < IRQ_VECTORS arrive at VECTOR_IRQ + n.
#define VECTOR_NMI      2
#define VECTOR_IRQ      48
#define VECTOR_TIMER    240
#define VECTOR_RESCHED  241
#define VECTOR_FLUSH    242
#define VECTOR_SPURIOUS 255

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

// Order of struct thread_regs (abi) without fs_base. `full` says that rcx and r11 count too, so
// that only iret can restore it; after the syscall instruction they hold nothing of the user's.
struct regs {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags;
    uint64_t full;
};
static_assert(offsetof(struct regs, rsp) == REGS_RSP);
static_assert(offsetof(struct regs, r15) == REGS_R15);
static_assert(offsetof(struct regs, rip) == REGS_RIP);
static_assert(offsetof(struct regs, full) == REGS_FULL);
#endif
