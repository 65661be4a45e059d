// SPDX-License-Identifier: MIT
// Interrupts and exceptions, after entry.S has saved the registers.
#include "apic.h"
#include "lock.h"
#include "panic.h"

enum { EXCEPTIONS = 32, PAGE_FAULT = 14 };

// Everything that is not an exception; lock held.
static void dispatch(struct cpu *cpu, uint32_t vector)
{
    switch (vector) {
    case VECTOR_TIMER:
        apic_eoi();
        kernel_timer(cpu);
        break;
    case VECTOR_RESCHED:
        apic_eoi();
        kernel_resched(cpu);
        break;
    case VECTOR_FLUSH: // served on the way to the lock
        apic_eoi();
        break;
    case VECTOR_SPURIOUS:
        break;
    default:
        // The end of interrupt comes last: a level-triggered line is masked by then, else it would
        // be taken a second time at once.
        if (vector >= VECTOR_IRQ && vector < VECTOR_IRQ + IRQ_VECTORS) {
            kernel_irq(cpu, vector - VECTOR_IRQ);
        }
        apic_eoi();
        break;
    }
}

void trap_from_user(struct cpu *cpu, uint32_t vector, uint64_t error)
{
    uint64_t address = vector == PAGE_FAULT ? read_cr2() : 0;
    tlb_serve(cpu);
    lock_take(cpu);
    if (vector < EXCEPTIONS) {
        kernel_exception(cpu, vector, error, address);
    } else {
        dispatch(cpu, vector);
    }
}

// An interrupt in the idle loop; exceptions of the kernel itself go to panic_trap.
void trap_from_kernel(struct cpu *cpu, uint32_t vector)
{
    tlb_serve(cpu);
    lock_take(cpu);
    dispatch(cpu, vector);
    lock_release();
}

// Entered with the lock held and nothing current; returns with the lock held and something current.
void idle_loop(struct cpu *cpu)
{
    while (cpu->current == nullptr) {
        bool more = kernel_idle(cpu);
        if (cpu->current != nullptr) {
            return;
        }
        lock_release();
        if (more) {
            __asm__ volatile("sti; nop; cli" ::: "memory");
        } else {
            __asm__ volatile("sti; hlt; cli" ::: "memory");
        }
        lock_take(cpu);
    }
}
