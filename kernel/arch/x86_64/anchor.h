// SPDX-License-Identifier: MIT
// struct kernel_anchor lies at physical KERNEL_PHYS, the first thing of the image: whoever can read
// physical memory (a debugger, a crash analyser) finds the kernel's random base there.
#pragma once
#include <stdint.h>

struct kernel_anchor {
    uint64_t magic;      // "MSANCHOR"
    uint64_t base;       // virtual address of the image; 0 before it is drawn
    uint64_t direct_map; // virtual address of physical 0
    uint64_t image_bytes;
    uint64_t epitaph; // virtual address of struct epitaph, 0 while the kernel lives
    uint64_t reserved[11];
};
extern struct kernel_anchor kernel_anchor;
static_assert(sizeof(struct kernel_anchor) == 128);
