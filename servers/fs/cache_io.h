// SPDX-License-Identifier: MIT
// What the parts of the cache share: cache.c, cache_lines.c, cache_read.c, cache_write.c.
#pragma once
#include "servers/fs/cache.h"

struct cache_io {
    struct device_request rq; // first: `done` gets its address
    struct cache *cache;
    enum cache_class class;
    uint64_t written; // of the cache, when a flush was submitted
    struct line *line[DEVICE_SEGMENTS];
    uint64_t mask[DEVICE_SEGMENTS];
    struct cache_io *next; // in the free list
};

// cache.c. A free request; nullptr: all are under way.
struct cache_io *cache_io_take(struct cache *c, enum device_op op, uint64_t block);
// Adds the blocks of `mask` (a run of ones) of a line.
void cache_io_add(struct cache_io *io, struct line *line, uint64_t mask);
// Hands it to the device; `done` will be called, also when the device does not take it.
void cache_io_submit(struct cache_io *io);

// What cannot go on without the disk: in a request, gives it up until `key` is woken. Elsewhere
// returns when anything has been woken, or nothing is under way. `start` begins what is waited for.
void cache_suspend(struct cache *c, uint64_t key, void (*start)(const void *arg), const void *arg,
                   size_t bytes);
void cache_wake(struct cache *c, uint64_t key);
// Waits for a completion; not in requests.
void cache_wait(struct cache *c);

static inline bool in_request(const struct cache *c)
{
    return c->device->tx->may_await();
}

// cache_lines.c
struct line *cache_find(struct cache *c, uint64_t number);
void cache_add_lines(struct cache *c, uint8_t *memory, uint64_t bytes);
// The line of that number, or one that has been free so far, or (with `evict`) one that held
// something else and is clean. nullptr: there is none.
struct line *cache_place(struct cache *c, uint64_t number, bool evict);
// Keeps the line from being taken away by the next few calls.
void cache_note_use(struct cache *c, struct line *l);
// Swaps the memory of a line with that of a free one, which must lie at `where` unless that is null; nullptr: there
// is none. The free one is not given out again before this transaction has committed.
struct line *cache_exchange_memory(struct cache *c, struct line *l, const uint8_t *where);
// Waits until so many lines are free, or a few more than now. ENOMEM.
int cache_wait_for_room(struct cache *c, uint32_t lines);

// cache_read.c. What is going to be done with a block.
enum need {
    TO_READ,
    TO_CHANGE,
    TO_REPLACE, // all of it: its contents do not matter
};
// Brings the line of `block` into the state that `need` asks of the blocks in `want`, and what else
// of the next `count` blocks is missing on the way.
int cache_ready(struct cache *c, uint64_t block, uint32_t count, uint64_t want, enum need need,
                struct line **out);
// In a request: waits for the whole range, as far as one request may, rather than have what is there
// copied out again and again.
void cache_gather(struct cache *c, uint64_t block, uint32_t count);
// What of `want` is not in that state.
uint64_t cache_lacking(const struct line *l, uint64_t want, enum need need);

// cache_write.c: starts writing CLASS_DATA blocks now.
void cache_write_some(struct cache *c);

// Bits [first, first + count) of a mask.
static inline uint64_t mask_bits(uint32_t first, uint32_t count)
{
    return count >= 64 ? UINT64_MAX << first : ((1ull << count) - 1) << first;
}

// Of a range of blocks the part that lies in its first line: how many blocks, and their mask.
static inline uint32_t first_part(const struct cache *c, uint64_t block, uint64_t count,
                                  uint64_t *mask)
{
    uint32_t at = (uint32_t)(block & c->line_mask), n = (uint32_t)c->line_mask + 1 - at;
    n = n < count ? n : (uint32_t)count;
    *mask = mask_bits(at, n);
    return n;
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
void cache_unlink_if_clean(struct cache *c, struct line *l);
