// SPDX-License-Identifier: MIT
#include "servers/pci/test/fake_bus.h"
#include <string.h>

struct fake_bus fake;

// A function is reachable when its bus is: bus 0, or behind a bridge that has its number.
static bool reachable(uint32_t bus)
{
    if (bus == 0) {
        return true;
    }
    for (int i = 0; i < FAKE_FUNCTIONS; i++) {
        const struct fake_function *f = &fake.function[i];
        if (f->present && f->bridge && f->config[PCI_SECONDARY] == bus) {
            return true;
        }
    }
    return false;
}

// Functions behind the bridge at index i have addresses 0x1000 * (i + 1) + devfn until it has a
// number.
static uint32_t bus_of(const struct fake_function *f)
{
    if (f->address < 0x1000) {
        return 0;
    }
    uint8_t number = fake.function[f->address / 0x1000 - 1].config[PCI_SECONDARY];
    return number != 0 ? number : 0xffff; // not to be reached yet
}

static struct fake_function *at(uint32_t address)
{
    if (!reachable(address >> 8)) {
        return nullptr;
    }
    for (int i = 0; i < FAKE_FUNCTIONS; i++) {
        struct fake_function *f = &fake.function[i];
        if (f->present && bus_of(f) == address >> 8 && (f->address & 0xff) == (address & 0xff)) {
            return f;
        }
    }
    return nullptr;
}

static uint32_t read(void *, uint32_t address, uint32_t offset, uint32_t width)
{
    const struct fake_function *f = at(address);
    uint32_t value = 0xffffffff >> (32 - 8 * width);

    if (f != nullptr) {
        value = 0;
        memcpy(&value, f->config + offset, width);
    }
    return value;
}

static void write(void *, uint32_t address, uint32_t offset, uint32_t width, uint32_t value)
{
    struct fake_function *f = at(address);

    if (++fake.writes == fake.die_after) {
        fake_death();
    }
    if (f == nullptr) {
        return;
    }
    if (!f->bridge && offset >= PCI_BAR0 && offset < PCI_BAR0 + 24) {
        uint32_t i = (offset - PCI_BAR0) / 4;
        fake.decoding_during_probe |= value == 0xffffffff && (f->config[PCI_COMMAND] & 3) != 0;
        value = (value & f->bar_mask[i]) | f->bar_low[i];
    }
    memcpy(f->config + offset, &value, width);
}

struct pci_space fake_space = {
    .read = read, .write = write, .commit = fake_commit, .bus_first = 0, .bus_last = 255};

void fake_reset(void)
{
    memset(&fake, 0, sizeof fake);
}

struct fake_function *fake_add(uint32_t address, uint16_t vendor, uint16_t device,
                               uint32_t class_code)
{
    struct fake_function *f = fake.function;

    while (f->present) {
        f++;
    }
    f->present = true;
    f->address = address;
    memcpy(f->config + PCI_VENDOR, &vendor, 2);
    memcpy(f->config + PCI_DEVICE, &device, 2);
    memcpy(f->config + PCI_REVISION + 1, &class_code, 3);
    f->config[PCI_COMMAND] = 7;
    return f;
}

void fake_bar(struct fake_function *f, int i, uint64_t bytes, uint64_t base, bool wide)
{
    uint64_t mask = ~(bytes - 1);

    f->bar_low[i] = wide ? 4 : 0;
    f->bar_mask[i] = (uint32_t)mask & ~15u;
    uint32_t low = (uint32_t)base | f->bar_low[i];
    memcpy(f->config + PCI_BAR0 + 4 * i, &low, 4);
    if (wide) {
        f->bar_mask[i + 1] = (uint32_t)(mask >> 32);
        uint32_t high = (uint32_t)(base >> 32);
        memcpy(f->config + PCI_BAR0 + 4 * i + 4, &high, 4);
    }
}

struct fake_function *fake_bridge(uint32_t address, uint8_t secondary, uint8_t subordinate)
{
    struct fake_function *f = fake_add(address, 0x8086, 0x0001, 0x060400);

    f->bridge = true;
    f->config[PCI_HEADER_TYPE] = PCI_TYPE_BRIDGE;
    f->config[PCI_SECONDARY] = secondary;
    f->config[PCI_SUBORDINATE] = subordinate;
    return f;
}
