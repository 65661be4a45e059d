// SPDX-License-Identifier: MIT
#include "servers/fs/consistency.h"
#include "servers/fs/cache_io.h"
#include "servers/fs/dir_index.h"
#include "servers/fs/map.h"
#include <stdio.h>
#include <string.h>

struct look {
    struct volume *v;
    char *why;
    size_t room;
    bool good;
};

// The first thing that is wrong is told.
static bool must(struct look *k, bool holds, const char *what, uint64_t number)
{
    if (!holds && k->good) {
        snprintf(k->why, k->room, "%s (%llu)", what, (unsigned long long)number);
        k->good = false;
    }
    return holds;
}

// ---- Names ----

// Contents of block `number` of a directory, if they are in memory.
static uint8_t *block_at_hand(struct look *k, const struct inode *dir, uint32_t number)
{
    struct run r;
    if (!map_known(dir, number, &r) || !r.place) {
        return nullptr;
    }
    const struct cache *c = &k->v->cache;
    struct line *l = cache_find(&k->v->cache, r.place >> c->line_shift);
    uint32_t in_line = (uint32_t)(r.place & c->line_mask);
    return l && l->valid >> in_line & 1 ? cache_memory(c, l) + ((size_t)in_line << c->block_shift) : nullptr;
}

static void check_name(struct look *k, const struct dir_index *x, struct dir_entry *e)
{
    if (!must(k, dir_index_find(x, e->name, e->length) == e, "a name is not found in the index of directory", x->dir->number) ||
        !must(k, e->block < x->blocks, "a name lies beyond the end of directory", x->dir->number)) {
        return;
    }
    uint8_t *bytes = block_at_hand(k, x->dir, e->block);
    if (bytes) {
        const struct ext2_dir_entry *d = (const struct ext2_dir_entry *)(bytes + e->offset);
        must(k, d->inode == e->inode && entry_length(d) == e->length && memcmp(d->name, e->name, e->length) == 0,
             "a name differs from the one in the block of directory", x->dir->number);
    }
}

// All names of the blocks at hand; `all`: no block was missing.
static uint32_t names_in_blocks(struct look *k, const struct dir_index *x, bool *all)
{
    uint32_t names = 0;
    *all = true;
    for (uint32_t n = 0; n < x->blocks; n++) {
        uint8_t *bytes = block_at_hand(k, x->dir, n);
        *all = *all && bytes;
        for (uint32_t at = 0, end = bytes ? dir_block_usable(k->v) : 0; at < end;) {
            const struct ext2_dir_entry *d = dir_block_entry(k->v, bytes, at);
            if (!must(k, d, "an entry makes no sense in directory", x->dir->number)) {
                return 0;
            }
            names += d->inode && entry_length(d);
            at += d->rec_len;
        }
    }
    return names;
}

static void check_index(struct look *k, const struct dir_index *x)
{
    uint32_t count = 0;
    bool all;
    for (uint32_t b = 0; b <= x->bucket_mask; b++) {
        for (struct dir_entry *e = x->buckets[b]; e && count <= x->count; e = e->next) {
            check_name(k, x, e);
            count++;
        }
    }
    must(k, count == x->count, "the number of names is wrong in directory", x->dir->number);
    uint32_t names = names_in_blocks(k, x, &all);
    must(k, !all || names == x->count, "the index has other names than the blocks of directory", x->dir->number);
}

static void check_dirs(struct look *k)
{
    uint32_t names = 0;
    const struct dir_index *last = nullptr;
    for (const struct dir_index *x = k->v->dirs_first; x; x = x->next) {
        names += x->count;
        if (!must(k, x->prev == last && x->dir->dir == x && names <= k->v->dir_entries, "list of directories, at",
                  x->dir->number)) {
            return;
        }
        check_index(k, x);
        last = x;
    }
    must(k, last == k->v->dirs_last && names == k->v->dir_entries, "list of directories: its end", names);
}

// ---- Inodes ----

