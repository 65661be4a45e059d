// SPDX-License-Identifier: MIT
// The cache's requests to the disk, waiting for them, and giving out blocks.
#include "servers/fs/cache_io.h"
#include "lib/rt/heap.h"
#include "lib/rt/undo_log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void io_free(struct cache_io *io)
{
    io->next = io->cache->free_ios;
    io->cache->free_ios = io;
}

static int make_tables(struct cache *c)
{
    uint32_t bits = 4;
    while (1u << bits < 2 * c->line_max) {
        bits++;
    }
    c->bucket_shift = 64 - bits;
    c->lines = new_array(struct line, c->line_max);
    c->buckets = new_array(uint32_t, 1u << bits);
    c->ios = new_array(struct cache_io, CACHE_IOS);
    if (!c->lines || !c->buckets || !c->ios) {
        return ENOMEM;
    }
    for (uint32_t i = 0; i < CACHE_IOS; i++) {
        c->ios[i].cache = c;
        io_free(&c->ios[i]);
    }
    return 0;
}

int cache_open(struct cache *c, struct device *device, uint32_t block_bytes,
               const struct cache_region *regions, uint32_t count, uint64_t max_bytes)
{
    memset(c, 0, sizeof(*c));
    c->device = device;
    c->block_bytes = block_bytes;
    c->block_shift = (uint32_t)__builtin_ctz(block_bytes);
    c->line_shift = (uint32_t)__builtin_ctz(CACHE_LINE_BYTES / block_bytes);
    c->line_mask = (1ull << c->line_shift) - 1;
    c->blocks = device->bytes >> c->block_shift;
    c->line_max = (uint32_t)(max_bytes / CACHE_LINE_BYTES);
    int error = make_tables(c);
    if (error) {
        cache_close(c);
        return error;
    }
    for (uint32_t i = 0; i < count; i++) {
        cache_add_lines(c, regions[i].memory, regions[i].bytes);
    }
    return 0;
}

void cache_close(struct cache *c)
{
    while (c->ios_under_way) {
        cache_wait(c);
    }
    free(c->lines);
    free(c->buckets);
    free(c->ios);
    c->lines = nullptr;
    c->buckets = nullptr;
    c->ios = nullptr;
    c->line_count = 0;
}

// ---- Waiting ----

void cache_wake(struct cache *c, uint64_t key)
{
    c->wakes++;
    c->device->tx->wake(key);
}

void cache_wait(struct cache *c)
{
    c->device->wait(c->device);
}

void cache_suspend(struct cache *c, uint64_t key, void (*start)(const void *arg), const void *arg,
                   size_t bytes)
{
    if (in_request(c)) {
        c->device->tx->await(key, start, arg, bytes);
    }
    uint64_t before = c->wakes;
    if (start) {
        start(arg);
    }
    while (c->wakes == before && c->ios_under_way) {
        cache_wait(c);
    }
}

void cache_wait_settled(struct cache *c)
{
    while (c->bound_writes) {
        cache_suspend(c, KEY_SETTLED, nullptr, nullptr, 0);
    }
}

static void wake_all(struct cache *c, const struct cache_io *io)
{
    for (uint32_t i = 0; i < io->rq.segments; i++) {
        cache_wake(c, io->line[i]->number);
    }
    for (uint32_t n = 0; n < c->wish_count; n++) {
        cache_wake(c, c->wishes[n]);
    }
    if (c->wish_count || c->no_room) {
        c->wish_count = 0;
        c->no_room = false;
    }
    cache_wake(c, KEY_ROOM);
    if (!c->bound_writes) {
        cache_wake(c, KEY_SETTLED);
    }
}

// ---- Requests ----

static void io_done(struct device_request *rq, int error);

struct cache_io *cache_io_take(struct cache *c, enum device_op op, uint64_t block)
{
    struct cache_io *io = c->free_ios;
    if (!io) {
        return nullptr;
    }
    c->free_ios = io->next;
    io->rq.op = op;
    io->rq.offset = block << c->block_shift;
    io->rq.segments = 0;
    io->rq.done = io_done;
    return io;
}

