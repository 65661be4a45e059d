// SPDX-License-Identifier: MIT
// The boot processor's way from its final address to the first task. The order is the table of
// contents.
#include "acpi.h"
#include "apic.h"
#include "cpu_init.h"
#include "early.h"
#include "ioapic.h"
#include "lock.h"
#include "smp.h"
#include "timing.h"

[[noreturn]] void arch_leave(void);

[[noreturn]] void boot_main(void)
{
    struct cpu *cpu = &cpus[0];
    cpu_prepare(cpu, 0);
    idt_build();
    cpu_init(cpu);       // own tables; the one-to-one map is gone
    early_give_memory(); // page allocator
    early_forget();
    pic_silence();
    apic_choose();
    apic_init(cpu);
    timing_init();
    timing_init_cpu();
    ioapic_init();
    lock_take(cpu); // the others wait for it until the first task runs
    smp_start();
    kernel_start(cpu);
    arch_leave();
}
