// SPDX-License-Identifier: MIT
// Addresses for BARs that firmware gave none. They are taken from the top down, out of what nothing
// else uses: other BARs, windows of bridges, and the configuration space itself.
#include "servers/pci/bus.h"

struct range {
    uint64_t low, high; // [low, high); empty if low >= high
};

struct assign {
    const struct pci_space *space;
    struct pci_list *all;
    struct range host, hole;
};

static bool is_memory(const struct pci_bar *bar)
{
    return (bar->kind == BAR_MEMORY32 || bar->kind == BAR_MEMORY64) && bar->bytes > 0;
}

static struct range window(const struct assign *a, const struct pci_function *bridge)
{
    const struct pci_space *s = a->space;
    uint64_t base = s->read(s->context, bridge->address, PCI_MEMORY_BASE, 2) & 0xfff0;
    uint64_t limit = s->read(s->context, bridge->address, PCI_MEMORY_LIMIT, 2) & 0xfff0;

    if (limit < base || base == 0) {
        return (struct range){0, 0};
    }
    return (struct range){base << 16, (limit << 16) + 0x100000};
}

static void avoid(struct range *try, uint64_t bytes, struct range used, bool *moved)
{
    if (used.low < used.high && try->low < used.high && used.low < try->high) {
        try->high = used.low;
        try->low = used.low >= bytes ? used.low - bytes : 0;
        *moved = true;
    }
}

// What of function i keeps `try` from being free. Behind the bridge `above` its own window is the
// ground, not an obstacle.
static void avoid_function(const struct assign *a, uint32_t i, uint32_t above, uint64_t bytes,
                           struct range *try, bool *moved)
{
    const struct pci_function *f = &a->all->function[i];

    for (int b = 0; b < PCI_BAR_COUNT; b++) {
        if (is_memory(&f->bar[b]) && f->bar[b].base != 0) {
            avoid(try, bytes, (struct range){f->bar[b].base, f->bar[b].base + f->bar[b].bytes},
                  moved);
        }
    }
    bool around = false; // is it one of the bridges that we are behind?
    for (uint32_t p = above; p != PCI_NO_PARENT; p = a->all->function[p].parent) {
        around |= p == i;
    }
    if (f->header == PCI_TYPE_BRIDGE && !around) {
        avoid(try, bytes, window(a, f), moved);
    }
}

// The highest free place in `in`, aligned to its own size; 0 if there is none.
static uint64_t find_room(const struct assign *a, struct range in, uint32_t above, uint64_t bytes)
{
    struct range try = {0, in.high};

    if (in.high < bytes) {
        return 0;
    }
    try.low = in.high - bytes;
    for (;;) {
        bool moved = false;
        try.low &= ~(bytes - 1);
        try.high = try.low + bytes;
        if (try.low < in.low || try.low == 0) {
            return 0;
        }
        avoid(&try, bytes, a->hole, &moved);
        for (uint32_t i = 0; i < a->all->count; i++) {
            avoid_function(a, i, above, bytes, &try, &moved);
        }
        if (!moved) {
            return try.low;
        }
    }
}

// Where functions below the bridge `above` may be; opens the bridge's window when it is shut.
static struct range ground(const struct assign *a, uint32_t above, uint64_t bytes, int depth)
{
    if (above == PCI_NO_PARENT) {
        return a->host;
    }
    const struct pci_function *bridge = &a->all->function[above];
    struct range open = window(a, bridge);
    if (open.low < open.high || depth == PCI_DEPTH) {
        return open;
    }
    uint64_t size = 0x100000; // the finest a bridge can do
    while (size < bytes) {
        size *= 2;
    }
    uint64_t base = find_room(a, ground(a, bridge->parent, size, depth + 1), bridge->parent, size);
    if (base == 0) {
        return (struct range){0, 0};
    }
    const struct pci_space *s = a->space;
    s->write(s->context, bridge->address, PCI_MEMORY_BASE, 2, (uint32_t)(base >> 16));
    s->write(s->context, bridge->address, PCI_MEMORY_LIMIT, 2,
             (uint32_t)((base + size - 1) >> 16) & 0xfff0);
    pci_command(s, bridge->address, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
    return (struct range){base, base + size};
}

static void assign_bar(const struct assign *a, struct pci_function *f, uint32_t i)
{
    const struct pci_space *s = a->space;
    struct pci_bar *bar = &f->bar[i];
    uint64_t base = find_room(a, ground(a, f->parent, bar->bytes, 0), f->parent, bar->bytes);

    if (base == 0) {
        return;
    }
    bar->base = base;
    s->write(s->context, f->address, PCI_BAR0 + 4 * i, 4, (uint32_t)base);
    if (bar->kind == BAR_MEMORY64) {
        s->write(s->context, f->address, PCI_BAR0 + 4 * (i + 1), 4, (uint32_t)(base >> 32));
    }
}

void pci_assign(const struct pci_space *space, struct pci_list *all, uint64_t low, uint64_t high,
                uint64_t hole_base, uint64_t hole_bytes)
{
    struct assign a = {space, all, {low, high}, {hole_base, hole_base + hole_bytes}};

    for (uint32_t i = 0; i < all->count; i++) {
        for (uint32_t b = 0; b < PCI_BAR_COUNT; b++) {
            if (is_memory(&all->function[i].bar[b]) && all->function[i].bar[b].base == 0) {
                assign_bar(&a, &all->function[i], b);
            }
        }
    }
}
