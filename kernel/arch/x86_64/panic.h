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

[[noreturn]] void panic_trap(uint64_t vector, uint64_t error, uint64_t rip, uint64_t rsp, uint64_t rbp);
