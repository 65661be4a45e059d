// SPDX-License-Identifier: MIT
// Message-signalled interrupts, and the switches of the command register.
#include "servers/pci/bus.h"
#include "lib/rt/device.h"

enum { MSIX_CONTROL = 2, MSIX_TABLE = 4, MSIX_ENABLE = 0x8000, MSIX_MASK_ALL = 0x4000 };
enum { MSI_CONTROL = 2, MSI_ENABLE = 1 };
enum { ENTRY_BYTES = 16, ENTRY_MASKED = 1 };

static uint32_t get(const struct pci_space *s, uint32_t address, uint32_t offset, uint32_t width)
{
    return s->read(s->context, address, offset, width);
}

void pci_command(const struct pci_space *space, uint32_t address, uint32_t set, uint32_t clear)
{
    uint32_t was = get(space, address, PCI_COMMAND, 2), is = (was | set) & ~clear;

    if (is != was) {
        space->write(space->context, address, PCI_COMMAND, 2, is);
    }
}

void pci_quiet(const struct pci_space *space, const struct pci_function *f)
{
    pci_command(space, f->address, PCI_COMMAND_NO_INTX, PCI_COMMAND_MASTER);
    if (f->msix != 0) {
        pci_msix_enable(space, f, false);
    }
    if (f->msi != 0) {
        uint32_t control = get(space, f->address, f->msi + MSI_CONTROL, 2);
        space->write(space->context, f->address, f->msi + MSI_CONTROL, 2,
                     control & ~(uint32_t)MSI_ENABLE);
    }
}

enum status pci_msix_entry(const struct pci_space *space, const struct pci_function *f,
                           uint32_t entry, uint32_t *bar, uint32_t *offset)
{
    if (f->msix == 0) {
        return ERR_UNSUPPORTED;
    }
    uint32_t entries = (get(space, f->address, f->msix + MSIX_CONTROL, 2) & 0x7ff) + 1;
    uint32_t table = get(space, f->address, f->msix + MSIX_TABLE, 4);
    if (entry >= entries) {
        return ERR_RANGE;
    }
    *bar = table & 7;
    *offset = (table & ~7u) + entry * ENTRY_BYTES;
    if (*bar >= PCI_BAR_COUNT || f->bar[*bar].base == 0 || f->bar[*bar].kind < BAR_MEMORY32 ||
        f->bar[*bar].kind > BAR_MEMORY64 || *offset + (uint64_t)ENTRY_BYTES > f->bar[*bar].bytes) {
        return ERR_UNSUPPORTED;
    }
    return OK;
}

void pci_msix_write(volatile uint32_t *entry, uint64_t message_address, uint32_t data)
{
    device_store32(&entry[3], ENTRY_MASKED); // nothing is sent from a half-written entry
    device_store32(&entry[0], (uint32_t)message_address);
    device_store32(&entry[1], (uint32_t)(message_address >> 32));
    device_store32(&entry[2], data);
    device_store32(&entry[3], 0);
}

void pci_msix_enable(const struct pci_space *space, const struct pci_function *f, bool on)
{
    uint32_t control = get(space, f->address, f->msix + MSIX_CONTROL, 2);

    control &= ~(uint32_t)(MSIX_ENABLE | MSIX_MASK_ALL);
    space->write(space->context, f->address, f->msix + MSIX_CONTROL, 2,
                 on ? control | MSIX_ENABLE : control);
}