static void check_inode_table(struct look *k)
{
    uint32_t count = 0, dirty = 0;
    for (uint32_t b = 0; b < INODE_BUCKETS; b++) {
        for (const struct inode *i = k->v->inode_buckets[b]; i && count <= k->v->inode_count; i = i->hash_next) {
            must(k, inode_known(k->v, i->number) == i, "not found: inode", i->number);
            must(k, !i->dir || i->dir->dir == i, "another's index: directory", i->number);
            must(k, i->map.count <= i->map.room && (!i->map.room || i->map.runs), "map of inode", i->number);
            dirty += i->dirty;
            count++;
        }
    }
    must(k, count == k->v->inode_count, "number of inodes", count);
    must(k, dirty == k->v->dirty_inode_count, "number of changed inodes", dirty);
}

static void check_inode_lists(struct look *k)
{
    const struct inode *last = nullptr;
    uint32_t count = 0;
    for (const struct inode *i = k->v->unused_first; i; i = i->next) {
        if (!must(k, i->listed && i->prev == last && count++ < k->v->inode_count, "list of unused inodes, at", i->number)) {
            return;
        }
        last = i;
    }
    must(k, last == k->v->unused_last, "end of the unused inodes", count);
    last = nullptr;
    count = 0;
    for (const struct inode *i = k->v->dirty_inodes; i; i = i->dirty_next) {
        if (!must(k, i->dirty && i->dirty_prev == last && count++ < k->v->dirty_inode_count, "list of changed inodes, at",
                  i->number)) {
            return;
        }
        last = i;
    }
    must(k, count == k->v->dirty_inode_count, "length of the list of changed inodes", count);
}

// ---- Lines ----

static void check_line(struct look *k, const struct line *l, uint64_t dirty[CACHE_CLASSES])
{
    struct cache *c = &k->v->cache;
    uint64_t any = 0;
    for (int n = 0; n < CACHE_CLASSES; n++) {
        dirty[n] += (uint64_t)__builtin_popcountll(l->dirty[n]);
        any |= l->dirty[n];
    }
    must(k, l->number == LINE_UNUSED || cache_find(c, l->number) == l, "not found: line", l->number);
    must(k, l->place >> LINE_PLACE_SHIFT < c->regions, "memory of line", l->number);
    must(k, (any & ~l->valid) == 0, "changed blocks that hold nothing in line", l->number);
    must(k, l->in_dirty == (any != 0), "among the changed ones or not: line", l->number);
}

static void check_lines(struct look *k)
{
    const struct cache *c = &k->v->cache;
    uint64_t dirty[CACHE_CLASSES] = {0};
    uint32_t listed = 0, in_list = 0;
    for (uint32_t n = 0; n < c->line_count; n++) {
        must(k, c->lines[n].index == n, "number of line", n);
        check_line(k, &c->lines[n], dirty);
        in_list += c->lines[n].in_dirty;
    }
    for (int n = 0; n < CACHE_CLASSES; n++) {
        must(k, dirty[n] == c->dirty_blocks[n], "changed blocks of class", (uint64_t)n);
    }
    for (uint32_t at = c->dirty_first, last = 0; at && listed <= in_list; last = at, at = cache_line(c, at)->dirty_next) {
        must(k, cache_line(c, at)->dirty_prev == last && cache_line(c, at)->in_dirty, "list of changed lines, at", at);
        listed++;
    }
    must(k, listed == in_list, "length of the list of changed lines", listed);
}

static void check_unused(struct look *k, uint32_t first, uint32_t last, uint32_t count, const char *which)
{
    const struct cache *c = &k->v->cache;
    uint32_t n = 0, before = 0;
    for (uint32_t at = first; at && n <= count; before = at, at = cache_line(c, at)->unused_next) {
        must(k, at <= c->line_count && cache_line(c, at)->number == LINE_UNUSED, which, at);
        n++;
    }
    must(k, n == count && (!count || before == last), which, n);
}

bool volume_is_consistent(struct volume *v, char *why, size_t room)
{
    struct look k = {.v = v, .why = why, .room = room, .good = true};
    const struct cache *c = &v->cache;
    if (v->mode == VOLUME_UNUSABLE || !v->inode_buckets) {
        return true;
    }
    check_inode_table(&k);
    check_inode_lists(&k);
    check_lines(&k);
    check_unused(&k, c->unused_first, c->unused_last, c->unused_count, "list of free lines");
    check_unused(&k, c->retired_first, c->retired_last, c->retired_count, "list of lines that are free soon");
    if (k.good) { // they lean on the others
        check_dirs(&k);
    }
    return k.good;
}
