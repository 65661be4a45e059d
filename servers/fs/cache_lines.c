// SPDX-License-Identifier: MIT
// Lines: finding them, and finding room for more.
//
// A request never takes a line that holds something: what is copied into it from a caller's grant
// could not be undone. So some lines are kept free for requests; they are made so between requests,
// and when they run out, a request waits for KEY_ROOM.
#include "servers/fs/cache_io.h"
#include <errno.h>

static inline uint32_t *bucket(struct cache *c, uint64_t number)
{
    return &c->buckets[number * 0x9e3779b97f4a7c15ull >> c->bucket_shift];
}

struct line *cache_find(struct cache *c, uint64_t number)
{
    struct line *l = cache_line(c, *bucket(c, number));
    while (l && l->number != number) {
        l = cache_line(c, l->hash_next);
    }
    return l;
}

// Puts the lines from `first` to `last` behind the unused ones. First in, first out: lines that lie side by side are given
// out in a row.
static void append_unused(struct cache *c, uint32_t first, uint32_t last, uint32_t count)
{
    *(c->unused_first ? &cache_line(c, c->unused_last)->unused_next : &c->unused_first) = first;
    c->unused_last = last;
    c->unused_count += count;
}

static void add_unused(struct cache *c, struct line *l)
{
    l->unused_next = 0;
    append_unused(c, l->index + 1, l->index + 1, 1);
}

static struct line *take_unused(struct cache *c)
{
    struct line *l = cache_line(c, c->unused_first);
    if (l) {
        c->unused_first = l->unused_next;
        c->unused_count--;
    }
    return l;
}

// What was retired by transactions before this one holds nothing that anybody could want back.
static void collect_retired(struct cache *c)
{
    if (c->retired_first && c->retired_in != c->device->tx->number()) {
        append_unused(c, c->retired_first, c->retired_last, c->retired_count);
        c->retired_first = 0;
        c->retired_count = 0;
    }
}

static void retire(struct cache *c, struct line *l)
{
    l->unused_next = 0;
    *(c->retired_first ? &cache_line(c, c->retired_last)->unused_next : &c->retired_first) = l->index + 1;
    c->retired_last = l->index + 1;
    c->retired_count++;
    c->retired_in = c->device->tx->number();
}

struct line *cache_exchange_memory(struct cache *c, struct line *l, const uint8_t *where)
{
    collect_retired(c);
    struct line *free = cache_line(c, c->unused_first);
    if (!free || (where && cache_memory(c, free) != where)) {
        return nullptr;
    }
    (void)take_unused(c);
    uint32_t place = free->place;
    free->place = l->place;
    l->place = place;
    retire(c, free);
    return free;
}

void cache_add_lines(struct cache *c, uint8_t *memory, uint64_t bytes)
{
    uint64_t count = c->regions < CACHE_REGIONS ? bytes / CACHE_LINE_BYTES : 0;
    for (uint64_t i = 0; i < count && c->line_count < c->line_max; i++) {
        uint32_t n = c->line_count++;
        c->lines[n] = (struct line){.number = LINE_UNUSED, .index = n,
                                    .place = c->regions << LINE_PLACE_SHIFT | (uint32_t)i};
        add_unused(c, &c->lines[n]);
    }
    if (count > 0) {
        c->region[c->regions++] = memory;
    }
}

void cache_note_use(struct cache *c, struct line *l)
{
    if (!l->referenced) {
        l->referenced = true;
    }
    uint32_t n = sizeof(c->recent) / sizeof(c->recent[0]);
    if (c->recent[(c->recent_next + n - 1) % n] != l && c->recent[(c->recent_next + n - 2) % n] != l) {
        c->recent[c->recent_next] = l;
        c->recent_next = (c->recent_next + 1) % n;
    }
}

// ---- Taking lines away ----

static bool is_recent(const struct cache *c, const struct line *l)
{
    for (size_t i = 0; i < sizeof(c->recent) / sizeof(c->recent[0]); i++) {
        if (c->recent[i] == l) {
            return true;
        }
    }
    return false;
}

// Somebody will come back for it. Who never does (its caller was killed) is forgotten once half of
// the cache has been fetched for others.
static bool is_kept(const struct cache *c, const struct line *l)
{
    return l->wanted && c->wants - l->wanted < c->line_count / 2;
}