void cache_io_add(struct cache_io *io, struct line *line, uint64_t mask)
{
    struct cache *c = io->cache;
    uint32_t first = (uint32_t)__builtin_ctzll(mask), count = (uint32_t)__builtin_popcountll(mask);
    uint32_t n = io->rq.segments++;
    io->line[n] = line;
    io->mask[n] = mask;
    io->rq.segment[n] = (struct device_segment){cache_memory(io->cache, line) + ((size_t)first << c->block_shift),
                                                count << c->block_shift};
    if (io->rq.op == DEVICE_READ) {
        line->reading |= mask;
    } else {
        line->writing |= mask;
    }
}

static bool is_bound(const struct cache_io *io)
{
    return io->rq.op == DEVICE_WRITE && io->class != CLASS_DATA;
}

void cache_io_submit(struct cache_io *io)
{
    struct cache *c = io->cache;
    c->ios_under_way++;
    c->writes_under_way += io->rq.op == DEVICE_WRITE;
    c->bound_writes += is_bound(io);
    io->written = c->written;
    int error = c->device->submit(c->device, &io->rq);
    if (error) {
        io_done(&io->rq, error);
    }
}

static void read_done(struct line *l, uint64_t mask, int error)
{
    l->reading &= ~mask;
    if (!error) {
        l->valid |= mask;
        l->alone &= ~mask;
    } else if (mask & l->alone) {
        l->failed |= mask;
        l->alone &= ~mask; // who asks again gets it tried again from the start
    } else {
        l->alone |= mask;
    }
}

static void write_done(struct cache *c, const struct cache_io *io, uint32_t i, int error)
{
    struct line *l = io->line[i];
    l->writing &= ~io->mask[i];
    // What failed is dirty again, unless it was freed or written to meanwhile.
    uint64_t again = error ? io->mask[i] & l->valid & ~line_dirty(l) : 0;
    if (again) {
        cache_add_dirt(c, l, io->class, again);
    }
}

static void io_done(struct device_request *rq, int error)
{
    struct cache_io *io = (struct cache_io *)rq;
    struct cache *c = io->cache;
    for (uint32_t i = 0; i < rq->segments; i++) {
        if (rq->op == DEVICE_READ) {
            read_done(io->line[i], io->mask[i], error);
        } else {
            write_done(c, io, i, error);
        }
    }
    c->written += rq->op == DEVICE_WRITE;
    if (rq->op == DEVICE_FLUSH && !error) {
        c->flushed = io->written;
    }
    if (rq->op != DEVICE_READ && error && !c->write_error) {
        c->write_error = error;
    }
    c->ios_under_way--;
    c->writes_under_way -= rq->op == DEVICE_WRITE;
    c->bound_writes -= is_bound(io);
    wake_all(c, io);
    io_free(io);
}

// ---- Giving out blocks ----

static int get(struct cache *c, uint64_t block, enum need need, uint8_t **out)
{
    struct line *l;
    if (block >= c->blocks) {
        return EUCLEAN;
    }
    uint32_t at = (uint32_t)(block & c->line_mask);
    int error = cache_ready(c, block, 1, 1ull << at, need, &l);
    if (!error) {
        *out = cache_memory(c, l) + ((size_t)at << c->block_shift);
    }
    return error;
}

int cache_get(struct cache *c, uint64_t block, uint8_t **out)
{
    return get(c, block, TO_READ, out);
}

int cache_get_to_change(struct cache *c, uint64_t block, uint8_t **out)
{
    return get(c, block, TO_CHANGE, out);
}

int cache_get_new(struct cache *c, uint64_t block, uint8_t **out)
{
    return get(c, block, TO_REPLACE, out);
}

// One record for blocks that lie side by side.
static void preserve_runs(struct cache *c, const struct line *l, uint64_t blocks)
{
    while (blocks) {
        uint32_t at = (uint32_t)__builtin_ctzll(blocks);
        uint64_t gap = ~(blocks >> at);
        uint32_t n = gap ? (uint32_t)__builtin_ctzll(gap) : 64;
        c->device->tx->preserve(cache_memory(c, l) + ((size_t)at << c->block_shift), (size_t)n << c->block_shift);
        blocks &= ~mask_bits(at, n);
    }
}

