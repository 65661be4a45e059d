// SPDX-License-Identifier: MIT
// What there is on the PCI buses.
//
//   scan.c     finds functions and their capabilities; numbers bridges that firmware left alone
//   bars.c     sizes base address registers
//   assign.c   finds addresses for those that have none
//   interrupt.c  MSI-X and the switches of the command register
//
// Configuration space is reached through struct pci_space, so that a host test can be the machine.
#pragma once
#include "kernel/abi/status.h"
#include <stddef.h>
#include <stdint.h>

struct pci_space {
    // width 1, 2 or 4; all ones where there is nothing.
    uint32_t (*read)(void *context, uint32_t address, uint32_t offset, uint32_t width);
    void (*write)(void *context, uint32_t address, uint32_t offset, uint32_t width, uint32_t value);
    // What has been noted of the devices stays, come what may; see pci_size_bars.
    void (*commit)(void *context);
    void *context;
    uint32_t bus_first, bus_last;
};

// A function is named by bus << 8 | device << 3 | function.
static inline uint32_t pci_address(uint32_t bus, uint32_t device, uint32_t function)
{
    return bus << 8 | device << 3 | function;
}

// Registers of the standard header.
enum {
    PCI_VENDOR = 0x00,
    PCI_DEVICE = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM = 0x2c,
    PCI_CAPABILITIES = 0x34,
    // of a bridge
    PCI_PRIMARY = 0x18,
    PCI_SECONDARY = 0x19,
    PCI_SUBORDINATE = 0x1a,
    PCI_MEMORY_BASE = 0x20,
    PCI_MEMORY_LIMIT = 0x22,
    PCI_HEADER_END = 0x40,
};
enum {
    PCI_COMMAND_IO = 0x001, PCI_COMMAND_MEMORY = 0x002, PCI_COMMAND_MASTER = 0x004,
    PCI_COMMAND_NO_INTX = 0x400,
};
enum { PCI_STATUS_CAPABILITIES = 0x10, PCI_MULTIFUNCTION = 0x80, PCI_TYPE_BRIDGE = 1 };
enum { PCI_CAP_MSI = 0x05, PCI_CAP_MSIX = 0x11 };
enum { PCI_CLASS_BRIDGE = 0x06 };

enum { PCI_FUNCTIONS = 128, PCI_BAR_COUNT = 6, PCI_NO_PARENT = 0xffff, PCI_DEPTH = 8 };

enum pci_bar_kind {
    BAR_NONE = 0,
    BAR_IO = 1,
    BAR_MEMORY32 = 2,
    BAR_MEMORY64 = 3,
    BAR_UPPER_HALF = 4
};
struct pci_bar {
    uint64_t base, bytes; // base 0: it has no address
    uint32_t kind;        // enum pci_bar_kind
    uint32_t reserved;
};

struct pci_function {
    uint16_t address, vendor, device, parent; // parent: index of the bridge above, or PCI_NO_PARENT
    uint32_t class_code, subsystem;           // class << 16 | subclass << 8 | interface
    uint8_t revision, header, msix, msi;      // capability offsets, 0: none
    uint8_t sized;                            // the BARs are known
    // While BARs are being sized, what stood there, for whoever has to put it back.
    uint8_t probing;
    uint16_t probe_command;
    uint32_t probe_value[PCI_BAR_COUNT];
    struct pci_bar bar[PCI_BAR_COUNT];
    uint64_t owner; // badge + 1 of the driver, 0: none
};

struct pci_list {
    uint32_t count, last_bus;
    struct pci_function function[PCI_FUNCTIONS]; // what is behind a bridge follows it
};

// Finds all functions. Functions beyond PCI_FUNCTIONS are left out; returns how many were.
uint32_t pci_scan(const struct pci_space *space, struct pci_list *out);

// Offset of the capability with this id, 0 if there is none.
uint32_t pci_find_capability(const struct pci_space *space, uint32_t address, uint32_t id);
// Bytes of configuration space that the MSI or MSI-X capability at `offset` takes.
uint32_t pci_capability_bytes(const struct pci_space *space, uint32_t address, uint32_t offset);

// Sizes a function's BARs; the device does not answer on the bus meanwhile. Only for devices that are
// not at work, so once.
void pci_size_bars(const struct pci_space *space, struct pci_function *f);
// Puts back what a predecessor that died in pci_size_bars had overwritten.
void pci_undo_probe(const struct pci_space *space, struct pci_function *f);

// Gives memory BARs without an address one: in the window of the bridge above, which is opened if
// it is shut, else in [low, high) of the host. What finds no room stays without.
void pci_assign(const struct pci_space *space, struct pci_list *all, uint64_t low, uint64_t high,
                uint64_t hole_base, uint64_t hole_bytes);

// Sets and clears bits of the command register.
void pci_command(const struct pci_space *space, uint32_t address, uint32_t set, uint32_t clear);
// No DMA, no interrupts of any kind.
void pci_quiet(const struct pci_space *space, const struct pci_function *f);

// Where entry `entry` of the MSI-X table lies. ERR_UNSUPPORTED: no MSI-X or an impossible table;
// ERR_RANGE: no such entry.
[[nodiscard]] enum status pci_msix_entry(const struct pci_space *space,
                                         const struct pci_function *f, uint32_t entry,
                                         uint32_t *bar, uint32_t *offset);
// Writes the entry (at its place in the mapped BAR), unmasked.
void pci_msix_write(volatile uint32_t *entry, uint64_t message_address, uint32_t data);
void pci_msix_enable(const struct pci_space *space, const struct pci_function *f, bool on);
