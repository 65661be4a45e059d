// SPDX-License-Identifier: MIT
// Allocation, on the library's bitmaps.
#include "servers/fs/space.h"
#include "lib/rt/heap.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP_BLOCKS = 1, GROUP_INODES = 2 };

// Mostly for the so-manieth time: no store, nothing for the log.
static void note(struct volume *v, dgrp_t group, uint8_t what)
{
    if (!(v->group_dirty[group] & what)) {
        v->group_dirty[group] |= what;
    }
    if (!v->tables_dirty) {
        v->tables_dirty = true;
    }
}

static void note_blocks(struct volume *v, uint64_t place, uint32_t count)
{
    dgrp_t last = ext2fs_group_of_blk2(v->fs, place + count - 1);
    for (dgrp_t g = ext2fs_group_of_blk2(v->fs, place); g <= last; g++) {
        note(v, g, GROUP_BLOCKS);
    }
}

static void note_inode(struct volume *v, ext2_ino_t number)
{
    note(v, ext2fs_group_of_ino(v->fs, number), GROUP_INODES);
}

// ---- Held back ----

static void hold(struct volume *v, uint64_t block)
{
    struct held_blocks *last = v->held_count ? &v->held[v->held_count - 1] : nullptr;
    if (last && last->first + last->count == block) {
        last->count++;
        return;
    }
    if (v->held_count == v->held_capacity) {
        uint32_t capacity = v->held_capacity ? 2 * v->held_capacity : 64;
        struct held_blocks *more = renew_array(v->held, struct held_blocks, capacity);
        if (!more) {
            return; // the block stays marked as used until e2fsck finds it
        }
        v->held = more;
        v->held_capacity = capacity;
    }
    v->held[v->held_count++] = (struct held_blocks){block, 1};
}

// Called by the library whenever it has marked a block as used or free.
static void block_hook(ext2_filsys fs, blk64_t block, int in_use)
{
    struct volume *v = fs->priv_data;
    note_blocks(v, block, 1);
    if (!(block % 1024)) {
        v->alive();
    }
    if (in_use < 0) {
        ext2fs_mark_block_bitmap2(fs->block_map, block);
        journal_forget(v, block);
        cache_forget(&v->cache, block, 1);
        hold(v, block);
    }
}

bool space_is_held(const struct volume *v)
{
    return v->held_count || v->freed_count;
}

void space_release(struct volume *v, bool stored)
{
    for (uint32_t n = 0; n < v->held_count; n++) {
        ext2fs_unmark_block_bitmap_range2(v->fs->block_map, v->held[n].first, v->held[n].count);
        if (!stored) {
            note_blocks(v, v->held[n].first, v->held[n].count);
        }
    }
    v->held_count = 0;
    for (uint32_t n = 0; n < v->freed_count; n++) {
        ext2fs_unmark_inode_bitmap2(v->fs->inode_map, v->freed_inodes[n]);
        if (!stored) {
            note_inode(v, v->freed_inodes[n]);
        }
    }
    v->freed_count = 0;
}

// ---- Blocks ----

uint64_t space_goal(struct volume *v, ext2_ino_t inode)
{
    dgrp_t group = ext2fs_group_of_ino(v->fs, inode);
    // New files of one group follow each other: what is made together lies together.
    if (v->next_goal && ext2fs_group_of_blk2(v->fs, v->next_goal) == group) {
        return v->next_goal;
    }
    return ext2fs_group_first_block2(v->fs, group);
}

// The first free run in [from, to], cut to `want` blocks.
static bool find_run(struct volume *v, uint64_t from, uint64_t to, uint32_t want,
                     struct held_blocks *out)
{
    blk64_t first, end;
    if (from > to || ext2fs_find_first_zero_block_bitmap2(v->fs->block_map, from, to, &first)) {
        return false;
    }
    uint64_t last = first + want - 1 < to ? first + want - 1 : to;
    bool whole = ext2fs_find_first_set_block_bitmap2(v->fs->block_map, first, last, &end);
    *out = (struct held_blocks){first, (uint32_t)((whole ? last + 1 : end) - first)};
    return true;
}

// The first run long enough in [from, to], or the longest of the first few.
static bool find_good_run(struct volume *v, uint64_t from, uint64_t to, uint32_t want,
                          struct held_blocks *best)
{
    enum { TRIES = 16 };
    struct held_blocks r;
    best->count = 0;
    for (int n = 0; n < TRIES && best->count < want && find_run(v, from, to, want, &r); n++) {
        if (r.count > best->count) {
            *best = r;
        }
        from = r.first + r.count;
    }
    return best->count;
}

