// SPDX-License-Identifier: MIT
// Translations and who may still remember them: loading address spaces, flushing here and on other CPUs,
// and the lock's waiting loop, which has to answer such requests.
#include "apic.h"
#include "early.h"
#include "lock.h"
#include "space.h"

enum { FLUSH_ALL_FROM = 32 }; // pages; beyond, dropping everything is cheaper

void arch_load_space(struct arch_cpu *cpu, struct arch_space *space)
{
    if (cpu->space != nullptr) {
        cpu->space->active &= ~cpu->bit;
    }
    cpu->space = space;
    if (space == nullptr) {
        write_cr3(early.root);
        return;
    }
    space->active |= cpu->bit;
    bool keep = pcid_enabled && (space->cr3 & 0xfff) != 0 && !(space->stale & cpu->bit);
    space->stale &= ~cpu->bit;
    write_cr3(space->cr3 | (keep ? CR3_NOFLUSH : 0));
}

static void flush_current(void)
{
    write_cr3(read_cr3()); // without the no-flush bit: drops everything of this PCID
}

void tlb_serve(struct cpu *cpu)
{
    if (cpu->arch.flush_wanted != 0) {
        flush_current();
        __atomic_store_n(&cpu->arch.flush_wanted, 0, __ATOMIC_RELEASE);
    }
}

void arch_flush(struct arch_space *space, uint64_t va, uint64_t pages)
{
    struct cpu *self = arch_this_cpu();
    if (self->arch.space == space) {
        if (pages >= FLUSH_ALL_FROM) {
            flush_current();
        }
        for (uint64_t i = 0; i < pages && pages < FLUSH_ALL_FROM; i++) {
            invlpg(va + i * PAGE_SIZE);
        }
    }
    space->stale |= ~space->active; // CPUs that may remember it under its PCID
    uint32_t others = space->active & ~self->arch.bit;
    for (uint32_t i = 0; others >> i != 0; i++) {
        if (others >> i & 1) {
            __atomic_store_n(&cpus[i].arch.flush_wanted, 1, __ATOMIC_RELEASE);
            apic_send(&cpus[i], VECTOR_FLUSH);
        }
    }
    for (uint32_t i = 0; others >> i != 0; i++) {
        while (others >> i & 1 && __atomic_load_n(&cpus[i].arch.flush_wanted, __ATOMIC_ACQUIRE) != 0) {
            cpu_pause();
        }
    }
}

// Also called from entry.S, when the first try failed.
void lock_wait(struct cpu *cpu)
{
    do {
        while (__atomic_load_n(&big_lock, __ATOMIC_RELAXED) != 0) {
            tlb_serve(cpu);
            cpu_pause();
        }
    } while (__atomic_exchange_n(&big_lock, 1, __ATOMIC_ACQUIRE) != 0);
}

void lock_take(struct cpu *cpu)
{
    if (__atomic_exchange_n(&big_lock, 1, __ATOMIC_ACQUIRE) != 0) {
        lock_wait(cpu);
    }
}
