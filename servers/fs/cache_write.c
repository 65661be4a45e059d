// SPDX-License-Identifier: MIT
// Dirty blocks: keeping count of them, writing them back in large requests, forgetting them.
#include "servers/fs/cache_io.h"
#include <errno.h>

void cache_link_dirty(struct cache *c, struct line *l)
{
    if (l->in_dirty) {
        return;
    }
    l->in_dirty = true;
    l->dirty_prev = c->dirty_last;
    l->dirty_next = 0;
    *(c->dirty_last ? &cache_line(c, c->dirty_last)->dirty_next : &c->dirty_first) = l->index + 1;
    c->dirty_last = l->index + 1;
}

static void unlink_dirty(struct cache *c, struct line *l)
{
    *(l->dirty_prev ? &cache_line(c, l->dirty_prev)->dirty_next : &c->dirty_first) = l->dirty_next;
    *(l->dirty_next ? &cache_line(c, l->dirty_next)->dirty_prev : &c->dirty_last) = l->dirty_prev;
    l->in_dirty = false;
}

void cache_unlink_if_clean(struct cache *c, struct line *l)
{
    if (l->in_dirty && !line_dirty(l)) {
        unlink_dirty(c, l);
    }
}

static uint64_t metadata(const struct line *l)
{
    uint64_t all = 0;
    for (int i = CLASS_MAP; i <= CLASS_DIR_DEL; i++) {
        all |= l->dirty[i];
    }
    return all;
}

static bool is_bound(const struct line *l)
{
    return line_dirty(l) != l->dirty[CLASS_DATA];
}

static void take_dirt(struct cache *c, struct line *l, enum cache_class class, uint64_t mask)
{
    mask &= l->dirty[class];
    if (!mask) {
        return;
    }
    bool before = is_bound(l);
    c->dirty_blocks[class] -= (uint64_t)__builtin_popcountll(mask);
    l->dirty[class] &= ~mask;
    if (before && !is_bound(l)) {
        c->bound_lines--;
    }
}

void cache_add_dirt(struct cache *c, struct line *l, enum cache_class class, uint64_t mask)
{
    mask &= ~l->dirty[class];
    if (mask) {
        bool before = is_bound(l);
        c->dirty_blocks[class] += (uint64_t)__builtin_popcountll(mask);
        l->dirty[class] |= mask;
        if (!before && is_bound(l)) {
            c->bound_lines++;
        }
    }
    cache_link_dirty(c, l);
}

// Whether dirt of class i gives way to that of `class`, or the other way round. What the journal holds of a block stays
// true when the block changes again.
static bool excludes(int i, enum cache_class class)
{
    return i != (int)class && i != CLASS_LOGGED;
}

static uint64_t excluded(const struct line *l, enum cache_class class)
{
    uint64_t all = 0;
    for (int i = 0; i < CACHE_CLASSES; i++) {
        all |= excludes(i, class) ? l->dirty[i] : 0;
    }
    return all;
}

// Which of the blocks get the class, once those that had another one have made up their minds.
[[gnu::noinline]] static uint64_t take_over(struct cache *c, struct line *l, uint64_t mask, enum cache_class class)
{
    for (int i = 0; i < CACHE_CLASSES; i++) {
        if (!excludes(i, class)) {
            continue;
        }
        if (i >= CLASS_DIR_NEW && i < (int)class) {
            mask &= ~l->dirty[i]; // a directory block keeps the class that is written first
        } else {
            take_dirt(c, l, (enum cache_class)i, mask);
        }
    }
    return mask;
}

static void mark(struct cache *c, struct line *l, uint64_t mask, enum cache_class class)
{
    if (mask & ~l->valid) {
        l->valid |= mask;
    }
    if (excluded(l, class) & mask) {
        mask = take_over(c, l, mask, class);
    }
    cache_add_dirt(c, l, class, mask);
}

// The next line of the range that is in the cache, and which of its blocks are meant; null at the
// end.
static struct line *next_line(struct cache *c, uint64_t *block, uint32_t *count, uint64_t *mask)
{
    while (*count) {
        uint32_t n = first_part(c, *block, *count, mask);
        struct line *l = cache_find(c, *block >> c->line_shift);
        *block += n;
        *count -= n;
        if (l) {
            return l;
        }
    }
    return nullptr;
}

