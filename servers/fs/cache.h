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
//
// Inside of a request (transactions.h) a function that would have to wait does not return: the
// request is undone and runs again when what it needs is there. What the requests that wait have
// had fetched is kept for them. Everybody else waits in here for the disk.
//
// Memory of a line is undone like all state, but what the disk or a caller's grant moves into it is
// not. Therefore
// - the disk is only asked to move anything when a transaction has committed;
// - in a request, nothing is put into memory that held something else when the request began;
// - a block that is being written to the disk does not change.
#pragma once
#include "servers/fs/device.h"

enum {
    CACHE_LINE_BYTES = 64 << 10,
    CACHE_REGIONS = 4,          // stretches of memory that the lines are cut from
    CACHE_IOS = DEVICE_QUEUE,   // requests under way at once
    CACHE_RUN_LINES = 4,        // most that cache_run gives: all of it stays in place until it is used
    CACHE_MIN_BYTES = 6 << 20,  // so that all that one request needs fits in half of it
    CACHE_AHEAD = 4,            // stretches that one request can have read ahead
    CACHE_WISHES = 64,
};

// What a dirty block holds, which decides when it may be written (see sync.c).
enum cache_class {
    CLASS_DATA, // contents of files: at any time
    CLASS_MAP,  // bitmaps, group descriptors, inode tables, superblock: written by sync.c at once
    CLASS_NODE, // extent and indirect blocks
    CLASS_DIR_NEW, // directory blocks that no inode on the disk points to yet
    CLASS_DIR_ADD, // directory blocks with new names (and perhaps without old ones)
    CLASS_DIR_DEL, // directory blocks that only lost names
    CLASS_LOG,     // blocks of the journal: written by journal*.c at once
    CLASS_LOGGED,  // committed in the journal, not yet in their own places; may be dirty once more
    CACHE_CLASSES
};

struct line {
    uint64_t number; // block number / blocks in a line; LINE_UNUSED if it holds nothing
    uint64_t valid;  // one bit for each block, from here on
    uint64_t dirty[CACHE_CLASSES];
    uint64_t reading, writing; // under way
    uint64_t alone, failed;    // could not be read: together with others, even by themselves
    uint64_t wanted; // fetched for a request that waits, as the so-manieth line; 0: for none
    // Numbers instead of pointers, for there are thousands of lines, and a newborn would have to rewrite them all. Of a
    // line: its index and one; 0: none.
    uint32_t place; // of its memory: which region << LINE_PLACE_SHIFT | which 64 KiB of it
    uint32_t hash_next, unused_next;
    uint32_t dirty_next, dirty_prev; // among those with anything dirty, oldest first
    uint32_t index;
    bool in_dirty;   // it is among them
    bool referenced; // since the clock hand passed
};
enum { LINE_PLACE_SHIFT = 24 };
#define LINE_UNUSED UINT64_MAX

struct cache_io;

struct cache_range {
    uint64_t block;
    uint32_t count;
};

struct cache {
    struct device *device;
    uint32_t block_bytes, block_shift;
    uint32_t line_shift; // blocks in a line, as a power of two
    uint64_t line_mask;  // its low bits set
    uint64_t blocks;     // of the device
    struct line *lines;
    uint32_t line_count, line_max; // there are; there may become, if the device has more memory
    uint32_t hand;                 // of the clock
    uint8_t *region[CACHE_REGIONS]; // memory of lines
    uint32_t regions;
    uint32_t unused_first, unused_last; // lines as in struct line, here and below
    uint32_t unused_count;
    // Not used any more since transaction number `retired_in`, which may be undone.
    uint32_t retired_first, retired_last;
    uint32_t retired_count;
    uint64_t retired_in;
    uint32_t *buckets;
    uint32_t bucket_shift;
    uint32_t dirty_first, dirty_last;
    uint64_t dirty_blocks[CACHE_CLASSES];
    uint32_t bound_lines;   // lines with dirt other than CLASS_DATA: only a sync makes them free
    struct line *recent[8]; // not taken away, so that pointers into them stay good for a while
    uint32_t recent_next;
    struct cache_io *ios, *free_ios;
    uint32_t ios_under_way, writes_under_way;
    uint32_t bound_writes;     // those of them that are not CLASS_DATA
    uint64_t written, flushed; // writes that have completed; how many of them a flush has made safe
    int write_error; // of any write since cache_settle() was asked last
    uint64_t hits, misses;

    // For those who wait.
    uint64_t wants; // lines fetched for them, ever
    uint64_t wakes; // keys woken, ever
    uint64_t wishes[CACHE_WISHES]; // keys to be woken by the next completion, whatever it is
    uint32_t wish_count;
    bool no_room; // somebody waited for room and there cannot be any
    struct cache_range ahead[CACHE_AHEAD]; // to be read when this transaction commits
    uint32_t ahead_count;
};

static inline struct line *cache_line(const struct cache *c, uint32_t number)
{
    return number ? &c->lines[number - 1] : nullptr;
}

