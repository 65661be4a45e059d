// SPDX-License-Identifier: MIT
// The local APIC: identity, end of interrupt, messages to other CPUs, the timer. x2APIC where there
// is one.
#pragma once
#include "kernel/arch/arch.h"

void apic_choose(void);       // once, by the boot processor: x2APIC or the memory-mapped registers
void apic_init(struct cpu *); // each CPU: switches its APIC on
uint32_t apic_id(void);
void apic_eoi(void);
void apic_send(struct cpu *, uint32_t vector);
void apic_send_raw(uint32_t id, uint32_t command); // INIT, start-up, NMI
void apic_send_nmi_to_others(void);

// Timer: one shot, `count` ticks of the APIC's clock divided by 1; 0 stops it.
void apic_timer_count(uint32_t count);
uint32_t apic_timer_left(void);
void apic_timer_use_deadline(void); // fires when the TSC reaches MSR_TSC_DEADLINE
