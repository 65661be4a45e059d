// SPDX-License-Identifier: MIT
// Enumeration: every function on every bus that can be reached from the first one.
#include "servers/pci/bus.h"

enum { CAPS_MAX = 48 }; // as many as fit into 192 bytes: a longer list runs in a circle

struct scan {
    const struct pci_space *space;
    struct pci_list *out;
    uint32_t left_out;
};

static uint32_t get(const struct pci_space *s, uint32_t address, uint32_t offset, uint32_t width)
{
    return s->read(s->context, address, offset, width);
}

static void put(const struct pci_space *s, uint32_t address, uint32_t offset, uint32_t width,
                uint32_t value)
{
    s->write(s->context, address, offset, width, value);
}

uint32_t pci_find_capability(const struct pci_space *space, uint32_t address, uint32_t id)
{
    if ((get(space, address, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES) == 0) {
        return 0;
    }
    uint32_t at = get(space, address, PCI_CAPABILITIES, 1) & ~3u;
    for (int i = 0; i < CAPS_MAX && at >= PCI_HEADER_END && at <= 0xfc; i++) {
        if (get(space, address, at, 1) == id) {
            return at;
        }
        at = get(space, address, at + 1, 1) & ~3u;
    }
    return 0;
}

uint32_t pci_capability_bytes(const struct pci_space *space, uint32_t address, uint32_t offset)
{
    enum { HAS_64 = 0x80, HAS_MASKS = 0x100 };

    if (get(space, address, offset, 1) == PCI_CAP_MSIX) {
        return 12;
    }
    uint32_t control = get(space, address, offset + 2, 2);
    return 10u + (control & HAS_64 ? 4 : 0) + (control & HAS_MASKS ? 10 : 0);
}

static void scan_bus(struct scan *s, uint32_t bus, uint32_t parent, int depth);

// Firmware normally numbers the buses; where it has not, the next free number is taken.
static uint32_t number_bridge(struct scan *s, uint32_t address)
{
    uint32_t bus = address >> 8, secondary = get(s->space, address, PCI_SECONDARY, 1);

    if (secondary > bus && secondary <= s->space->bus_last) {
        uint32_t last = get(s->space, address, PCI_SUBORDINATE, 1);
        s->out->last_bus = last > s->out->last_bus ? last : s->out->last_bus;
        return secondary;
    }
    if (s->out->last_bus >= s->space->bus_last) {
        return 0;
    }
    secondary = ++s->out->last_bus;
    put(s->space, address, PCI_PRIMARY, 1, bus);
    put(s->space, address, PCI_SECONDARY, 1, secondary);
    put(s->space, address, PCI_SUBORDINATE, 1, s->space->bus_last); // while looking behind it
    return secondary;
}

static void scan_bridge(struct scan *s, uint32_t address, uint32_t index, int depth)
{
    uint32_t was = get(s->space, address, PCI_SECONDARY, 1);
    uint32_t secondary = depth < PCI_DEPTH ? number_bridge(s, address) : 0;

    if (secondary != 0) {
        scan_bus(s, secondary, index, depth + 1);
        if (secondary != was) {
            put(s->space, address, PCI_SUBORDINATE, 1, s->out->last_bus);
        }
    }
}

static void note(struct scan *s, uint32_t address, uint32_t parent, int depth)
{
    const struct pci_space *space = s->space;

    if (s->out->count == PCI_FUNCTIONS) {
        s->left_out++;
        return;
    }
    uint32_t index = s->out->count++, class_revision = get(space, address, PCI_REVISION, 4);
    struct pci_function *f = &s->out->function[index];
    *f = (struct pci_function){
        .address = (uint16_t)address,
        .parent = (uint16_t)parent,
        .vendor = (uint16_t)get(space, address, PCI_VENDOR, 2),
        .device = (uint16_t)get(space, address, PCI_DEVICE, 2),
        .class_code = class_revision >> 8,
        .revision = (uint8_t)class_revision,
        .header = (uint8_t)(get(space, address, PCI_HEADER_TYPE, 1) & 0x7f),
        .msix = (uint8_t)pci_find_capability(space, address, PCI_CAP_MSIX),
        .msi = (uint8_t)pci_find_capability(space, address, PCI_CAP_MSI),
    };
    if (f->header == PCI_TYPE_BRIDGE) {
        scan_bridge(s, address, index, depth);
    } else {
        f->subsystem = get(space, address, PCI_SUBSYSTEM, 4);
    }
}

static void scan_bus(struct scan *s, uint32_t bus, uint32_t parent, int depth)
{
    for (uint32_t device = 0; device < 32; device++) {
        uint32_t functions = 1;
        for (uint32_t function = 0; function < functions; function++) {
            uint32_t address = pci_address(bus, device, function);
            if (get(s->space, address, PCI_VENDOR, 2) == 0xffff) {
                continue; // without function 0 there are no others either: functions is 1
            }
            if (function == 0 &&
                (get(s->space, address, PCI_HEADER_TYPE, 1) & PCI_MULTIFUNCTION)) {
                functions = 8;
            }
            note(s, address, parent, depth);
        }
    }
}

uint32_t pci_scan(const struct pci_space *space, struct pci_list *out)
{
    struct scan s = {.space = space, .out = out};

    out->count = 0;
    out->last_bus = space->bus_first;
    scan_bus(&s, space->bus_first, PCI_NO_PARENT, 0);
    return s.left_out;
}
