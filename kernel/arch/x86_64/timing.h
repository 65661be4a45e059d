// SPDX-License-Identifier: MIT
#pragma once
#include <stdint.h>

void timing_init(void);     // boot processor, after its APIC is on
void timing_init_cpu(void); // each CPU
void timing_delay_us(uint64_t us);
