// SPDX-License-Identifier: MIT
// The inode cache, and the hooks by which the library reads and writes inodes through it.
//
// A changed inode stays in memory until sync.c stores it; one that nobody refers to is thrown out
// when there are too many, but never a changed one.
#include "servers/fs/inode.h"
#include "lib/rt/heap.h"
#include "servers/fs/dir.h"
#include "servers/fs/map.h"
#include "servers/fs/orphan.h"
#include "servers/fs/space.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct inode **bucket(struct volume *v, ext2_ino_t number)
{
    return &v->inode_buckets[number * 2654435761u >> 20];
}

struct inode *inode_known(struct volume *v, ext2_ino_t number)
{
    struct inode *i = *bucket(v, number);
    while (i && i->number != number) {
        i = i->hash_next;
    }
    return i;
}

// ---- Lists ----

// Stays there when it is used again: what everybody passes through (the root, say) would come and go.
static void unused_add(struct volume *v, struct inode *i)
{
    if (i->listed) {
        return;
    }
    i->listed = true;
    i->used = false;
    i->next = nullptr;
    i->prev = v->unused_last;
    *(v->unused_last ? &v->unused_last->next : &v->unused_first) = i;
    v->unused_last = i;
}

static void unused_remove(struct volume *v, struct inode *i)
{
    if (!i->listed) {
        return;
    }
    i->listed = false;
    *(i->prev ? &i->prev->next : &v->unused_first) = i->next;
    *(i->next ? &i->next->prev : &v->unused_last) = i->prev;
}

void inode_changed(struct volume *v, struct inode *i)
{
    if (i->dirty) {
        return;
    }
    i->dirty = true;
    i->dirty_prev = nullptr;
    i->dirty_next = v->dirty_inodes;
    if (v->dirty_inodes) {
        v->dirty_inodes->dirty_prev = i;
    }
    v->dirty_inodes = i;
    v->dirty_inode_count++;
}

static void not_changed(struct volume *v, struct inode *i)
{
    if (!i->dirty) {
        return;
    }
    i->dirty = false;
    *(i->dirty_prev ? &i->dirty_prev->dirty_next : &v->dirty_inodes) = i->dirty_next;
    if (i->dirty_next) {
        i->dirty_next->dirty_prev = i->dirty_prev;
    }
    v->dirty_inode_count--;
}

static void forget(struct volume *v, struct inode *i)
{
    struct inode **at = bucket(v, i->number);
    while (*at != i) {
        at = &(*at)->hash_next;
    }
    *at = i->hash_next;
    unused_remove(v, i);
    not_changed(v, i);
    dir_forget(v, i);
    v->inode_count--;
    free(i->map.runs);
    free(i);
}

// Who was used again since the last time is spared, unless that is not enough.
static void trim(struct volume *v, uint32_t limit, bool spare)
{
    struct inode *i = v->unused_first;
    while (i && v->inode_count > limit) {
        struct inode *next = i->next;
        if (i->references) {
            unused_remove(v, i);
        } else if (i->used && spare) {
            i->used = false;
        } else if (!i->dirty && !i->orphan) {
            forget(v, i);
        }
        i = next;
    }
}

void inode_drop_unused(struct volume *v)
{
    trim(v, 0, false);
}

static struct inode *make(struct volume *v, ext2_ino_t number)
{
    if (v->inode_count >= v->inode_limit) {
        trim(v, v->inode_limit - 1, true);
        trim(v, v->inode_limit - 1, false);
    }
    size_t on_disk = EXT2_INODE_SIZE(v->fs->super), known = sizeof(struct ext2_inode_large);
    struct inode *i = new_sized(struct inode, sizeof(*i) + (on_disk > known ? on_disk - known : 0));
    if (!i) {
        return nullptr;
    }
    i->number = number;
    i->references = 1;
    struct inode **at = bucket(v, number);
    i->hash_next = *at;
    *at = i;
    v->inode_count++;
    return i;
}

// ---- The disk ----

