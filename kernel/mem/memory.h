// SPDX-License-Identifier: MIT
// Memory objects: a number of pages that can be mapped into tasks. The whole size is charged at
// creation, with the index tables; the pages themselves come when they are first touched.
#pragma once
#include "kernel/task/object.h"

struct task;

enum { MEMORY_DIRECT = 8 }; // pages whose addresses need no index table

struct memory {
    struct object obj;
    uint64_t bytes;
    uint64_t populated; // pages
    uint32_t flags;     // enum mem_flags
    bool fixed;         // pages lie at base and belong to nobody: device registers, boot archive
    bool device;        // fixed, and not RAM
    uint8_t levels;     // index tables above the pages: 0 (direct), 1, 2, 3
    uint32_t pins;
    uint32_t mappings;  // regions, each with a reference
    uint64_t base;      // fixed: physical address
    uint64_t root;      // levels > 0: physical address of the top table
    uint64_t direct[MEMORY_DIRECT];
};

static inline struct memory *memory_of(struct object *o)
{
    return (struct memory *)o;
}

// bytes: a multiple of PAGE_SIZE, not 0. ERR_RANGE, ERR_QUOTA, ERR_MEMORY.
MUST_USE enum status memory_create(struct account *, uint64_t bytes, uint32_t flags,
                                   struct memory **);
// Pages at a fixed physical place; never freed.
MUST_USE enum status memory_create_fixed(struct account *, uint64_t pa, uint64_t bytes,
                                         uint32_t flags, bool device, struct memory **);
// The physical address of a page, 0 if it is not there yet.
uint64_t memory_peek(const struct memory *, uint64_t page);
// The same for `count` pages in a row.
void memory_peek_at(const struct memory *, uint64_t page, uint32_t count, uint64_t *pa);
// The address of one, supplying it (cleared) if needed. 0: the machine has none left.
uint64_t memory_page(struct memory *, uint64_t page);
enum arch_cache memory_cache(const struct memory *);
bool memory_step(struct object *);
