// SPDX-License-Identifier: MIT
// Slabs: small kernel structures of one size, carved out of pages. Whoever allocates charges the
// slab's `size` to an account; slabs do not know about accounts.
#pragma once
#include "kernel/base.h"

struct slab_page;
struct slab {
    uint32_t size;             // bytes of one item, multiple of 16
    uint32_t per_page;
    struct slab_page *partial; // pages with at least one free item
    uint64_t used;             // items handed out
    uint64_t pages;
};

enum { SLAB_HEADER = 64 };
#define SLAB_ROUND(n) (((n) + 15) & ~15u)
#define SLAB(type)                                                                                 \
    {                                                                                              \
        .size = SLAB_ROUND(sizeof(type)),                                                          \
        .per_page = (PAGE_SIZE - SLAB_HEADER) / SLAB_ROUND(sizeof(type)),                          \
    }

// 16-byte aligned, content undefined; NULL if the machine has no page left.
void *slab_take(struct slab *);
void *slab_alloc(struct slab *); // the same, zeroed
void slab_free(struct slab *, void *);
uint64_t slab_bytes(void); // in pages of all slabs