static int locate(struct volume *v, ext2_ino_t number, uint64_t *block, uint32_t *offset)
{
    ext2_filsys fs = v->fs;
    dgrp_t group = (number - 1) / EXT2_INODES_PER_GROUP(fs->super);
    uint64_t table = ext2fs_inode_table_loc(fs, group);
    uint64_t at =
        (uint64_t)((number - 1) % EXT2_INODES_PER_GROUP(fs->super)) * EXT2_INODE_SIZE(fs->super);
    if (table <= fs->super->s_first_data_block ||
        table + fs->inode_blocks_per_group > ext2fs_blocks_count(fs->super)) {
        return volume_damaged(v, "place of the inode table of group", group);
    }
    *block = table + (at >> v->cache.block_shift);
    *offset = (uint32_t)(at & (block_bytes(v) - 1));
    return 0;
}

// Where the disk has it.
static int find_bytes(struct volume *v, ext2_ino_t number, uint64_t *block, uint8_t **bytes)
{
    uint32_t offset;
    int error = locate(v, number, block, &offset);
    error = error ? error : cache_get(&v->cache, *block, bytes);
    if (!error) {
        *bytes += offset;
    }
    return error;
}

int inode_store(struct volume *v, struct inode *i)
{
    uint64_t block;
    uint8_t *bytes;
    int error = find_bytes(v, i->number, &block, &bytes);
    if (error) {
        return error;
    }
    ext2fs_inode_csum_set(v->fs, i->number, &i->large);
    memcpy(bytes, &i->raw, EXT2_INODE_SIZE(v->fs->super));
    cache_dirty(&v->cache, block, 1, CLASS_MAP);
    bool dead = i->dead;
    not_changed(v, i);
    if (dead && !i->references) {
        forget(v, i);
    }
    return 0;
}

// ---- References ----

static void note_use(struct inode *i)
{
    if (!i->used) {
        i->used = true;
    }
}

static struct inode *find_and_hold(struct volume *v, ext2_ino_t number)
{
    struct inode *i = inode_known(v, number);
    if (i) {
        i->references++;
        note_use(i);
    }
    return i;
}

static int read_in(struct volume *v, ext2_ino_t number, struct inode **out)
{
    if (!number || number > v->fs->super->s_inodes_count) {
        return volume_damaged(v, "a name leads to the impossible inode", number);
    }
    uint64_t block;
    uint8_t *bytes;
    int error = find_bytes(v, number, &block, &bytes); // before there is anything to be undone
    struct inode *i = error ? nullptr : make(v, number);
    if (!i) {
        return error ? error : ENOMEM;
    }
    memcpy(&i->raw, bytes, EXT2_INODE_SIZE(v->fs->super));
    if (!ext2fs_inode_csum_verify(v->fs, number, &i->large)) {
        forget(v, i);
        return volume_damaged(v, "checksum of inode", number);
    }
    *out = i;
    return 0;
}

int inode_get_nameless(struct volume *v, ext2_ino_t number, struct inode **out)
{
    *out = find_and_hold(v, number);
    return *out ? 0 : read_in(v, number, out);
}

int inode_get(struct volume *v, ext2_ino_t number, struct inode **out)
{
    *out = find_and_hold(v, number);
    if (*out) {
        return 0;
    }
    int error = read_in(v, number, out);
    if (!error && (!(*out)->raw.i_links_count || !(*out)->raw.i_mode)) {
        forget(v, *out);
        error = volume_damaged(v, "a name leads to the free inode", number);
    }
    return error;
}

int inode_pass(struct volume *v, ext2_ino_t number, struct inode **out)
{
    *out = inode_known(v, number);
    if (*out) {
        note_use(*out);
        return 0;
    }
    int error = inode_get(v, number, out);
    if (!error) {
        inode_put(v, *out); // the newest of the unused
    }
    return error;
}

// Apart from inode_put, which is short without it.
[[gnu::noinline]] static void put_last(struct volume *v, struct inode *i)
{
    // Not while something has to be finished first, nor when nothing is written any more: the next
    // mount finds it in the list.
    if (i->orphan && volume_may_change(v)) {
        inode_kill(v, i);
    }
    i->references = 0;
    unused_add(v, i);
    if (i->dead && !i->dirty) {
        forget(v, i);
    } else {
        map_shrink(i);
    }
}

