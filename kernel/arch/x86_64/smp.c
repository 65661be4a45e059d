// SPDX-License-Identifier: MIT
// The other processors: INIT, start-up, a trampoline below 1 MiB (boot.S), then the same as the
// first.
#include "smp.h"
#include "acpi.h"
#include "apic.h"
#include "cpu_init.h"
#include "early.h"
#include "lock.h"
#include "timing.h"

enum { TRAMPOLINE = 0x8000, COMMAND_INIT = 0x4500, COMMAND_STARTUP = 0x4600 };
// The 10 ms after INIT of the old multiprocessor specification were for processors before 64 bits.
enum { INIT_WAIT_US = 20, SECOND_AFTER_US = 1000, ARRIVAL_WAIT_US = 100000 };

// As laid out at the end of the trampoline.
struct trampoline_fields {
    uint16_t gdt_limit;
    uint32_t gdt_base;
    uint16_t pad0;
    uint32_t far32_offset;
    uint16_t far32_selector, pad1;
    uint32_t far64_offset;
    uint16_t far64_selector, pad2;
    uint64_t cr3, stack, cpu, entry;
} __attribute__((packed));

extern const uint8_t trampoline_start[], trampoline_end[], trampoline_fields[];

static volatile uint32_t arrived;

[[noreturn]] void arch_leave(void);

// First C on another processor, on its own kernel stack, with the boot page tables.
[[noreturn]] static void secondary_main(struct cpu *cpu)
{
    cpu_init(cpu);
    apic_init(cpu);
    timing_init_cpu();
    __atomic_store_n(&arrived, cpu->number, __ATOMIC_RELEASE);
    lock_take(cpu);
    kernel_cpu_start(cpu);
    arch_leave();
}

static void prepare(struct cpu *cpu)
{
    uint8_t *page = phys_to_virt(TRAMPOLINE);
    for (const uint8_t *at = trampoline_start; at < trampoline_end; at++) {
        page[at - trampoline_start] = *at;
    }
    struct trampoline_fields *f = (void *)(page + (trampoline_fields - trampoline_start));
    f->gdt_base += TRAMPOLINE;
    f->far32_offset += TRAMPOLINE;
    f->far64_offset += TRAMPOLINE;
    f->cr3 = early.boot_root;
    f->stack = cpu->kernel_stack;
    f->cpu = (uint64_t)cpu;
    f->entry = (uint64_t)secondary_main;
}

static bool wait_for(uint32_t number, uint64_t us)
{
    uint64_t end = rdtsc() + machine.tsc_hz / 1000000 * us;
    while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) != number) {
        if (rdtsc() > end) {
            return false;
        }
        cpu_pause();
    }
    return true;
}

static bool start(uint32_t id, uint32_t number)
{
    struct cpu *cpu = &cpus[number];
    cpu_prepare(cpu, number);
    prepare(cpu);
    apic_send_raw(id, COMMAND_INIT);
    timing_delay_us(INIT_WAIT_US);
    for (int i = 0; i < 2; i++) {
        apic_send_raw(id, COMMAND_STARTUP | TRAMPOLINE >> 12);
        if (wait_for(number, i == 0 ? SECOND_AFTER_US : ARRIVAL_WAIT_US)) {
            return true;
        }
    }
    apic_send_raw(id, COMMAND_INIT); // so that it cannot come late, into another one's trampoline
    return false;
}

void smp_start(void)
{
    uint32_t own = apic_id();
    cpu_count = 1;
    for (uint32_t i = 0; i < acpi.cpus && cpu_count < CPUS_MAX; i++) {
        if (acpi.apic_id[i] != own && start(acpi.apic_id[i], cpu_count)) {
            cpu_count++;
        }
    }
}
