// SPDX-License-Identifier: MIT
// The big lock. Entry code takes and releases it in assembly (entry.S); C does so only in the idle loop
// and on a processor's way up. While a CPU waits for it, it serves requests to flush its TLB: their
// sender holds the lock and waits for us.
#pragma once
#include "kernel/arch/arch.h"
#include <stdint.h>

extern uint32_t big_lock_next;
extern volatile uint32_t big_lock_serving;

void lock_take(struct cpu *);
void lock_wait(uint32_t ticket, struct cpu *);

static inline void lock_release(void)
{
    __atomic_store_n(&big_lock_serving, big_lock_serving + 1, __ATOMIC_RELEASE);
}

// Flushes this CPU's TLB if another one asked for it.
void tlb_serve(struct cpu *);

