// SPDX-License-Identifier: MIT
// Lines: finding, taking, reading in. Writing back is in cache_write.c.
#include "servers/fs/cache.h"
#include "servers/fs/cache_io.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static inline struct line **bucket(struct cache *c, uint64_t number)
{
    return &c->buckets[number * 0x9e3779b97f4a7c15ull >> c->bucket_shift];
}

struct line *cache_find(struct cache *c, uint64_t number)
{
    struct line *l = *bucket(c, number);
    while (l && l->number != number) {
        l = l->hash_next;
    }
    return l;
}

static void add_lines(struct cache *c, uint8_t *memory, uint64_t bytes)
{
    for (uint64_t at = 0; at + CACHE_LINE_BYTES <= bytes && c->line_count < c->line_max;
         at += CACHE_LINE_BYTES) {
        uint32_t n = c->line_count++;
        c->lines[n] = (struct line){.number = LINE_UNUSED, .index = n, .memory = memory + at};
    }
}

// One more stretch of memory, if the device has any and the limit allows.
static void grow(struct cache *c)
{
    uint8_t *memory;
    uint64_t bytes;
    if (c->line_count == c->line_max) {
        return;
    }
    if (c->device->more_memory && c->device->more_memory(c->device, &memory, &bytes)) {
        add_lines(c, memory, bytes);
    } else {
        c->line_max = c->line_count;
    }
}

