// SPDX-License-Identifier: MIT
// An address space as paging.c and tlb.c keep it.
#pragma once
#include <stdint.h>

struct account;

struct arch_space {
    struct account *account; // pays for the table pages
    uint64_t root;           // physical address of the PML4 page
    uint64_t cr3;            // root | PCID: what goes into CR3, without the no-flush bit
    uint32_t stale;  // bit n: CPU n may hold dead translations under its PCID: flush when loading
    uint32_t cursor; // destruction: PML4 index reached
};

// Upper-half PML4 entries that every space shares; written once at boot by early.c.
enum { KERNEL_SLOTS_MAX = 16 };
struct kernel_slot {
    uint32_t index;
    uint64_t entry;
};
extern struct kernel_slot kernel_slots[KERNEL_SLOTS_MAX];
extern uint32_t kernel_slot_count;

// Bits of a page-table entry.
#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE   (1ull << 1)
#define PTE_USER    (1ull << 2)
#define PTE_PWT     (1ull << 3)
#define PTE_PCD     (1ull << 4)
#define PTE_LARGE   (1ull << 7) // in a PDPT or PD entry
#define PTE_PAT     (1ull << 7) // in a PT entry; PAT entry 4 is write-combining, see cpu_init
#define PTE_GLOBAL  (1ull << 8)
#define PTE_NX      (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

// PCIDs (1..PCID_LAST); pcid_alloc gives 0 when none is left or the processor has none: such a
// space is flushed each time it is loaded.
enum { PCID_LAST = 4095 };
extern bool pcid_enabled;