static struct line *find_victim(struct cache *c)
{
    // What is kept goes only when nothing under way can help.
    uint32_t rounds = c->ios_under_way ? 2 : 3, hand = c->hand;
    struct line *found = nullptr;
    for (uint32_t n = 0; n < rounds * c->line_count && !found; n++) {
        struct line *l = &c->lines[hand];
        hand = hand + 1 == c->line_count ? 0 : hand + 1;
        if (l->number == LINE_UNUSED || l->in_dirty || l->reading || l->writing ||
            is_recent(c, l) || (is_kept(c, l) && n < 2 * c->line_count)) {
            continue;
        }
        if (!l->referenced) {
            found = l;
        } else {
            l->referenced = false;
        }
    }
    c->hand = hand;
    return found;
}

static void unhash(struct cache *c, struct line *l)
{
    uint32_t *at = bucket(c, l->number);
    while (*at != l->index + 1) {
        at = &cache_line(c, *at)->hash_next;
    }
    *at = l->hash_next;
    l->number = LINE_UNUSED;
    l->valid = l->alone = l->failed = l->wanted = 0;
}

// How many lines are to be kept free for requests.
static uint32_t reserve(const struct cache *c)
{
    uint32_t n = c->line_count / 32;
    return n < 2 ? 2 : n < 16 ? n : 16;
}

// Frees lines beyond those that are free already: less was not enough for somebody.
static uint32_t free_some(struct cache *c, uint32_t lines)
{
    uint32_t n = 0;
    struct line *l;
    while ((n < 2 * reserve(c) || c->unused_count < lines) && (l = find_victim(c))) {
        unhash(c, l);
        add_unused(c, l);
        n++;
    }
    return n;
}

// One more stretch of memory, if the device has any and the limit allows.
static void grow(struct cache *c)
{
    uint8_t *memory;
    uint64_t bytes;
    int error = c->device->more_memory ? c->device->more_memory(c->device, &memory, &bytes) : ENOMEM;
    if (!error) {
        cache_add_lines(c, memory, bytes);
    } else if (error == ENOMEM) {
        c->line_max = c->line_count;
    }
}

static void refill(void *arg)
{
    struct cache *c = arg;
    collect_retired(c);
    if (c->line_count < c->line_max) {
        grow(c);
    }
    if (c->unused_count < reserve(c)) {
        free_some(c, 0);
    }
}

// ---- Giving lines out ----

struct line *cache_place(struct cache *c, uint64_t number, bool evict)
{
    struct line *l = cache_find(c, number);
    if (l) {
        return l;
    }
    collect_retired(c);
    if (c->unused_count <= reserve(c)) {
        (void)c->device->tx->at_commit(refill, c); // else some request will have to wait for it
    }
    if (evict && c->unused_count <= reserve(c) && (l = find_victim(c))) {
        unhash(c, l);
    } else {
        l = take_unused(c);
    }
    if (l) {
        l->number = number;
        l->hash_next = *bucket(c, number);
        *bucket(c, number) = l->index + 1;
    }
    return l;
}

struct room_wanted {
    struct cache *cache;
    uint32_t lines;
};

static void make_room(const void *arg)
{
    const struct room_wanted *w = arg;
    struct cache *c = w->cache;
    collect_retired(c);
    if (!free_some(c, w->lines)) {
        cache_write_some(c);
        if (c->ios_under_way) {
            return; // whatever completes wakes
        }
        c->no_room = true;
    }
    cache_wake(c, KEY_ROOM);
}

int cache_wait_for_room(struct cache *c, uint32_t lines)
{
    if (c->no_room) {
        c->no_room = false;
        return ENOMEM;
    }
    struct room_wanted wanted = {c, lines};
    cache_suspend(c, KEY_ROOM, make_room, &wanted, sizeof(wanted));
    return 0;
}

void cache_make_room(struct cache *c, uint64_t bytes)
{
    uint32_t lines = (uint32_t)(bytes / CACHE_LINE_BYTES) + 2;
    collect_retired(c);
    while (in_request(c) && c->unused_count < lines && lines < c->line_count / 2 && !c->no_room) {
        (void)cache_wait_for_room(c, lines);
    }
}
