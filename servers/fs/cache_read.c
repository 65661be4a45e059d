// SPDX-License-Identifier: MIT
// Reading blocks in, and waiting for them.
#include "servers/fs/cache_io.h"
#include <errno.h>

enum { READ_ON_LINES = 3, AHEAD_TAKEN_ALONG = 2 };

// All blocks of the line that exist on the device.
static uint64_t existing(const struct cache *c, uint64_t number)
{
    uint64_t first = number << c->line_shift;
    return c->blocks - first > c->line_mask ? mask_bits(0, (uint32_t)c->line_mask + 1)
                                            : mask_bits(0, (uint32_t)(c->blocks - first));
}

static bool submit_read(struct cache *c, struct line *l, uint64_t run)
{
    struct cache_io *io = cache_io_take(
        c, DEVICE_READ, (l->number << c->line_shift) + (uint32_t)__builtin_ctzll(run));
    if (io) {
        cache_io_add(io, l, run);
        cache_io_submit(io);
    }
    return io;
}

// The run of ones of `missing` around bit `at`.
static uint64_t run_around(uint64_t missing, uint32_t at)
{
    uint32_t first = at;
    while (first && missing >> (first - 1) & 1) {
        first--;
    }
    uint64_t gap = ~(missing >> at);
    uint32_t end = gap ? at + (uint32_t)__builtin_ctzll(gap) : 64;
    return mask_bits(first, end - first);
}

// Starts reading what is missing of `want`, together with everything missing around it: what lies
// near is wanted soon (inode tables, small files made one after the other), and one request costs
// less than two. What did not come in a larger request is asked for alone: the damage may be
// elsewhere in it. Ends early when no more requests can be made.
static void start_read(struct cache *c, struct line *l, uint64_t want)
{
    uint64_t missing = existing(c, l->number) & ~(l->valid | l->reading | l->writing | l->failed);
    want &= missing;
    while (want) {
        uint32_t at = (uint32_t)__builtin_ctzll(want);
        uint64_t run = l->alone >> at & 1 ? 1ull << at : run_around(missing & ~l->alone, at);
        if (!submit_read(c, l, run)) {
            return;
        }
        want &= ~run;
        missing &= ~run;
    }
}

// ---- Ahead of those who ask ----

static void prefetch(struct cache *c, uint64_t block, uint64_t count)
{
    uint64_t end = block + count < c->blocks ? block + count : c->blocks;
    while (block < end && c->free_ios) {
        uint64_t mask;
        uint32_t n = first_part(c, block, end - block, &mask);
        struct line *l = cache_place(c, block >> c->line_shift, true);
        if (!l) {
            return;
        }
        l->referenced = true;
        start_read(c, l, mask);
        block += n;
    }
}

static void read_ahead(void *arg)
{
    struct cache *c = arg;
    for (uint32_t n = 0; n < c->ahead_count; n++) {
        prefetch(c, c->ahead[n].block, c->ahead[n].count);
    }
    c->ahead_count = 0;
}

// All of it is there, or on its way.
static bool is_here(struct cache *c, uint64_t block, uint32_t count)
{
    for (uint32_t done = 0, n; done < count; done += n) {
        uint64_t mask;
        n = first_part(c, block + done, count - done, &mask);
        const struct line *l = cache_find(c, (block + done) >> c->line_shift);
        if (!l || mask & ~(l->valid | l->reading)) {
            return false;
        }
    }
    return true;
}

void cache_prefetch(struct cache *c, uint64_t block, uint32_t count)
{
    if (is_here(c, block, count)) {
        return; // most small files: nothing to be done at commit
    }
    if (!in_request(c)) {
        prefetch(c, block, count);
        return;
    }
    struct cache_range *last = c->ahead_count ? &c->ahead[c->ahead_count - 1] : nullptr;
    if (last && last->block + last->count == block) {
        last->count += count;
    } else if (c->ahead_count < CACHE_AHEAD && c->device->tx->at_commit(read_ahead, c)) {
        c->ahead[c->ahead_count++] = (struct cache_range){block, count};
    }
}

// Whoever misses line after line (small files one behind the other, say) gets the next ones
// unasked.
static void read_on(struct cache *c, uint64_t number)
{
    struct line *before = number ? cache_find(c, number - 1) : nullptr;
    if (before && before->valid && (number + 1) << c->line_shift < c->blocks) {
        prefetch(c, (number + 1) << c->line_shift, READ_ON_LINES << c->line_shift);
    }
}

// ---- For those who ask ----

uint64_t cache_lacking(const struct line *l, uint64_t want, enum need need)
{
    uint64_t busy = need == TO_READ ? 0 : l->reading | l->writing;
    return want & (need == TO_REPLACE ? busy : busy | ~l->valid);
}

