// SPDX-License-Identifier: MIT
// What the early code found and made, for the rest of the boot.
#pragma once
#include <stdint.h>

struct early {
    uint64_t root;                 // physical: the kernel's own PML4
    uint64_t boot_root;            // physical: the same, with the first 4 GiB one to one
    uint64_t tables, tables_bytes; // physical memory that holds the kernel's tables
    uint64_t phys_offset;          // physical = virtual + this, for the image
    uint64_t local_apic;           // virtual
    uint64_t ioapic[4];            // virtual, as in struct acpi
};
extern struct early early;

// Stops with a sentence on the debug console and COM1; works in the earliest code.
[[noreturn]] void early_fail(const char *text);
void early_give_memory(void);
void early_forget(void);
// Takes a page of the image out of the address space; boot only, other processors do not run yet.
void early_unmap(uint64_t va);
