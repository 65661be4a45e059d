// SPDX-License-Identifier: MIT
// The host's stand-in for a processor: physical memory is a block from mmap, page tables are real
// x86 tables walked by software, CPUs take turns under the control of the test.
#pragma once
#include "kernel/arch/x86_64/regs.h"
#include <stdbool.h>

struct arch_thread {
    uint64_t fs_base;
    uint64_t fpu; // a value that must travel with the thread
};

struct arch_cpu {
    struct arch_space *space;
    uint64_t fpu, fs_base; // what the processor holds
    bool ipi;              // a reschedule request is pending
    uint64_t timer;
};

struct arch_space {
    struct account *account;
    uint64_t root;
    uint64_t tables;    // table pages in use, the root included
    uint64_t destroyed; // index reached
};

extern uint8_t *host_ram;
extern uint64_t host_ticks;
extern struct cpu *host_cpu;

static inline void *phys_to_virt(uint64_t pa)
{
    return (void *)((uintptr_t)host_ram + pa);
}

static inline uint64_t arch_ticks(void)
{
    return host_ticks += 10;
}

static inline struct cpu *arch_this_cpu(void)
{
    return host_cpu;
}

void arch_switch_state(struct arch_cpu *, struct arch_thread *from, struct arch_thread *to,
                       struct arch_space *);
void arch_memory_freed(void *, size_t);
void arch_memory_used(void *, size_t);