struct wanted {
    struct cache *cache;
    uint64_t key; // woken when it may be worth looking again: a line of the range
    uint64_t block;
    uint32_t count; // 0: nothing is to be read, only waited for
    // What the request wanted to have read ahead; that was undone with it.
    struct cache_range ahead[AHEAD_TAKEN_ALONG];
};

// The line `key` is on its way, or something else that is may help.
static void see_to_wake(struct cache *c, const struct wanted *w)
{
    struct line *l = cache_find(c, w->key);
    if (l && l->reading | l->writing) {
        return; // will be woken
    }
    if (!l && w->count) {
        if (!c->ios_under_way) {
            cache_write_some(c);
        }
        c->no_room = c->no_room || !c->ios_under_way;
    }
    // There is a line: what was wanted has come, or has failed, or no request could be made.
    if (c->ios_under_way && c->wish_count < CACHE_WISHES && w->count && (!l || !c->free_ios)) {
        c->wishes[c->wish_count++] = w->key;
    } else {
        cache_wake(c, w->key);
    }
}

static void fetch(const void *arg)
{
    const struct wanted *w = arg;
    struct cache *c = w->cache;
    c->misses += w->count > 0;
    for (uint32_t done = 0, n; done < w->count; done += n) {
        uint64_t mask;
        n = first_part(c, w->block + done, w->count - done, &mask);
        struct line *l = cache_place(c, (w->block + done) >> c->line_shift, true);
        if (!l) {
            break;
        }
        cache_note_use(c, l);
        l->wanted = ++c->wants;
        start_read(c, l, mask);
    }
    if (w->count) {
        read_on(c, w->key);
    }
    for (int n = 0; n < AHEAD_TAKEN_ALONG; n++) {
        prefetch(c, w->ahead[n].block, w->ahead[n].count);
    }
    see_to_wake(c, w);
}

// Of the range, as much as one request may have fetched at once.
static uint32_t fetch_limit(const struct cache *c, uint32_t count)
{
    uint32_t most = (c->line_count / 8 + 1) << c->line_shift;
    return count < most ? count : most;
}

// The last line of the range that is not there yet: when it has come, the others will have, too.
static uint64_t last_lacking(struct cache *c, uint64_t block, uint32_t count, enum need need)
{
    uint64_t found = block >> c->line_shift;
    for (uint32_t done = 0, n; done < count; done += n) {
        uint64_t mask;
        n = first_part(c, block + done, count - done, &mask);
        struct line *l = cache_find(c, (block + done) >> c->line_shift);
        if (!l || cache_lacking(l, mask, need) & ~l->failed) {
            found = (block + done) >> c->line_shift;
        }
    }
    return found;
}

static void wait_for(struct cache *c, uint64_t block, uint32_t count, enum need need)
{
    struct wanted w = {.cache = c, .key = block >> c->line_shift, .block = block};
    if (need != TO_REPLACE) {
        w.count = fetch_limit(c, count);
        w.key = last_lacking(c, block, w.count, need);
    }
    for (uint32_t n = 0; n < AHEAD_TAKEN_ALONG && n < c->ahead_count; n++) {
        w.ahead[n] = c->ahead[n];
    }
    cache_suspend(c, w.key, fetch, &w, sizeof(w));
}

void cache_gather(struct cache *c, uint64_t block, uint32_t count)
{
    count = fetch_limit(c, count);
    for (uint32_t done = 0, n; done < count && !c->no_room; done += n) {
        uint64_t mask;
        n = first_part(c, block + done, count - done, &mask);
        struct line *l = cache_find(c, (block + done) >> c->line_shift);
        if (!l || cache_lacking(l, mask, TO_READ) & ~l->failed) {
            wait_for(c, block, count, TO_READ);
        }
    }
}

int cache_ready(struct cache *c, uint64_t block, uint32_t count, uint64_t want, enum need need,
                struct line **out)
{
    uint64_t number = block >> c->line_shift;
    while (true) {
        struct line *l = need == TO_REPLACE ? cache_place(c, number, !in_request(c))
                                            : cache_find(c, number);
        uint64_t lacking = l ? cache_lacking(l, want, need) : want;
        if (!lacking) {
            cache_note_use(c, l);
            c->hits++;
            if (l->wanted) { // if this request is undone, it is kept for it as before
                l->wanted = 0;
            }
            *out = l;
            return 0;
        }
        if (l && need != TO_REPLACE && lacking & l->failed) {
            l->failed &= ~want;
            return EIO;
        }
        if (!l && (need == TO_REPLACE || c->no_room)) {
            int error = cache_wait_for_room(c, 1);
            if (error) {
                return error;
            }
            continue;
        }
        wait_for(c, block, count, need);
    }
}