static inline uint8_t *cache_memory(const struct cache *c, const struct line *l)
{
    uint32_t part = l->place & ((1u << LINE_PLACE_SHIFT) - 1);
    return c->region[l->place >> LINE_PLACE_SHIFT] + (uint64_t)part * CACHE_LINE_BYTES;
}

struct cache_region {
    uint8_t *memory;
    uint64_t bytes; // a multiple of CACHE_LINE_BYTES
};

// Sets the cache up over these stretches of memory; later it takes more from the device, up to
// `max_bytes` and CACHE_REGIONS in all. ENOMEM.
int cache_open(struct cache *c, struct device *device, uint32_t block_bytes,
               const struct cache_region *regions, uint32_t count, uint64_t max_bytes);
// Waits for everything under way and frees what cache_open allocated. Dirty blocks are lost.
void cache_close(struct cache *c);

// The contents of one block, read in if need be. The pointer stays good over the next six calls
// that get blocks. EIO and others from the device; ENOMEM: every line is dirty with what may not be
// written now. Metadata may be changed in it after cache_wait_settled().
int cache_get(struct cache *c, uint64_t block, uint8_t **out);
// The same for contents of a file that are going to be changed.
int cache_get_to_change(struct cache *c, uint64_t block, uint8_t **out);
// The same without reading: for a block that is going to be overwritten whole. Its contents count
// as valid from cache_dirty() on.
int cache_get_new(struct cache *c, uint64_t block, uint8_t **out);

// Blocks from `block` on that lie side by side in memory: up to `count` of them, `*got` at least 1.
// With `fill`, they are read in; without, see cache_get_new.
int cache_run(struct cache *c, uint64_t block, uint32_t count, bool fill, uint8_t **out,
              uint32_t *got);
// The same for contents of a file that are in use and are going to be overwritten, by something other than
// compiled code: all that is valid can be undone. Lines of which most is overwritten get other memory, of the
// rest a copy is logged.
enum { CACHE_EXCHANGES = CACHE_RUN_LINES + 1 };
struct cache_exchange {
    struct line *line[CACHE_EXCHANGES], *free[CACHE_EXCHANGES]; // which has the memory now
    uint32_t count;
};
int cache_run_over(struct cache *c, uint64_t block, uint32_t count, uint8_t **out, uint32_t *got,
                   struct cache_exchange *x);
// They could not be overwritten: they get back the memory that they had.
void cache_take_back(struct cache_exchange *x);
// Zeros where nothing is valid: needs no undoing.
void cache_clear(struct cache *c, uint8_t *memory);
// A whole block, where nobody wants back what was there: needs no undoing.
void cache_fill(struct cache *c, uint8_t *memory, const uint8_t *from);
// Something other than compiled code is going to overwrite these blocks of one run. What is valid
// of them can be undone then.
void cache_preserve(struct cache *c, uint64_t block, uint32_t count);
// No metadata is on its way to the disk any more: it may be changed. Only after the death of a
// service in the middle of a sync has this anything to wait for.
void cache_wait_settled(struct cache *c);

// So many bytes are going to be put into lines that are perhaps not there: waits for room now rather
// than in the middle.
void cache_make_room(struct cache *c, uint64_t bytes);

// Marks blocks (of one run) valid and dirty.
void cache_dirty(struct cache *c, uint64_t block, uint32_t count, enum cache_class class);
// The same for those of them that are valid already: they may have been changed in part.
void cache_dirty_valid(struct cache *c, uint64_t block, uint32_t count);
// Forgets blocks that were freed, dirty or not.
void cache_forget(struct cache *c, uint64_t block, uint32_t count);
// Newer than the disk and the journal.
bool cache_is_dirty(struct cache *c, uint64_t block);

// The blocks that are dirty with metadata: how many, and which.
uint64_t cache_dirty_metadata(const struct cache *c);
uint32_t cache_list_metadata(const struct cache *c, uint64_t *blocks, uint32_t room);
// The journal has that block now: CLASS_LOGGED instead of what it was.
void cache_logged(struct cache *c, uint64_t block);
bool cache_is_logged(struct cache *c, uint64_t block);

// Starts reading blocks that are not there and will be wanted (in a request: at its commit); never
// waits, may do nothing.
void cache_prefetch(struct cache *c, uint64_t block, uint32_t count);

// Writes all dirty blocks of a class and waits for it; flushes the device if it needs that and
// anything was written. The first error; what could not be written stays dirty.
int cache_write(struct cache *c, enum cache_class class);
// The two parts of that: writing, and flushing what was written since the last time.
int cache_write_class(struct cache *c, enum cache_class class);
int cache_flush(struct cache *c);
// Starts writing all dirty blocks of a class; cache_settle waits for it.
void cache_submit(struct cache *c, enum cache_class class);
// Starts writing some dirty CLASS_DATA blocks (in a request: at its commit), without waiting.
void cache_start_write(struct cache *c);
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
