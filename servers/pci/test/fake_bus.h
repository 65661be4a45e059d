// SPDX-License-Identifier: MIT
// Configuration space of an invented machine, for host tests.
#pragma once
#include "servers/pci/bus.h"

enum { FAKE_FUNCTIONS = 16 };
struct fake_function {
    uint32_t address;
    bool bridge, present;
    uint8_t config[4096];
    uint32_t bar_mask[6]; // writable bits
    uint32_t bar_low[6];  // fixed bits
};

struct fake_bus {
    struct fake_function function[FAKE_FUNCTIONS];
    uint32_t writes;
    uint32_t die_after; // write number after which the driver is dead (longjmp), 0: never
    bool decoding_during_probe; // a BAR was all ones while the device answered addresses
};
extern struct fake_bus fake;
extern struct pci_space fake_space;

void fake_reset(void);
// A device with these ids, in the next free place of the list.
struct fake_function *fake_add(uint32_t address, uint16_t vendor, uint16_t device,
                               uint32_t class_code);
// A memory BAR of `bytes` with this address; wide: 64 bits, takes two.
void fake_bar(struct fake_function *f, int i, uint64_t bytes, uint64_t base, bool wide);
struct fake_function *fake_bridge(uint32_t address, uint8_t secondary, uint8_t subordinate);
void fake_commit(void *context); // of fake_space; the test provides it
void fake_death(void); // called when die_after is reached; the test provides it
