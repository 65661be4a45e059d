// SPDX-License-Identifier: MIT
#include "servers/fs/dir_index.h"
#include "lib/rt/heap.h"
#include "servers/fs/map.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALL_ENTRIES_MAX = 300000, // of all indexes together, unless the last few alone need more
    LAST_FEW = 4,
    BUCKETS_MIN = 32,
};

static uint32_t hash_of(const char *name, uint32_t length)
{
    uint32_t h = 2166136261u;
    for (uint32_t n = 0; n < length; n++) {
        h = (h ^ (uint8_t)name[n]) * 16777619u;
    }
    return h ^ h >> 15;
}

static void lru_remove(struct volume *v, struct dir_index *x)
{
    *(x->prev ? &x->prev->next : &v->dirs_first) = x->next;
    *(x->next ? &x->next->prev : &v->dirs_last) = x->prev;
}

static void lru_add(struct volume *v, struct dir_index *x)
{
    x->next = nullptr;
    x->prev = v->dirs_last;
    *(v->dirs_last ? &v->dirs_last->next : &v->dirs_first) = x;
    v->dirs_last = x;
}

static void free_index(struct volume *v, struct dir_index *x)
{
    for (uint32_t b = 0; x->buckets && b <= x->bucket_mask; b++) {
        for (struct dir_entry *e = x->buckets[b], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    v->dir_entries -= x->count;
    free(x->buckets);
    free(x->room);
    free(x);
}

// Used so lately that its place in the list is good enough: whoever goes to and fro between a few leaves the
// list alone.
static bool is_near_end(const struct volume *v, const struct dir_index *x)
{
    for (int n = 0; n < LAST_FEW; n++) {
        if (x == v->dirs_last) {
            return true;
        }
        x = x->next;
    }
    return false;
}

void dir_index_drop(struct volume *v, struct inode *dir)
{
    if (dir->dir) {
        lru_remove(v, dir->dir);
        free_index(v, dir->dir);
        dir->dir = nullptr;
    }
}

static void grow_buckets(struct dir_index *x)
{
    uint32_t mask = x->bucket_mask * 2 + 1;
    struct dir_entry **more = new_array(struct dir_entry *, mask + 1);
    if (!more) {
        return; // slower, not wrong
    }
    for (uint32_t b = 0; b <= x->bucket_mask; b++) {
        for (struct dir_entry *e = x->buckets[b], *next; e; e = next) {
            next = e->next;
            e->next = more[e->hash & mask];
            more[e->hash & mask] = e;
        }
    }
    free(x->buckets);
    x->buckets = more;
    x->bucket_mask = mask;
}

void dir_index_add(struct volume *v, struct dir_index *x, struct dir_entry *e)
{
    if (x->count > x->bucket_mask) {
        grow_buckets(x);
    }
    e->next = x->buckets[e->hash & x->bucket_mask];
    x->buckets[e->hash & x->bucket_mask] = e;
    x->count++;
    v->dir_entries++;
}

struct dir_entry *dir_index_make_entry(const char *name, uint32_t length)
{
    struct dir_entry *e = new_sized(struct dir_entry, sizeof(*e) + length);
    if (e) {
        e->hash = hash_of(name, length);
        e->length = (uint8_t)length;
        memcpy(e->name, name, length);
    }
    return e;
}

static int index_block(struct volume *v, struct dir_index *x, uint32_t number)
{
    uint8_t *bytes;
    uint64_t place;
    int error = dir_block_get(v, x->dir, number, &bytes, &place);
    if (error) {
        return error;
    }
    uint32_t largest = 0;
    for (uint32_t at = 0, end = dir_block_usable(v); at < end;) {
        struct ext2_dir_entry *d = dir_block_entry(v, bytes, at);
        if (!d) {
            return volume_damaged(v, "an entry of directory", x->dir->number);
        }
        largest = entry_room(d) > largest ? entry_room(d) : largest;
        if (d->inode && entry_length(d)) {
            struct dir_entry *e = x->count < DIR_ENTRIES_MAX
                                      ? dir_index_make_entry(d->name, entry_length(d))
                                      : nullptr;
            if (!e) {
                return ENOMEM;
            }
            e->inode = d->inode;
            e->kind = entry_kind(d);
            e->block = number;
            e->offset = (uint16_t)at;
            dir_index_add(v, x, e);
        }
        at += d->rec_len;
    }
    // What a hash tree hides is not room.
    x->room[number] = x->dir->raw.i_flags & EXT2_INDEX_FL ? 0 : (uint16_t)largest;
    return 0;
}

int dir_index_reserve(struct dir_index *x, uint32_t blocks)
{
    if (blocks <= x->room_capacity) {
        return 0;
    }
    uint32_t capacity = blocks + blocks / 2 + 8;
    uint16_t *more = renew_array(x->room, uint16_t, capacity);
    if (!more) {
        return ENOMEM;
    }
    x->room = more;
    x->room_capacity = capacity;
    return 0;
}

// Has all blocks brought in. A request that misses one is undone and begins again: that is dear once an
// index has been begun.
static int fetch_blocks(struct volume *v, struct inode *dir)
{
    uint32_t blocks = (uint32_t)blocks_for(v, inode_size(dir));
    for (uint32_t n = 0; n < blocks; n++) {
        struct run r;
        uint8_t *bytes;
        int error = map_find(v, dir, n, &r);
        if (error || !r.place) {
            return error; // a hole is found damaged later
        }
        if (n % 64 == 0) {
            cache_prefetch(&v->cache, r.place, r.count < 64 ? r.count : 64);
        }
        error = cache_get(&v->cache, r.place, &bytes);
        if (error) {
            return error;
        }
    }
    return 0;
}

static int fill_index(struct volume *v, struct dir_index *x)
{
    uint64_t size = inode_size(x->dir);
    if (size % block_bytes(v) || size >> v->cache.block_shift > UINT32_MAX || !size) {
        return volume_damaged(v, "size of directory", x->dir->number);
    }
    x->blocks = (uint32_t)blocks_for(v, size);
    x->bucket_mask = BUCKETS_MIN - 1;
    x->buckets = new_array(struct dir_entry *, BUCKETS_MIN);
    if (!x->buckets || dir_index_reserve(x, x->blocks)) {
        return ENOMEM;
    }
    int error = fetch_blocks(v, x->dir);
    for (uint32_t n = 0; n < x->blocks && !error; n++) {
        error = index_block(v, x, n);
    }
    return error;
}

static bool has_older_than(const struct volume *v, int count)
{
    const struct dir_index *x = v->dirs_first;
    while (x && count--) {
        x = x->next;
    }
    return x;
}

int dir_index_use(struct volume *v, struct inode *dir, struct dir_index **out)
{
    if (dir->dir) {
        if (!is_near_end(v, dir->dir)) {
            lru_remove(v, dir->dir);
            lru_add(v, dir->dir);
        }
        *out = dir->dir;
        return 0;
    }
    int error = map_supported(dir);
    struct dir_index *x = error ? nullptr : new(struct dir_index);
    if (!x) {
        return error ? error : ENOMEM;
    }
    x->dir = dir;
    error = fill_index(v, x);
    if (error) {
        free_index(v, x);
        return error;
    }
    lru_add(v, x);
    *out = dir->dir = x;
    // The last few stay in any case: an operation may be using them.
    while (v->dir_entries > ALL_ENTRIES_MAX && has_older_than(v, 2 * LAST_FEW)) {
        dir_index_drop(v, v->dirs_first->dir);
    }
    return 0;
}

// ---- Between requests ----

struct wanted_index {
    struct volume *v;
    ext2_ino_t dir;
};

static void make_index(const void *arg)
{
    const struct wanted_index *w = arg;
    struct inode *dir;
    struct dir_index *x;
    int error = inode_get_nameless(w->v, w->dir, &dir);
    if (!error) {
        error = dir_index_use(w->v, dir, &x);
        inode_put(w->v, dir);
    }
    w->v->index_failed = error ? w->dir : 0;
    w->v->device->tx->wake(KEY_INDEX);
}

int dir_index_prepare(struct volume *v, struct inode *dir)
{
    struct wanted_index w = {v, dir->number};
    if (inode_size(dir) <= block_bytes(v) || !v->device->tx->may_await()) {
        return 0;
    }
    if (v->index_failed == dir->number) { // who asks finds out why
        v->index_failed = 0;
        return 0;
    }
    int error = map_supported(dir);
    error = error ? error : fetch_blocks(v, dir);
    if (!error) {
        v->device->tx->await(KEY_INDEX, make_index, &w, sizeof(w));
    }
    return error;
}

struct dir_entry *dir_index_find(const struct dir_index *x, const char *name, uint32_t length)
{
    uint32_t hash = hash_of(name, length);
    struct dir_entry *e = x->buckets[hash & x->bucket_mask];
    while (e && (e->hash != hash || e->length != length || memcmp(e->name, name, length))) {
        e = e->next;
    }
    return e;
}

void dir_index_remove(struct volume *v, struct dir_index *x, struct dir_entry *e)
{
    struct dir_entry **at = &x->buckets[e->hash & x->bucket_mask];
    while (*at != e) {
        at = &(*at)->next;
    }
    *at = e->next;
    free(e);
    x->count--;
    v->dir_entries--;
}