void inode_put(struct volume *v, struct inode *i)
{
    if (i && i->references == 1) {
        put_last(v, i);
    } else if (i) {
        i->references--;
    }
}

static errcode_t read_hook(ext2_filsys fs, ext2_ino_t number, struct ext2_inode *out)
{
    struct volume *v = fs->priv_data;
    struct inode *i;
    int error = inode_get(v, number, &i);
    if (error) {
        return error;
    }
    memcpy(out, &i->raw, sizeof(*out));
    i->references--; // not inode_put: the library may be in the middle of freeing this one
    if (!i->references) {
        unused_add(v, i);
    }
    return 0;
}

static errcode_t write_hook(ext2_filsys fs, ext2_ino_t number, struct ext2_inode *from)
{
    struct volume *v = fs->priv_data;
    struct inode *i = inode_known(v, number);
    if (!i) {
        return EXT2_ET_CALLBACK_NOTHANDLED;
    }
    if (from != &i->raw) {
        memcpy(&i->raw, from, sizeof(*from));
    }
    inode_changed(v, i);
    return 0;
}

int inode_open_cache(struct volume *v)
{
    v->inode_buckets = new_array(struct inode *, INODE_BUCKETS);
    v->inode_limit = 4096;
    v->fs->read_inode = read_hook;
    v->fs->write_inode = write_hook;
    return v->inode_buckets ? 0 : ENOMEM;
}

void inode_close_cache(struct volume *v)
{
    for (uint32_t b = 0; v->inode_buckets && b < INODE_BUCKETS; b++) {
        while (v->inode_buckets[b]) {
            forget(v, v->inode_buckets[b]);
        }
    }
    free(v->inode_buckets);
    v->inode_buckets = nullptr;
    v->unused_first = v->unused_last = nullptr;
}

// ---- Birth and death ----

// As the disk has it.
struct split_time {
    uint32_t low, extra;
};

static struct split_time split(int64_t ns)
{
    int64_t seconds = ns / 1000000000, rest = ns % 1000000000;
    if (rest < 0) {
        seconds--;
        rest += 1000000000;
    }
    return (struct split_time){(uint32_t)seconds,
                               (uint32_t)rest << 2 | (uint32_t)((seconds - (int32_t)seconds) >> 32 & 3)};
}

static bool has_extra(const struct volume *v, const struct inode *i, size_t end)
{
    return EXT2_INODE_SIZE(v->fs->super) > EXT2_GOOD_OLD_INODE_SIZE &&
           EXT2_GOOD_OLD_INODE_SIZE + i->large.i_extra_isize >= end;
}

static void set_up_map(struct volume *v, struct inode *i)
{
    if (!ext2fs_has_feature_extents(v->fs->super) ||
        !(inode_is_file(i) || inode_is_dir(i) || inode_is_link(i))) {
        return;
    }
    struct ext3_extent_header *h = (struct ext3_extent_header *)i->raw.i_block;
    h->eh_magic = EXT3_EXT_MAGIC;
    h->eh_max = (sizeof(i->raw.i_block) - sizeof(*h)) / sizeof(struct ext3_extent);
    i->raw.i_flags |= EXT4_EXTENTS_FL;
}

// All four times, of one that has been made in this transaction: nothing for the undo log.
static void set_birth(struct volume *v, struct inode *i, int64_t now)
{
    struct split_time t = split(now);
    i->raw.i_atime = i->raw.i_ctime = i->raw.i_mtime = t.low;
    if (has_extra(v, i, offsetof(struct ext2_inode_large, i_atime_extra) + 4)) {
        i->large.i_atime_extra = i->large.i_ctime_extra = i->large.i_mtime_extra = t.extra;
    }
    if (has_extra(v, i, offsetof(struct ext2_inode_large, i_crtime_extra) + 4)) {
        i->large.i_crtime = t.low;
        i->large.i_crtime_extra = t.extra;
    }
}

