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
        apic_eoi();
        if (vector >= VECTOR_IRQ && vector < VECTOR_IRQ + IRQ_VECTORS) {
            kernel_irq(cpu, vector - VECTOR_IRQ);
        }
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

struct frame {
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

void trap_from_kernel(struct cpu *cpu, uint32_t vector, uint64_t error, const struct frame *frame)
{
    if (vector < EXCEPTIONS) {
        panic_trap(vector, error, frame->rip, frame->rsp, (uint64_t)__builtin_frame_address(0));
    }
    tlb_serve(cpu);
    lock_take(cpu);
    dispatch(cpu, vector);
    lock_release();
}

void trap_fatal(uint32_t vector, uint64_t rip, uint64_t rsp, uint64_t rbp)
{
    panic_trap(vector, 0, rip, rsp, rbp);
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
