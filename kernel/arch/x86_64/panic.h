// SPDX-License-Identifier: MIT
// The kernel's end: what it says, and what it leaves behind for whoever looks.
#pragma once
#include <stdint.h>

enum { EPITAPH_FRAMES = 16, EPITAPH_TEXT = 128 };
struct epitaph {
    uint64_t magic; // "EPITAPH!" once filled
    char text[EPITAPH_TEXT];
    uint32_t cpu, line;
    uint64_t vector, error, cr2, rip, rsp;
    uint64_t frames[EPITAPH_FRAMES]; // return addresses minus the kernel's base
};
extern struct epitaph epitaph;

// What entry.S leaves on the stack for an exception of the kernel.
struct crash_frame {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};
[[noreturn]] void panic_trap(const struct crash_frame *);
