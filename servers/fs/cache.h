// SPDX-License-Identifier: MIT
// The block cache: lines of 64 KiB that hold aligned runs of disk blocks.
//
// A line is the unit of place and lookup, a block (of the file system, 1 to 4 KiB) that of validity
// and dirt: masks with one bit for each block. Lines lie side by side in memory, and a sequential
// reader gets them in order, so that one copy can move many blocks.
//
// Nothing is written back by itself but by cache_write(), cache_start_write() and the need for
// room; that need only ever writes CLASS_DATA, since everything else has to reach the disk in the
// order that sync.c keeps. Errors are errno values, 0 for none.
#pragma once
#include "servers/fs/device.h"

enum {
    CACHE_LINE_BYTES = 64 << 10,
    CACHE_REGIONS = 4,   // stretches of memory that the lines are cut from
    CACHE_IOS = 32,      // requests under way at once
    CACHE_RUN_LINES = 4, // most that cache_run gives: all of it stays in place until it is used
};

// What a dirty block holds, which decides when it may be written (see sync.c).
enum cache_class {
    CLASS_DATA, // contents of files: at any time
    CLASS_MAP,  // bitmaps, group descriptors, inode tables, superblock: written by sync.c at once
    CLASS_NODE, // extent and indirect blocks
    CLASS_DIR_NEW, // directory blocks that no inode on the disk points to yet
    CLASS_DIR_ADD, // directory blocks with new names (and perhaps without old ones)
    CLASS_DIR_DEL, // directory blocks that only lost names
    CACHE_CLASSES
};

struct line {
    uint64_t number; // block number / blocks in a line; LINE_UNUSED if it holds nothing
    uint64_t valid;  // one bit for each block, from here on
    uint64_t dirty[CACHE_CLASSES];
    uint64_t reading, writing; // under way
    uint8_t *memory;
    struct line *hash_next;
    struct line *dirty_next, *dirty_prev; // ring of lines with anything dirty; null if in none
    uint32_t index;
    bool referenced; // since the clock hand passed
};
#define LINE_UNUSED UINT64_MAX

struct cache_io;

struct cache {
    struct device *device;
    uint32_t block_bytes, block_shift;
    uint32_t line_shift; // blocks in a line, as a power of two
    uint64_t line_mask;  // its low bits set
    uint64_t blocks;     // of the device
    struct line *lines;
    uint32_t line_count, line_max; // there are; there may become, if the device has more memory
    uint32_t fresh, hand;          // first line that was never used; clock hand
    struct line **buckets;
    uint32_t bucket_shift;
    struct line dirty_ring; // head
    uint64_t dirty_blocks[CACHE_CLASSES];
    uint32_t bound_lines;   // lines with dirt other than CLASS_DATA: only a sync makes them free
    struct line *recent[8]; // not taken away, so that pointers into them stay good for a while
    uint32_t recent_next;
    struct cache_io *ios, *free_ios;
    uint32_t ios_under_way, writes_under_way;
    int write_error; // of any write since cache_write_result() was asked last
    uint64_t hits, misses;
};

struct cache_region {
    uint8_t *memory;
    uint64_t bytes; // a multiple of CACHE_LINE_BYTES
};

// Sets the cache up over these stretches of memory; later it takes more from the device, up to
// `max_bytes` in all. ENOMEM.
int cache_open(struct cache *c, struct device *device, uint32_t block_bytes,
               const struct cache_region *regions, uint32_t count, uint64_t max_bytes);
// Waits for everything under way and frees what cache_open allocated. Dirty blocks are lost.
void cache_close(struct cache *c);

// The contents of one block, read in if need be. The pointer stays good over the next six calls
// that get blocks. EIO and others from the device; ENOMEM: every line is dirty with what may not be
// written now.
int cache_get(struct cache *c, uint64_t block, uint8_t **out);
// The same without reading: for a block that is going to be overwritten whole. Its contents count
// as valid from cache_dirty() on.
int cache_get_new(struct cache *c, uint64_t block, uint8_t **out);

// Blocks from `block` on that lie side by side in memory: up to `count` of them, `*got` at least 1.
// With `fill`, they are read in; without, see cache_get_new.
int cache_run(struct cache *c, uint64_t block, uint32_t count, bool fill, uint8_t **out,
              uint32_t *got);

// Marks blocks (of one run) valid and dirty.
void cache_dirty(struct cache *c, uint64_t block, uint32_t count, enum cache_class class);
// The same for those of them that are valid already: they may have been changed in part.
void cache_dirty_valid(struct cache *c, uint64_t block, uint32_t count);
// Forgets blocks that were freed, dirty or not.
void cache_forget(struct cache *c, uint64_t block, uint32_t count);
bool cache_is_dirty(struct cache *c, uint64_t block);

// Starts reading blocks that are not there and will be wanted; never waits, may do nothing.
void cache_prefetch(struct cache *c, uint64_t block, uint32_t count);

// Writes all dirty blocks of a class and waits for it; flushes the device if it needs that and
// anything was written. The first error; what could not be written stays dirty.
int cache_write(struct cache *c, enum cache_class class);
// Starts writing dirty CLASS_DATA blocks, at most `requests`, without waiting.
void cache_start_write(struct cache *c, uint32_t requests);
// Waits until at most `blocks` of CLASS_DATA are dirty. EIO if it cannot be done.
int cache_drain(struct cache *c, uint64_t blocks);
// Waits for everything under way. Returns and forgets the first write error since the last call.
int cache_settle(struct cache *c);
// Forgets all clean blocks.
void cache_drop(struct cache *c);

// What it may hold, memory that it has not taken yet included.
static inline uint64_t cache_bytes(const struct cache *c)
{
    return (uint64_t)c->line_max * CACHE_LINE_BYTES;
}

static inline uint64_t cache_dirty_total(const struct cache *c)
{
    uint64_t sum = 0;
    for (int i = 0; i < CACHE_CLASSES; i++) {
        sum += c->dirty_blocks[i];
    }
    return sum;
}