int space_take_blocks(struct volume *v, uint64_t goal, uint32_t want, uint64_t *place,
                      uint32_t *got)
{
    uint64_t first = v->fs->super->s_first_data_block, last = ext2fs_blocks_count(v->fs->super) - 1;
    struct held_blocks r;
    if (goal < first || goal > last) {
        goal = first;
    }
    // Right at the goal even a short run is the best there is: the file's last run grows.
    bool found = find_run(v, goal, goal, 1, &r) && find_run(v, goal, last, want, &r);
    if (!found && !find_good_run(v, goal, last, want, &r) &&
        (goal == first || !find_good_run(v, first, goal - 1, want, &r))) {
        return ENOSPC;
    }
    ext2fs_block_alloc_stats_range(v->fs, r.first, r.count, +1);
    note_blocks(v, r.first, r.count);
    v->next_goal = r.first + r.count;
    *place = r.first;
    *got = r.count;
    return 0;
}

void space_return_blocks(struct volume *v, uint64_t place, uint32_t count)
{
    ext2fs_block_alloc_stats_range(v->fs, place, count, -1);
    note_blocks(v, place, count);
    cache_forget(&v->cache, place, count);
}

static errcode_t alloc_hook(ext2_filsys fs, blk64_t goal, blk64_t *out)
{
    uint32_t got;
    uint64_t place;
    int error = space_take_blocks(fs->priv_data, goal, 1, &place, &got);
    if (error) {
        return EXT2_ET_BLOCK_ALLOC_FAIL;
    }
    // The library marks it itself once it has written to it.
    space_return_blocks(fs->priv_data, place, 1);
    *out = place;
    return 0;
}

// ---- Inodes ----

int space_take_inode(struct volume *v, ext2_ino_t parent, bool dir, ext2_ino_t *out)
{
    if (ext2fs_new_inode(v->fs, parent, 0, nullptr, out)) {
        return ENOSPC;
    }
    ext2fs_inode_alloc_stats2(v->fs, *out, +1, dir);
    note_inode(v, *out);
    return 0;
}

void space_return_inode(struct volume *v, ext2_ino_t number, bool dir)
{
    ext2fs_inode_alloc_stats2(v->fs, number, -1, dir);
    note_inode(v, number);
}

void space_free_inode(struct volume *v, ext2_ino_t number, bool dir)
{
    if (v->freed_count == v->freed_capacity) {
        uint32_t capacity = v->freed_capacity ? 2 * v->freed_capacity : 64;
        ext2_ino_t *more = renew_array(v->freed_inodes, ext2_ino_t, capacity);
        if (!more) {
            return; // stays marked as used until e2fsck finds it
        }
        v->freed_inodes = more;
        v->freed_capacity = capacity;
    }
    space_return_inode(v, number, dir);
    ext2fs_mark_inode_bitmap2(v->fs->inode_map, number);
    v->freed_inodes[v->freed_count++] = number;
}

// ---- The tables on the disk ----

// Held blocks of [first, first + count) are free in `bits`, whose bit 0 is `first`.
static void clear_held_blocks(const struct volume *v, uint64_t first, uint64_t count, uint8_t *bits)
{
    for (uint32_t n = 0; n < v->held_count; n++) {
        uint64_t from = v->held[n].first, to = from + v->held[n].count;
        from = from > first ? from : first;
        to = to < first + count ? to : first + count;
        for (uint64_t b = from; b < to; b++) {
            bits[(b - first) / 8] &= (uint8_t) ~(1u << (b - first) % 8);
        }
    }
}

static void clear_held_inodes(const struct volume *v, ext2_ino_t first, uint32_t count,
                              uint8_t *bits)
{
    for (uint32_t n = 0; n < v->freed_count; n++) {
        if (v->freed_inodes[n] >= first && v->freed_inodes[n] - first < count) {
            uint32_t b = v->freed_inodes[n] - first;
            bits[b / 8] &= (uint8_t) ~(1u << b % 8);
        }
    }
}

static int store_block_bitmap(struct volume *v, dgrp_t group, bool free)
{
    ext2_filsys fs = v->fs;
    uint8_t *bits;
    uint32_t bytes = EXT2_BLOCKS_PER_GROUP(fs->super) / 8;
    uint64_t first =
        fs->super->s_first_data_block + (uint64_t)group * EXT2_BLOCKS_PER_GROUP(fs->super);
    uint64_t place = ext2fs_block_bitmap_loc(fs, group);
    int error = cache_get_new(&v->cache, place, &bits);
    if (error) {
        return error;
    }
    memset(bits, 0xff, block_bytes(v));
    ext2fs_get_block_bitmap_range2(fs->block_map, first, (size_t)bytes * 8, bits);
    if (free) {
        clear_held_blocks(v, first, (uint64_t)bytes * 8, bits);
    }
    // Beyond the end of the volume everything counts as used.
    for (uint64_t n = ext2fs_group_blocks_count(fs, group); n < 8ull * block_bytes(v); n++) {
        bits[n / 8] |= (uint8_t)(1 << n % 8);
    }
    ext2fs_block_bitmap_csum_set(fs, group, (char *)bits, (int)bytes);
    cache_dirty(&v->cache, place, 1, CLASS_MAP);
    return 0;
}