int inode_create(struct volume *v, struct inode *parent, uint32_t mode, struct inode **out)
{
    ext2_ino_t number;
    int error = space_take_inode(v, parent->number, LINUX_S_ISDIR(mode), &number);
    if (error) {
        return error;
    }
    int64_t now = (int64_t)v->now_ns();
    struct inode *i = make(v, number);
    if (!i) {
        space_return_inode(v, number, LINUX_S_ISDIR(mode));
        return ENOMEM;
    }
    i->raw.i_mode = (uint16_t)mode;
    i->raw.i_links_count = 1;
    i->raw.i_generation = (uint32_t)((uint64_t)now * 0x9e3779b97f4a7c15ull >> 32);
    if (EXT2_INODE_SIZE(v->fs->super) > EXT2_GOOD_OLD_INODE_SIZE) {
        i->large.i_extra_isize = sizeof(struct ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
    }
    set_birth(v, i, now);
    set_up_map(v, i);
    inode_changed(v, i);
    *out = i;
    return 0;
}

void inode_uncreate(struct volume *v, struct inode *i)
{
    map_free(v, i, 0);
    space_return_inode(v, i->number, inode_is_dir(i));
    forget(v, i);
}

void inode_unlink(struct volume *v, struct inode *i)
{
    i->raw.i_links_count--;
    inode_set_time(v, i, TIME_CHANGE, (int64_t)v->now_ns());
    inode_changed(v, i);
    if (!i->raw.i_links_count) {
        orphan_add(v, i);
    }
}

void inode_kill(struct volume *v, struct inode *i)
{
    orphan_remove(v, i);
    // A map that cannot be read leaves its blocks marked as used, which e2fsck finds and frees.
    map_free(v, i, 0);
    if (i->raw.i_file_acl) {
        ext2fs_free_ext_attr(v->fs, i->number, &i->large);
    }
    ext2fs_inode_size_set(v->fs, &i->raw, 0);
    i->raw.i_dtime = (uint32_t)(v->now_ns() / 1000000000);
    i->dead = true;
    space_free_inode(v, i->number, inode_is_dir(i));
    dir_forget(v, i);
    inode_changed(v, i);
}

// ---- Times ----

static uint32_t *time_fields(const struct volume *v, const struct inode *inode,
                             enum inode_time which, uint32_t **extra)
{
    struct inode *i = (struct inode *)inode;
    uint32_t *low[] = {&i->raw.i_atime, &i->raw.i_mtime, &i->raw.i_ctime};
    uint32_t *high[] = {&i->large.i_atime_extra, &i->large.i_mtime_extra, &i->large.i_ctime_extra};
    size_t end = (size_t)((char *)high[which] - (char *)&i->raw) + 4;
    *extra = has_extra(v, inode, end) ? high[which] : nullptr;
    return low[which];
}

int64_t inode_time(const struct volume *v, const struct inode *i, enum inode_time which)
{
    uint32_t *extra;
    int64_t seconds = (int32_t)*time_fields(v, i, which, &extra);
    if (!extra) {
        return seconds * 1000000000;
    }
    // Two more bits of the seconds, thirty of nanoseconds. What lies after the year 2262 does not
    // fit.
    seconds += (int64_t)(*extra & 3) << 32;
    return seconds > INT64_MAX / 1000000000 - 1 ? INT64_MAX : seconds * 1000000000 + (*extra >> 2);
}

void inode_set_time(struct volume *v, struct inode *i, enum inode_time which, int64_t ns)
{
    uint32_t *extra, *low = time_fields(v, i, which, &extra);
    struct split_time t = split(ns);
    *low = t.low;
    if (extra) {
        *extra = t.extra;
    }
}

void inode_touch(struct volume *v, struct inode *i)
{
    int64_t now = (int64_t)v->now_ns();
    if (has_extra(v, i, offsetof(struct ext2_inode_large, i_mtime_extra) + 4)) {
        struct split_time t = split(now); // neighbours, stored together: two records in the undo log
        i->raw.i_ctime = i->raw.i_mtime = t.low;
        i->large.i_ctime_extra = i->large.i_mtime_extra = t.extra;
    } else {
        inode_set_time(v, i, TIME_MODIFY, now);
        inode_set_time(v, i, TIME_CHANGE, now);
    }
    inode_changed(v, i);
}
