// SPDX-License-Identifier: MIT
// Intel SDM volume 3, chapter "Advanced programmable interrupt controller".
#include "apic.h"
#include "early.h"

enum {
    REG_ID = 0x20,
    REG_EOI = 0xb0,
    REG_SPURIOUS = 0xf0,
    REG_COMMAND_LOW = 0x300,
    REG_COMMAND_HIGH = 0x310,
    REG_LVT_TIMER = 0x320,
    REG_LVT_LINT0 = 0x350,
    REG_LVT_LINT1 = 0x360,
    REG_LVT_ERROR = 0x370,
    REG_INITIAL_COUNT = 0x380,
    REG_CURRENT_COUNT = 0x390,
    REG_DIVIDE = 0x3e0,
};
enum {
    LVT_MASKED = 1 << 16,
    SPURIOUS_ENABLE = 1 << 8,
    DIVIDE_BY_1 = 0xb,
    COMMAND_PENDING = 1 << 12
};
enum { COMMAND_NMI = 0x4400, BASE_X2APIC = 1 << 10, BASE_ENABLE = 1 << 11 };

static bool x2apic;

static uint32_t get(uint32_t reg)
{
    if (x2apic) {
        return (uint32_t)rdmsr(MSR_X2APIC + reg / 16);
    }
    return *(volatile uint32_t *)(early.local_apic + reg);
}

static void set(uint32_t reg, uint32_t value)
{
    if (x2apic) {
        wrmsr(MSR_X2APIC + reg / 16, value);
        return;
    }
    *(volatile uint32_t *)(early.local_apic + reg) = value;
}

void apic_choose(void)
{
    x2apic = cpuid(1, 0).c >> 21 & 1;
}

void apic_init(struct cpu *cpu)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | BASE_ENABLE;
    wrmsr(MSR_APIC_BASE, base);
    if (x2apic) {
        wrmsr(MSR_APIC_BASE, base | BASE_X2APIC);
    }
    set(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    set(REG_LVT_LINT0, LVT_MASKED);
    set(REG_LVT_LINT1, LVT_MASKED);
    set(REG_LVT_ERROR, LVT_MASKED);
    set(REG_DIVIDE, DIVIDE_BY_1);
    set(REG_LVT_TIMER, VECTOR_TIMER);
    cpu->arch.apic_id = apic_id();
}

uint32_t apic_id(void)
{
    return x2apic ? get(REG_ID) : get(REG_ID) >> 24;
}

void apic_eoi(void)
{
    set(REG_EOI, 0);
}

void apic_send_raw(uint32_t id, uint32_t command)
{
    if (x2apic) {
        // The write of this MSR does not wait for earlier stores, which the receiver is to see.
        __asm__ volatile("mfence; lfence" ::: "memory");
        wrmsr(MSR_X2APIC + REG_COMMAND_LOW / 16, (uint64_t)id << 32 | command);
        return;
    }
    while (get(REG_COMMAND_LOW) & COMMAND_PENDING) {
        cpu_pause();
    }
    set(REG_COMMAND_HIGH, id << 24);
    set(REG_COMMAND_LOW, command);
}

void apic_send(struct cpu *to, uint32_t vector)
{
    apic_send_raw(to->arch.apic_id, 0x4000 | vector); // fixed delivery, level assert
}

void apic_send_nmi_to_others(void)
{
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (cpus[i].arch.apic_id != apic_id()) {
            apic_send_raw(cpus[i].arch.apic_id, COMMAND_NMI);
        }
    }
}

void apic_timer_count(uint32_t count)
{
    set(REG_INITIAL_COUNT, count);
}

uint32_t apic_timer_left(void)
{
    return get(REG_CURRENT_COUNT);
}

void apic_timer_use_deadline(void)
{
    set(REG_LVT_TIMER, VECTOR_TIMER | 2 << 17);
    __asm__ volatile("mfence" ::
                         : "memory"); // SDM: before the first write of the deadline in xAPIC mode
}