static int store_inode_bitmap(struct volume *v, dgrp_t group, bool free)
{
    ext2_filsys fs = v->fs;
    uint8_t *bits;
    uint32_t count = EXT2_INODES_PER_GROUP(fs->super), bytes = (count + 7) / 8;
    uint64_t place = ext2fs_inode_bitmap_loc(fs, group);
    int error = cache_get_new(&v->cache, place, &bits);
    if (error) {
        return error;
    }
    memset(bits, 0xff, block_bytes(v));
    ext2fs_get_inode_bitmap_range2(fs->inode_map, (uint64_t)group * count + 1, (size_t)bytes * 8,
                                   bits);
    if (free) {
        clear_held_inodes(v, group * count + 1, count, bits);
    }
    ext2fs_inode_bitmap_csum_set(fs, group, (char *)bits, (int)bytes);
    cache_dirty(&v->cache, place, 1, CLASS_MAP);
    return 0;
}

static int store_descriptors(struct volume *v, uint32_t n)
{
    uint64_t place = ext2fs_descriptor_block_loc2(v->fs, v->fs->super->s_first_data_block, n);
    uint8_t *to;
    int error = cache_get_new(&v->cache, place, &to);
    if (!error) {
        memcpy(to, (char *)v->fs->group_desc + (size_t)n * block_bytes(v), block_bytes(v));
        cache_dirty(&v->cache, place, 1, CLASS_MAP);
    }
    return error;
}

int space_store(struct volume *v, bool free)
{
    uint32_t per_block = EXT2_DESC_PER_BLOCK(v->fs->super);
    for (dgrp_t g = 0; g < v->fs->group_desc_count; g++) {
        if (!v->group_dirty[g]) {
            continue;
        }
        int error = v->group_dirty[g] & GROUP_BLOCKS ? store_block_bitmap(v, g, free) : 0;
        if (!error && v->group_dirty[g] & GROUP_INODES) {
            error = store_inode_bitmap(v, g, free);
        }
        ext2fs_group_desc_csum_set(v->fs, g);
        if (!error) {
            error = store_descriptors(v, g / per_block);
        }
        if (error) {
            return error;
        }
        v->group_dirty[g] = 0;
    }
    return 0;
}

// Zeros among the bits [first, last] of either bitmap.
static uint32_t count_free(ext2fs_generic_bitmap map, bool blocks, uint64_t first, uint64_t last)
{
    uint32_t n = 0;
    for (uint64_t at = first; at <= last;) {
        blk64_t zero = 0, end = 0;
        ext2_ino_t inode_zero = 0, inode_end = 0;
        errcode_t code = blocks ? ext2fs_find_first_zero_block_bitmap2(map, at, last, &zero)
                                : ext2fs_find_first_zero_inode_bitmap2(
                                      map, (ext2_ino_t)at, (ext2_ino_t)last, &inode_zero);
        if (code) {
            break;
        }
        zero += inode_zero;
        code = blocks ? ext2fs_find_first_set_block_bitmap2(map, zero, last, &end)
                      : ext2fs_find_first_set_inode_bitmap2(map, inode_zero, (ext2_ino_t)last,
                                                            &inode_end);
        end = code ? last + 1 : end + inode_end;
        n += (uint32_t)(end - zero);
        at = end;
    }
    return n;
}

void space_recount(struct volume *v)
{
    ext2_filsys fs = v->fs;
    uint64_t blocks = 0, inodes = 0;
    uint32_t per_group = EXT2_INODES_PER_GROUP(fs->super);
    for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
        uint32_t b = count_free(fs->block_map, true, ext2fs_group_first_block2(fs, g),
                                ext2fs_group_last_block2(fs, g));
        uint32_t i = count_free(fs->inode_map, false, (uint64_t)g * per_group + 1,
                                (uint64_t)(g + 1) * per_group);
        if (b != ext2fs_bg_free_blocks_count(fs, g) || i != ext2fs_bg_free_inodes_count(fs, g)) {
            ext2fs_bg_free_blocks_count_set(fs, g, b);
            ext2fs_bg_free_inodes_count_set(fs, g, i);
            v->group_dirty[g] |= GROUP_BLOCKS | GROUP_INODES;
            v->tables_dirty = true;
        }
        blocks += b;
        inodes += i;
    }
    ext2fs_free_blocks_count_set(fs->super, blocks);
    fs->super->s_free_inodes_count = (uint32_t)inodes;
}

int space_open(struct volume *v)
{
    v->group_dirty = new_array(uint8_t, v->fs->group_desc_count);
    v->fs->get_alloc_block = alloc_hook;
    v->fs->block_alloc_stats = block_hook;
    return v->group_dirty ? 0 : ENOMEM;
}

void space_close(struct volume *v)
{
    free(v->group_dirty);
    free(v->held);
    free(v->freed_inodes);
    v->group_dirty = nullptr;
    v->held = nullptr;
    v->freed_inodes = nullptr;
}
