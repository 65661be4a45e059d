// SPDX-License-Identifier: MIT
// Sizing base address registers: all ones are written, and the bits that stay zero tell the size.
// The device must not decode addresses meanwhile, and what stood there must come back whatever
// happens: it is noted in the function's record, and that committed, first.
#include "servers/pci/bus.h"

enum { IO_BIT = 1, TYPE_MASK = 6, TYPE_64 = 4 };

static uint32_t get(const struct pci_space *s, const struct pci_function *f, uint32_t i)
{
    return s->read(s->context, f->address, PCI_BAR0 + 4 * i, 4);
}

static void put(const struct pci_space *s, const struct pci_function *f, uint32_t i, uint32_t value)
{
    s->write(s->context, f->address, PCI_BAR0 + 4 * i, 4, value);
}

static uint32_t probe(const struct pci_space *s, const struct pci_function *f, uint32_t i)
{
    put(s, f, i, 0xffffffff);
    uint32_t mask = get(s, f, i);
    put(s, f, i, f->probe_value[i]);
    return mask;
}

// The lowest bit that can be set is the size, which is a power of two.
static uint64_t size_of(uint64_t mask)
{
    return mask & -mask;
}

// Returns how many registers it took.
static uint32_t size_one(const struct pci_space *s, struct pci_function *f, uint32_t i,
                         uint32_t count)
{
    struct pci_bar *bar = &f->bar[i];
    uint32_t was = f->probe_value[i];
    uint64_t mask = probe(s, f, i);

    *bar = (struct pci_bar){0};
    if (mask == 0) {
        return 1;
    }
    if (was & IO_BIT || mask & IO_BIT) {
        *bar = (struct pci_bar){was & ~3u, size_of(mask & ~3u & 0xffff), BAR_IO, 0};
        return 1;
    }
    if ((mask & TYPE_MASK) != TYPE_64 || i + 1 >= count) {
        *bar = (struct pci_bar){was & ~15u, size_of(mask & ~15u), BAR_MEMORY32, 0};
        return 1;
    }
    mask |= (uint64_t)probe(s, f, i + 1) << 32;
    *bar = (struct pci_bar){(was & ~15u) | (uint64_t)f->probe_value[i + 1] << 32,
                            size_of(mask & ~15ull), BAR_MEMORY64, 0};
    f->bar[i + 1] = (struct pci_bar){.kind = BAR_UPPER_HALF};
    return 2;
}

static uint32_t bar_count(const struct pci_function *f)
{
    return f->header == 0 ? PCI_BAR_COUNT : f->header == PCI_TYPE_BRIDGE ? 2 : 0;
}

void pci_size_bars(const struct pci_space *space, struct pci_function *f)
{
    uint32_t count = bar_count(f);

    // Host bridges and their like stay switched on: memory itself may be behind them.
    if (f->class_code >> 16 == PCI_CLASS_BRIDGE) {
        f->sized = true;
        return;
    }
    f->probe_command = (uint16_t)space->read(space->context, f->address, PCI_COMMAND, 2);
    for (uint32_t i = 0; i < count; i++) {
        f->probe_value[i] = get(space, f, i);
    }
    f->probing = true;
    space->commit(space->context);
    pci_command(space, f->address, 0, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    for (uint32_t i = 0; i < count;) {
        i += size_one(space, f, i, count);
    }
    space->write(space->context, f->address, PCI_COMMAND, 2, f->probe_command);
    f->sized = true;
    f->probing = false;
}

void pci_undo_probe(const struct pci_space *space, struct pci_function *f)
{
    if (f->probing) {
        for (uint32_t i = 0; i < bar_count(f); i++) {
            put(space, f, i, f->probe_value[i]);
        }
        space->write(space->context, f->address, PCI_COMMAND, 2, f->probe_command);
        f->probing = false;
    }
}