void cache_dirty(struct cache *c, uint64_t block, uint32_t count, enum cache_class class)
{
    struct line *l;
    uint64_t mask;
    while ((l = next_line(c, &block, &count, &mask))) {
        mark(c, l, mask, class);
    }
}

void cache_dirty_valid(struct cache *c, uint64_t block, uint32_t count)
{
    struct line *l;
    uint64_t mask;
    while ((l = next_line(c, &block, &count, &mask))) {
        if (mask & l->valid) {
            mark(c, l, mask & l->valid, CLASS_DATA);
        }
        cache_unlink_if_clean(c, l);
    }
}

void cache_forget(struct cache *c, uint64_t block, uint32_t count)
{
    struct line *l;
    uint64_t mask;
    while ((l = next_line(c, &block, &count, &mask))) {
        for (int i = 0; i < CACHE_CLASSES; i++) {
            take_dirt(c, l, (enum cache_class)i, mask);
        }
        l->valid &= ~mask;
        cache_unlink_if_clean(c, l);
    }
}

bool cache_is_dirty(struct cache *c, uint64_t block)
{
    struct line *l = cache_find(c, block >> c->line_shift);
    return l &&
           (metadata(l) | l->dirty[CLASS_DATA] | l->dirty[CLASS_LOG]) >> (block & c->line_mask) & 1;
}

// ---- For the journal ----

uint64_t cache_dirty_metadata(const struct cache *c)
{
    uint64_t sum = 0;
    for (int i = CLASS_MAP; i <= CLASS_DIR_DEL; i++) {
        sum += c->dirty_blocks[i];
    }
    return sum;
}

uint32_t cache_list_metadata(const struct cache *c, uint64_t *blocks, uint32_t room)
{
    uint32_t n = 0;
    for (struct line *l = cache_line(c, c->dirty_first); l; l = cache_line(c, l->dirty_next)) {
        for (uint64_t left = metadata(l); left && n < room; left &= left - 1) {
            blocks[n++] = (l->number << c->line_shift) + (uint32_t)__builtin_ctzll(left);
        }
    }
    return n;
}

void cache_logged(struct cache *c, uint64_t block)
{
    struct line *l = cache_find(c, block >> c->line_shift);
    uint64_t mask = 1ull << (block & c->line_mask);
    if (!l || !(metadata(l) & mask)) {
        return;
    }
    cache_add_dirt(c, l, CLASS_LOGGED, mask);
    for (int i = CLASS_MAP; i <= CLASS_DIR_DEL; i++) {
        take_dirt(c, l, (enum cache_class)i, mask);
    }
}

bool cache_is_logged(struct cache *c, uint64_t block)
{
    struct line *l = cache_find(c, block >> c->line_shift);
    return l && l->dirty[CLASS_LOGGED] >> (block & c->line_mask) & 1;
}

void cache_drop(struct cache *c)
{
    cache_settle(c);
    for (uint32_t i = 0; i < c->line_count; i++) {
        struct line *l = &c->lines[i];
        l->valid = line_dirty(l);
        l->referenced = false;
    }
}

// ---- Writing ----

// The dirty blocks of the class in this line that can be written now: two writes of one block at a
// time would have no order.
static uint64_t writable(const struct line *l, enum cache_class class)
{
    return l->dirty[class] & ~l->writing;
}

// Where the run of dirty blocks that `l` belongs to begins, at most a request's length back.
static struct line *run_start(struct cache *c, struct line *l, enum cache_class class)
{
    for (int n = 0; n < DEVICE_SEGMENTS / 2 && l->number && (writable(l, class) & 1); n++) {
        struct line *before = cache_find(c, l->number - 1);
        if (!before || !(writable(before, class) >> c->line_mask & 1)) {
            break;
        }
        l = before;
    }
    return l;
}