// As memcpy does it, but not logged. Whole words.
static void copy_unlogged(uint8_t *to, const uint8_t *from, uint64_t bytes)
{
    uint64_t words = bytes / sizeof(uint64_t);
    __asm__ volatile(UNDO_ASM "rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

// Whether giving the line other memory costs less than logging what is valid of `want`: the other blocks move,
// which nothing may be doing anything with.
static bool is_cheaper(const struct line *l, uint64_t want)
{
    uint64_t over = l->valid & want, others = l->valid & ~want;
    return !(l->reading | l->writing) && __builtin_popcountll(over) > __builtin_popcountll(others);
}

// Whether the line got other memory, at `where` unless that is null.
static bool exchange(struct cache *c, struct line *l, uint64_t want, const uint8_t *where,
                     struct cache_exchange *x)
{
    bool may = in_request(c) && x->count < CACHE_EXCHANGES && is_cheaper(l, want);
    struct line *free = may ? cache_exchange_memory(c, l, where) : nullptr;
    if (!free) {
        return false;
    }
    for (uint64_t others = l->valid & ~want; others; others &= others - 1) {
        size_t at = (size_t)__builtin_ctzll(others) << c->block_shift;
        copy_unlogged(cache_memory(c, l) + at, cache_memory(c, free) + at, c->block_bytes);
    }
    x->line[x->count] = l;
    x->free[x->count++] = free;
    return true;
}

void cache_take_back(struct cache_exchange *x)
{
    while (x->count) {
        struct line *l = x->line[--x->count], *free = x->free[x->count];
        uint32_t place = l->place;
        l->place = free->place;
        free->place = place;
    }
}

// The line of `block`, if it continues `last` in memory and is as needed.
static struct line *next_in_run(struct cache *c, const struct line *last, uint64_t block,
                                uint64_t want, enum need need, struct cache_exchange *x)
{
    uint64_t number = block >> c->line_shift;
    const uint8_t *where = cache_memory(c, last) + CACHE_LINE_BYTES;
    struct line *l = need == TO_REPLACE ? cache_place(c, number, !in_request(c))
                                        : cache_find(c, number);
    if (!l || cache_lacking(l, want, need)) {
        return nullptr;
    }
    if (!x || !exchange(c, l, want, where, x)) {
        if (cache_memory(c, l) != where) {
            return nullptr;
        }
        if (x) {
            preserve_runs(c, l, l->valid & want);
        }
    }
    cache_note_use(c, l);
    if (l->wanted) {
        l->wanted = 0;
    }
    return l;
}

static int run(struct cache *c, uint64_t block, uint32_t count, enum need need, uint8_t **out,
               uint32_t *got, struct cache_exchange *x)
{
    if (block >= c->blocks || count > c->blocks - block) {
        return EUCLEAN;
    }
    uint64_t want;
    struct line *l;
    uint32_t done = first_part(c, block, count, &want), limit = CACHE_RUN_LINES << c->line_shift;
    if (need == TO_READ && done < count && in_request(c)) {
        cache_gather(c, block, count);
    }
    int error = cache_ready(c, block, count, want, need, &l);
    if (error) {
        return error;
    }
    if (x && !exchange(c, l, want, nullptr, x)) {
        preserve_runs(c, l, l->valid & want);
    }
    *out = cache_memory(c, l) + ((size_t)(block & c->line_mask) << c->block_shift);
    while (done < count && done < limit) {
        uint32_t n = first_part(c, block + done, count - done, &want);
        l = next_in_run(c, l, block + done, want, need, x);
        if (!l) {
            break;
        }
        done += n;
    }
    *got = done;
    return 0;
}

int cache_run(struct cache *c, uint64_t block, uint32_t count, bool fill, uint8_t **out,
              uint32_t *got)
{
    return run(c, block, count, fill ? TO_READ : TO_REPLACE, out, got, nullptr);
}

int cache_run_over(struct cache *c, uint64_t block, uint32_t count, uint8_t **out, uint32_t *got,
                   struct cache_exchange *x)
{
    return run(c, block, count, TO_REPLACE, out, got, x);
}

void cache_clear(struct cache *c, uint8_t *memory)
{
    uint64_t words = c->block_bytes / sizeof(uint64_t);
    __asm__ volatile(UNDO_ASM "rep stosq" : "+D"(memory), "+c"(words) : "a"(UINT64_C(0)) : "memory");
}

void cache_fill(struct cache *c, uint8_t *memory, const uint8_t *from)
{
    copy_unlogged(memory, from, c->block_bytes);
}

void cache_preserve(struct cache *c, uint64_t block, uint32_t count)
{
    for (uint32_t done = 0, n; done < count; done += n) {
        uint64_t mask;
        n = first_part(c, block + done, count - done, &mask);
        const struct line *l = cache_find(c, (block + done) >> c->line_shift);
        preserve_runs(c, l, l->valid & mask);
    }
}
