// SPDX-License-Identifier: MIT
// What the kernel wants from ACPI's static tables (ACPI 6.5, chapter 5): processors, I/O APICs,
// interrupt overrides, PCI configuration space, and how to power off. Read once, before paging is
// final.
#pragma once
#include <stdint.h>

enum { ACPI_CPUS = 16, ACPI_IOAPICS = 4, ACPI_OVERRIDES = 16 };

struct acpi_override {
    uint8_t source; // ISA line
    uint16_t flags; // polarity (bits 0-1), trigger (bits 2-3)
    uint32_t gsi;
};

struct acpi {
    uint64_t rsdp;
    uint32_t cpus;
    uint32_t apic_id[ACPI_CPUS];
    uint64_t local_apic;
    uint32_t ioapics;
    uint64_t ioapic[ACPI_IOAPICS];
    uint32_t ioapic_gsi[ACPI_IOAPICS];
    uint32_t overrides;
    struct acpi_override override[ACPI_OVERRIDES];
    uint64_t ecam;
    uint32_t ecam_first, ecam_last;
    uint16_t pm_timer; // port of the 3.579545 MHz counter, 0 if there is none
    uint16_t pm1a_control, pm1b_control, sleep_type; // sleep_type: SLP_TYPa << 10, as S5 wants it
    bool sleep_known;
    uint16_t reset_port;
    uint8_t reset_value;
    bool reset_known;
};
extern struct acpi acpi;

// rsdp 0: look for it in the BIOS area. Memory below 4 GiB is mapped one to one.
void acpi_read(uint64_t rsdp);
