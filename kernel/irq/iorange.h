// SPDX-License-Identifier: MIT
// I/O ranges: the right to use ports, device addresses, interrupt lines, or physical addresses for DMA.
#pragma once
#include "kernel/task/object.h"

struct iorange {
    struct object obj;
    uint32_t kind; // enum iorange_kind
    uint64_t base, length;
};

static inline struct iorange *iorange_of(struct object *o)
{
    return (struct iorange *)o;
}

MUST_USE enum status iorange_create(struct account *, enum iorange_kind, uint64_t base,
                                    uint64_t length, struct iorange **);
bool iorange_step(struct object *);
static inline bool iorange_covers(const struct iorange *r, uint64_t at, uint64_t length)
{
    return range_inside(at, length, r->base, r->base + r->length);
}
