// SPDX-License-Identifier: MIT
// What the portable core sees of x86-64: types with their sizes, and the few functions that are
// worth inlining. Included by kernel/arch/arch.h only.
#pragma once
#include "cpu.h"
#include "regs.h"
#include "space.h"

// State that only changes hands when another thread gets the CPU.
struct arch_thread {
    uint64_t fs_base;
    alignas(16) uint8_t fpu[512]; // fxsave64 format: x87 and SSE, nothing wider exists for users
};

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

struct arch_cpu {
    struct arch_space *space; // loaded address space, NULL: the kernel's own
    uint32_t apic_id;
    uint32_t bit;                   // 1 << number
    volatile uint32_t flush_wanted; // set by the lock holder, cleared here: see tlb.c
    uint32_t pad;
    uint64_t gdt[8];
    struct tss tss;
};

extern uint64_t direct_map_base;

static inline void *phys_to_virt(uint64_t pa)
{
    return (void *)(direct_map_base + pa);
}

static inline uint64_t arch_ticks(void)
{
    return rdtsc();
}

static inline void arch_pause(void)
{
    cpu_pause();
}

static inline struct cpu *arch_this_cpu(void)
{
    struct cpu *cpu;
    __asm__ volatile("mov %%gs:16, %0" : "=r"(cpu));
    return cpu;
}

// For the address sanitizer of the host tests; nothing here.
static inline void arch_memory_freed(void *, size_t) {}
static inline void arch_memory_used(void *, size_t) {}

void arch_load_space(struct arch_cpu *, struct arch_space *); // tlb.c; NULL: the kernel's own

// Gives the processor from one thread to another: FPU, fs base, address space. `from` may be NULL
// (the CPU was idle), and so may `to` (it goes idle; the kernel's own space gets loaded).
static inline void arch_switch_state(struct arch_cpu *cpu, struct arch_thread *from,
                                     struct arch_thread *to, struct arch_space *space)
{
    if (from != nullptr) {
        fxsave(from->fpu);
    }
    if (to != nullptr) {
        fxrstor(to->fpu);
        // A user can zero its fs base behind our back (by loading a null selector), so "the same as
        // before" is no reason to skip; only "always zero" is.
        if (to->fs_base != 0 || from == nullptr || from->fs_base != 0) {
            wrmsr(MSR_FS_BASE, to->fs_base);
        }
    }
    if (cpu->space != space) {
        arch_load_space(cpu, space);
    }
}
