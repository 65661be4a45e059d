// SPDX-License-Identifier: MIT
// The big lock. Entry code takes and releases it in assembly (entry.S); C does so only in the idle
// loop and on a processor's way up. While a CPU waits for it, it serves requests to flush its TLB:
// their sender holds the lock and waits for us.
//
// It is not fair on purpose. With turns (a ticket lock) it is handed to the longest waiting
// processor, and under an emulator or hypervisor on a busy host that one often is not running:
// everybody then waits for the host's scheduler. Measured: with turns the start of the services
// took seconds instead of 0.1 s.
#pragma once
#include "kernel/arch/arch.h"
#include <stdint.h>

extern uint32_t big_lock;

void lock_take(struct cpu *);
void lock_wait(struct cpu *); // the slow part: returns with the lock

static inline void lock_release(void)
{
    __atomic_store_n(&big_lock, 0, __ATOMIC_RELEASE);
}

// Flushes this CPU's TLB if another one asked for it.
void tlb_serve(struct cpu *);
