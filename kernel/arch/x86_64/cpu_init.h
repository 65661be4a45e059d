// SPDX-License-Identifier: MIT
#pragma once
#include "kernel/arch/arch.h"

void idt_build(void);                            // once
void cpu_prepare(struct cpu *, uint32_t number); // before the CPU runs
void cpu_init(struct cpu *); // on the CPU itself; loads the kernel's own page tables
