// SPDX-License-Identifier: MIT
// Requests of the cache to its device; shared by cache.c and cache_write.c only.
#pragma once
#include "servers/fs/cache.h"

struct cache_io {
    struct device_request rq; // first: `done` gets its address
    struct cache *cache;
    enum cache_class class;
    struct line *line[DEVICE_SEGMENTS];
    uint64_t mask[DEVICE_SEGMENTS];
    struct cache_io *next; // in the free list
};

// A free request, waiting for one if need be.
struct cache_io *cache_io_take(struct cache *c, enum device_op op, uint64_t block);
// Adds the blocks of `mask` (a run of ones) of a line.
void cache_io_add(struct cache_io *io, struct line *line, uint64_t mask);
// Hands it to the device; `done` will be called, also when the device does not take it.
void cache_io_submit(struct cache_io *io);
void cache_io_free(struct cache_io *io);

struct line *cache_find(struct cache *c, uint64_t number);

// Bits [first, first + count) of a mask.
static inline uint64_t mask_bits(uint32_t first, uint32_t count)
{
    return count >= 64 ? UINT64_MAX << first : ((1ull << count) - 1) << first;
}

static inline uint64_t line_dirty(const struct line *l)
{
    uint64_t all = 0;
    for (int i = 0; i < CACHE_CLASSES; i++) {
        all |= l->dirty[i];
    }
    return all;
}

void cache_add_dirt(struct cache *c, struct line *l, enum cache_class class, uint64_t mask);
void cache_link_dirty(struct cache *c, struct line *l);
void cache_unlink_if_clean(struct line *l);