static int make_tables(struct cache *c)
{
    uint32_t bits = 4;
    while (1u << bits < 2 * c->line_max) {
        bits++;
    }
    c->bucket_shift = 64 - bits;
    c->lines = calloc(c->line_max, sizeof(struct line));
    c->buckets = calloc(1u << bits, sizeof(struct line *));
    c->ios = calloc(CACHE_IOS, sizeof(struct cache_io));
    if (!c->lines || !c->buckets || !c->ios) {
        return ENOMEM;
    }
    for (uint32_t i = 0; i < CACHE_IOS; i++) {
        c->ios[i].cache = c;
        cache_io_free(&c->ios[i]);
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
    c->dirty_ring.dirty_next = c->dirty_ring.dirty_prev = &c->dirty_ring;
    c->line_max = (uint32_t)(max_bytes / CACHE_LINE_BYTES);
    int error = make_tables(c);
    if (error) {
        cache_close(c);
        return error;
    }
    for (uint32_t i = 0; i < count; i++) {
        add_lines(c, regions[i].memory, regions[i].bytes);
    }
    return 0;
}

void cache_close(struct cache *c)
{
    while (c->ios_under_way) {
        c->device->wait(c->device);
    }
    free(c->lines);
    free(c->buckets);
    free(c->ios);
    c->lines = nullptr;
    c->buckets = nullptr;
    c->ios = nullptr;
    c->line_count = 0;
}

// ---- Requests ----

static void io_done(struct device_request *rq, int error);

struct cache_io *cache_io_take(struct cache *c, enum device_op op, uint64_t block)
{
    while (!c->free_ios) {
        c->device->wait(c->device);
    }
    struct cache_io *io = c->free_ios;
    c->free_ios = io->next;
    io->rq.op = op;
    io->rq.offset = block << c->block_shift;
    io->rq.segments = 0;
    io->rq.done = io_done;
    return io;
}

void cache_io_free(struct cache_io *io)
{
    io->next = io->cache->free_ios;
    io->cache->free_ios = io;
}

void cache_io_add(struct cache_io *io, struct line *line, uint64_t mask)
{
    struct cache *c = io->cache;
    uint32_t first = (uint32_t)__builtin_ctzll(mask), count = (uint32_t)__builtin_popcountll(mask);
    uint32_t n = io->rq.segments++;
    io->line[n] = line;
    io->mask[n] = mask;
    io->rq.segment[n] = (struct device_segment){line->memory + ((size_t)first << c->block_shift),
                                                count << c->block_shift};
    if (io->rq.op == DEVICE_READ) {
        line->reading |= mask;
    } else {
        line->writing |= mask;
    }
}

void cache_io_submit(struct cache_io *io)
{
    struct cache *c = io->cache;
    c->ios_under_way++;
    c->writes_under_way += io->rq.op == DEVICE_WRITE;
    int error = c->device->submit(c->device, &io->rq);
    while (error == EAGAIN) {
        c->device->wait(c->device);
        error = c->device->submit(c->device, &io->rq);
    }
    if (error) {
        io_done(&io->rq, error);
    }
}

static void io_done(struct device_request *rq, int error)
{
    struct cache_io *io = (struct cache_io *)rq;
    struct cache *c = io->cache;
    for (uint32_t i = 0; i < rq->segments; i++) {
        struct line *l = io->line[i];
        if (rq->op == DEVICE_READ) {
            l->reading &= ~io->mask[i];
            l->valid |= error ? 0 : io->mask[i];
            continue;
        }
        l->writing &= ~io->mask[i];
        // What failed is dirty again, unless it was freed or written to meanwhile.
        uint64_t again = error ? io->mask[i] & l->valid & ~line_dirty(l) : 0;
        if (again) {
            cache_add_dirt(c, l, io->class, again);
        }
    }
    if (rq->op != DEVICE_READ && error && !c->write_error) {
        c->write_error = error;
    }
    c->ios_under_way--;
    c->writes_under_way -= rq->op == DEVICE_WRITE;
    cache_io_free(io);
}

// ---- Taking a line ----

static bool is_recent(const struct cache *c, const struct line *l)
{
    for (size_t i = 0; i < sizeof(c->recent) / sizeof(c->recent[0]); i++) {
        if (c->recent[i] == l) {
            return true;
        }
    }
    return false;
}

static struct line *find_victim(struct cache *c)
{
    if (c->fresh == c->line_count) {
        grow(c);
    }
    if (c->fresh < c->line_count) {
        return &c->lines[c->fresh++];
    }
    for (uint32_t n = 0; n < 2 * c->line_count; n++) {
        struct line *l = &c->lines[c->hand];
        c->hand = c->hand + 1 == c->line_count ? 0 : c->hand + 1;
        if (l->dirty_next || l->reading || l->writing || is_recent(c, l)) {
            continue;
        }
        if (!l->referenced) {
            return l;
        }
        l->referenced = false;
    }
    return nullptr;
}

static void unhash(struct cache *c, struct line *l)
{
    if (l->number == LINE_UNUSED) {
        return;
    }
    struct line **at = bucket(c, l->number);
    while (*at != l) {
        at = &(*at)->hash_next;
    }
    *at = l->hash_next;
    l->number = LINE_UNUSED;
    l->valid = 0;
}

// Finds the line of that number or makes room for it. nullptr: all lines are dirty or in use.
static struct line *take(struct cache *c, uint64_t number)
{
    struct line *l = cache_find(c, number);
    if (l) {
        return l;
    }
    while (!(l = find_victim(c))) {
        if (c->ios_under_way) {
            c->device->wait(c->device);
        } else if (!c->dirty_blocks[CLASS_DATA] ||
                   cache_drain(c, c->dirty_blocks[CLASS_DATA] / 2)) {
            return nullptr;
        }
    }
    unhash(c, l);
    l->number = number;
    struct line **at = bucket(c, number);
    l->hash_next = *at;
    *at = l;
    return l;
}

// Keeps the line from being taken away by the next few calls.
static inline void note_use(struct cache *c, struct line *l)
{
    l->referenced = true;
    uint32_t n = sizeof(c->recent) / sizeof(c->recent[0]);
    if (c->recent[(c->recent_next + n - 1) % n] != l) {
        c->recent[c->recent_next] = l;
        c->recent_next = (c->recent_next + 1) % n;
    }
}

// ---- Reading in ----

enum { READ_ON_LINES = 3 };

// All blocks of the line that exist on the device.
static uint64_t existing(const struct cache *c, uint64_t number)
{
    uint64_t first = number << c->line_shift;
    return c->blocks - first > c->line_mask ? mask_bits(0, (uint32_t)c->line_mask + 1)
                                            : mask_bits(0, (uint32_t)(c->blocks - first));
}

static void submit_read(struct cache *c, struct line *l, uint64_t run)
{
    struct cache_io *io = cache_io_take(
        c, DEVICE_READ, (l->number << c->line_shift) + (uint32_t)__builtin_ctzll(run));
    cache_io_add(io, l, run);
    cache_io_submit(io);
}

// Starts reading what is missing of `want`, together with everything missing around it: what lies
// near is wanted soon (inode tables, small files made one after the other), and one request costs
// less than two.
static void start_read(struct cache *c, struct line *l, uint64_t want)
{
    uint64_t missing = existing(c, l->number) & ~l->valid & ~l->reading & ~l->writing;
    want &= missing;
    while (want) {
        uint32_t at = (uint32_t)__builtin_ctzll(want), first = at;
        while (first && missing >> (first - 1) & 1) {
            first--;
        }
        uint64_t gap = ~(missing >> at);
        uint32_t end = gap ? at + (uint32_t)__builtin_ctzll(gap) : 64;
        uint64_t run = mask_bits(first, end - first);
        submit_read(c, l, run);
        want &= ~run;
        missing &= ~run;
    }
}

// Waits until `want` is valid. What did not come in a larger request is asked for once more alone:
// the damage may be elsewhere in it.
static int await(struct cache *c, struct line *l, uint64_t want)
{
    while (l->reading & want) {
        c->device->wait(c->device);
    }
    for (uint64_t left = want & ~l->valid; left; left &= left - 1) {
        uint64_t one = left & -left;
        submit_read(c, l, one);
        while (l->reading & one) {
            c->device->wait(c->device);
        }
        if (!(l->valid & one)) {
            return EIO;
        }
    }
    return 0;
}

// Whoever misses line after line (small files one behind the other, say) gets the next ones
// unasked.
static void read_on(struct cache *c, struct line *l)
{
    struct line *before = l->number ? cache_find(c, l->number - 1) : nullptr;
    if (before && before->valid && (l->number + 1) << c->line_shift < c->blocks) {
        cache_prefetch(c, (l->number + 1) << c->line_shift, READ_ON_LINES << c->line_shift);
    }
}

static int prepare(struct cache *c, struct line *l, uint64_t want, bool fill)
{
    note_use(c, l);
    if (fill && !(want & ~l->valid)) {
        c->hits++;
        return 0;
    }
    if (fill) {
        c->misses++;
        start_read(c, l, want);
        read_on(c, l);
        return await(c, l, want);
    }
    // A read still under way would overwrite what is going to be put there.
    while (l->reading & want) {
        c->device->wait(c->device);
    }
    return 0;
}

static int get(struct cache *c, uint64_t block, bool fill, uint8_t **out)
{
    if (block >= c->blocks) {
        return EUCLEAN;
    }
    struct line *l = take(c, block >> c->line_shift);
    if (!l) {
        return ENOMEM;
    }
    uint32_t at = (uint32_t)(block & c->line_mask);
    *out = l->memory + ((size_t)at << c->block_shift);
    return prepare(c, l, 1ull << at, fill);
}

int cache_get(struct cache *c, uint64_t block, uint8_t **out)
{
    return get(c, block, true, out);
}

int cache_get_new(struct cache *c, uint64_t block, uint8_t **out)
{
    return get(c, block, false, out);
}

void cache_prefetch(struct cache *c, uint64_t block, uint32_t count)
{
    uint64_t end = block + count < c->blocks ? block + count : c->blocks;
    while (block < end && c->free_ios) {
        uint32_t at = (uint32_t)(block & c->line_mask);
        uint32_t n = (uint32_t)c->line_mask + 1 - at;
        n = n < end - block ? n : (uint32_t)(end - block);
        struct line *l = take(c, block >> c->line_shift);
        if (!l) {
            return;
        }
        l->referenced = true;
        start_read(c, l, mask_bits(at, n));
        block += n;
    }
}

int cache_run(struct cache *c, uint64_t block, uint32_t count, bool fill, uint8_t **out,
              uint32_t *got)
{
    if (block >= c->blocks || count > c->blocks - block) {
        return EUCLEAN;
    }
    uint32_t done = 0, limit = CACHE_RUN_LINES << c->line_shift;
    bool ahead = false;
    struct line *last = nullptr;
    while (done < count && done < limit) {
        uint32_t at = (uint32_t)((block + done) & c->line_mask);
        uint32_t n = (uint32_t)c->line_mask + 1 - at;
        n = n < count - done ? n : count - done;
        struct line *l = take(c, (block + done) >> c->line_shift);
        // A missing line cuts the run short, but is an error only for the first.
        if (!l || (last && l->memory != last->memory + CACHE_LINE_BYTES)) {
            if (!last) {
                return ENOMEM;
            }
            break;
        }
        uint64_t want = mask_bits(at, n);
        if (fill && !ahead && (want & ~l->valid) && n < count - done) {
            note_use(c, l);
            start_read(c, l, want);
            cache_prefetch(c, block + done + n,
                           count - done - n); // all at once, then wait for the first
            ahead = true;
        }
        int error = prepare(c, l, want, fill);
        if (error) {
            if (!last) {
                return error;
            }
            break;
        }
        if (!last) {
            *out = l->memory + ((size_t)at << c->block_shift);
        }
        last = l;
        done += n;
    }
    *got = done;
    return 0;
}