// Submits one request with the last (when it reaches the line's end) or else first run of dirty
// blocks of `l`, and what follows it in the next lines. false: no request is free.
static bool submit_run(struct cache *c, struct line *l, enum cache_class class)
{
    struct cache_io *io = cache_io_take(c, DEVICE_WRITE, 0);
    if (!io) {
        return false;
    }
    uint64_t bits = writable(l, class);
    uint32_t end = (uint32_t)c->line_mask + 1, first;
    if (bits >> c->line_mask & 1) {
        first = end;
        while (first && bits >> (first - 1) & 1) {
            first--;
        }
    } else {
        first = (uint32_t)__builtin_ctzll(bits);
        end = first;
        while (bits >> end & 1) {
            end++;
        }
    }
    io->rq.offset = ((l->number << c->line_shift) + first) << c->block_shift;
    io->class = class;
    uint64_t mask = mask_bits(first, end - first), room = c->device->max_bytes;
    while (true) {
        take_dirt(c, l, class, mask);
        cache_io_add(io, l, mask);
        cache_unlink_if_clean(c, l);
        room -= io->rq.segment[io->rq.segments - 1].bytes;
        if (!(mask >> c->line_mask & 1) || io->rq.segments == DEVICE_SEGMENTS ||
            room < CACHE_LINE_BYTES) {
            break;
        }
        l = cache_find(c, l->number + 1);
        if (!l || !(writable(l, class) & 1)) {
            break;
        }
        uint64_t gap = ~writable(l, class);
        uint32_t n = gap ? (uint32_t)__builtin_ctzll(gap) : 64;
        mask = mask_bits(0, n <= c->line_mask ? n : (uint32_t)c->line_mask + 1);
    }
    cache_io_submit(io);
    return true;
}

static void rotate(struct cache *c, struct line *l)
{
    unlink_dirty(c, l);
    cache_link_dirty(c, l);
}

static uint32_t dirty_lines(const struct cache *c)
{
    uint32_t n = 0;
    for (struct line *l = cache_line(c, c->dirty_first); l; l = cache_line(c, l->dirty_next)) {
        n++;
    }
    return n;
}

// Submits up to `requests` writes of the class, oldest dirt first. Visits each line at most once.
static void submit_class(struct cache *c, enum cache_class class, uint32_t requests, bool wait)
{
    for (uint32_t n = dirty_lines(c); n && requests && c->dirty_blocks[class]; n--) {
        struct line *l = cache_line(c, c->dirty_first);
        if (!l) {
            return;
        }
        while (requests && writable(l, class)) {
            if (submit_run(c, run_start(c, l, class), class)) {
                requests--;
            } else if (wait) {
                cache_wait(c);
            } else {
                return;
            }
        }
        if (l->in_dirty) {
            rotate(c, l);
        }
    }
}

int cache_settle(struct cache *c)
{
    while (c->ios_under_way) {
        cache_wait(c);
    }
    int error = c->write_error;
    c->write_error = 0;
    return error;
}

// Also what was written by somebody else: a predecessor that died here, the need for room.
int cache_flush(struct cache *c)
{
    int error = cache_settle(c);
    if (error || !c->device->flush_needed || c->written == c->flushed) {
        return error;
    }
    struct cache_io *io = cache_io_take(c, DEVICE_FLUSH, 0); // all is settled: there is one
    io->class = CLASS_DATA;
    cache_io_submit(io);
    return cache_settle(c);
}

void cache_submit(struct cache *c, enum cache_class class)
{
    submit_class(c, class, UINT32_MAX, true);
}

int cache_write_class(struct cache *c, enum cache_class class)
{
    int error = cache_settle(c);
    if (c->dirty_blocks[class]) {
        submit_class(c, class, UINT32_MAX, true);
        int second = cache_settle(c);
        error = error ? error : second;
    }
    return error;
}

int cache_write(struct cache *c, enum cache_class class)
{
    int error = cache_write_class(c, class);
    return error ? error : cache_flush(c);
}

void cache_write_some(struct cache *c)
{
    enum { MOST = CACHE_IOS / 2, AT_ONCE = CACHE_IOS / 4 };
    uint32_t room = MOST > c->writes_under_way ? MOST - c->writes_under_way : 0;
    submit_class(c, CLASS_DATA, room < AT_ONCE ? room : AT_ONCE, false);
}

static void start_write(void *arg)
{
    cache_write_some(arg);
}

void cache_start_write(struct cache *c)
{
    (void)c->device->tx->at_commit(start_write, c); // if not now, then with a later request
}

int cache_drain(struct cache *c, uint64_t blocks)
{
    while (c->dirty_blocks[CLASS_DATA] > blocks && !c->write_error) {
        cache_write_some(c);
        cache_wait(c);
    }
    // The error stays for the next sync to report as well.
    return c->dirty_blocks[CLASS_DATA] > blocks ? EIO : 0;
}
