// SPDX-License-Identifier: MIT
// Translations and who may still remember them: loading address spaces, flushing here and on other
// CPUs, and the lock's waiting loop, which has to answer such requests.
#include "apic.h"
#include "early.h"
#include "lock.h"
#include "space.h"

enum { FLUSH_ALL_FROM = 32 }; // pages; beyond, dropping everything is cheaper

void arch_load_space(struct arch_cpu *cpu, struct arch_space *space)
{
    cpu->space = space;
    if (space == nullptr) {
        write_cr3(early.root);
        return;
    }
    uint64_t cr3 = space->cr3;
    if (pcid_enabled && (cr3 & PCID_LAST) != 0) {
        cr3 |= space->stale & cpu->bit ? 0 : CR3_NOFLUSH;
        space->stale &= ~cpu->bit;
    }
    write_cr3(cr3);
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

static void flush_here(uint64_t va, uint64_t pages)
{
    if (pages >= FLUSH_ALL_FROM) {
        flush_current();
        return;
    }
    for (; pages > 0; pages--, va += PAGE_SIZE) {
        invlpg(va);
    }
}

static bool has_loaded(uint32_t i, const struct cpu *self, const struct arch_space *space)
{
    return &cpus[i] != self && cpus[i].arch.space == space;
}

// Nobody loads or leaves a space without the lock, which we hold: who has it loaded stays the same.
void arch_flush(struct arch_space *space, uint64_t va, uint64_t pages)
{
    struct cpu *self = arch_this_cpu();
    uint32_t loaded = 0;
    if (self->arch.space == space) {
        flush_here(va, pages);
        loaded = self->arch.bit;
    }
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (has_loaded(i, self, space)) {
            __atomic_store_n(&cpus[i].arch.flush_wanted, 1, __ATOMIC_RELEASE);
            apic_send(&cpus[i], VECTOR_FLUSH);
            loaded |= cpus[i].arch.bit;
        }
    }
    space->stale |= ~loaded; // they may remember something under its PCID
    for (uint32_t i = 0; i < cpu_count; i++) {
        while (has_loaded(i, self, space) &&
               __atomic_load_n(&cpus[i].arch.flush_wanted, __ATOMIC_ACQUIRE) != 0) {
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
