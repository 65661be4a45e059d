// SPDX-License-Identifier: MIT
// Mounting, unmounting, and what to do about damage.
#include "servers/fs/volume.h"
#include "servers/fs/dir.h"
#include "servers/fs/inode.h"
#include "servers/fs/open.h"
#include "servers/fs/orphan.h"
#include "servers/fs/path.h"
#include "servers/fs/space.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUPER_OFFSET = 1024, BLOCK_MIN = 1024 };

// Features with which the volume can be written, and those with which it can still be read.
#define INCOMPAT_KNOWN                                                                             \
    (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |                              \
     EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG |                                 \
     EXT4_FEATURE_INCOMPAT_LARGEDIR | EXT4_FEATURE_INCOMPAT_CSUM_SEED |                            \
     EXT2_FEATURE_INCOMPAT_META_BG | EXT4_FEATURE_INCOMPAT_INLINE_DATA |                           \
     EXT3_FEATURE_INCOMPAT_RECOVER)
#define INCOMPAT_READABLE EXT4_FEATURE_INCOMPAT_ENCRYPT
#define RO_COMPAT_KNOWN                                                                            \
    (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |                     \
     EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |                          \
     EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |                       \
     EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)

static void say(struct volume *v, const char *what, uint64_t number)
{
    char line[160];
    snprintf(line, sizeof(line), "%s %llu", what, (unsigned long long)number);
    v->note(line);
}

void volume_restrict(struct volume *v, enum volume_mode mode, int reason)
{
    if (v->mode > mode) {
        v->mode = mode;
        v->reason = reason;
    }
}

int volume_damaged(struct volume *v, const char *what, uint64_t number)
{
    char line[120];
    snprintf(line, sizeof(line), "damage: %s", what);
    say(v, line, number);
    volume_restrict(v, VOLUME_READ_ONLY, EUCLEAN);
    return EUCLEAN;
}

int volume_error(struct volume *v, errcode_t code)
{
    if (code >= 0 && code < 256) {
        return (int)code;
    }
    switch (code) {
    case EXT2_ET_NO_MEMORY:
        return ENOMEM;
    case EXT2_ET_BLOCK_ALLOC_FAIL:
    case EXT2_ET_INODE_ALLOC_FAIL:
    case EXT2_ET_DIR_NO_SPACE:
        return ENOSPC;
    case EXT2_ET_FILE_TOO_BIG:
        return EFBIG;
    case EXT2_ET_RO_FILSYS:
        return EROFS;
    case EXT2_ET_UNSUPP_FEATURE:
    case EXT2_ET_RO_UNSUPP_FEATURE:
    case EXT2_ET_REV_TOO_HIGH:
        return ENOTSUP;
    case EXT2_ET_BLOCK_BITMAP_READ:
    case EXT2_ET_INODE_BITMAP_READ:
    case EXT2_ET_GDESC_READ:
    case EXT2_ET_INODE_TABLE_READ:
    case EXT2_ET_SHORT_READ:
    case EXT2_ET_SHORT_WRITE:
        return EIO;
    default:
        return volume_damaged(v, "library error", (uint64_t)(code - EXT2_ET_BASE));
    }
}

// ---- Mounting ----

static int read_super(struct volume *v, struct ext2_super_block *super)
{
    uint8_t *bytes;
    int error = cache_get(&v->cache, SUPER_OFFSET >> v->cache.block_shift, &bytes);
    if (!error) {
        memcpy(super, bytes + (SUPER_OFFSET & (block_bytes(v) - 1)), sizeof(*super));
    }
    return error;
}

// The cache's block size has to be known before the library is asked: reads the superblock with
// small blocks first.
static int open_cache(struct volume *v, const struct volume_options *o)
{
    struct ext2_super_block super;
    int error = cache_open(&v->cache, o->device, BLOCK_MIN, o->regions, o->region_count,
                           o->cache_max_bytes);
    if (error) {
        return error;
    }
    error = o->device->bytes < 2 * SUPER_OFFSET ? EUCLEAN : read_super(v, &super);
    cache_close(&v->cache);
    if (error) {
        return error;
    }
    if (super.s_magic != EXT2_SUPER_MAGIC || super.s_log_block_size > 6) {
        v->note("there is no ext4 superblock on the disk");
        return EUCLEAN;
    }
    uint32_t bytes = BLOCK_MIN << super.s_log_block_size;
    if (bytes > VOLUME_BLOCK_MAX) {
        say(v, "blocks are too large:", bytes);
        return ENOTSUP;
    }
    return cache_open(&v->cache, o->device, bytes, o->regions, o->region_count, o->cache_max_bytes);
}

static int check_super(struct volume *v)
{
    struct ext2_super_block *s = v->fs->super;
    if (s->s_feature_incompat & ~(INCOMPAT_KNOWN | INCOMPAT_READABLE)) {
        say(v, "unknown features:", s->s_feature_incompat & ~(INCOMPAT_KNOWN | INCOMPAT_READABLE));
        return ENOTSUP;
    }
    if (ext2fs_blocks_count(s) > v->cache.blocks) {
        say(v, "the volume is larger than the disk; blocks:", ext2fs_blocks_count(s));
        return EUCLEAN;
    }
    if (EXT2_INODES_PER_GROUP(s) > 8 * block_bytes(v) ||
        EXT2_CLUSTERS_PER_GROUP(s) > 8 * block_bytes(v) || EXT2_BLOCKS_PER_GROUP(s) % 8 ||
        EXT2_FIRST_INODE(s) > s->s_inodes_count) {
        v->note("the superblock's numbers make no sense");
        return EUCLEAN;
    }
    if (s->s_feature_ro_compat & ~RO_COMPAT_KNOWN || s->s_feature_incompat & INCOMPAT_READABLE) {
        say(v, "features that can only be read:", s->s_feature_ro_compat & ~RO_COMPAT_KNOWN);
        volume_restrict(v, VOLUME_READ_ONLY, EROFS);
    }
    if (s->s_state & EXT2_ERROR_FS) {
        v->note("errors were found earlier: read-only until e2fsck has run");
        volume_restrict(v, VOLUME_READ_ONLY, EUCLEAN);
    }
    return 0;
}

// Every group's tables must lie inside the volume. Before the journal was replayed, the rest of the
// descriptors may be half written.
static int check_groups(struct volume *v, bool checksums)
{
    uint64_t end = ext2fs_blocks_count(v->fs->super), first = v->fs->super->s_first_data_block;
    for (dgrp_t g = 0; g < v->fs->group_desc_count; g++) {
        uint64_t b = ext2fs_block_bitmap_loc(v->fs, g), i = ext2fs_inode_bitmap_loc(v->fs, g);
        uint64_t t = ext2fs_inode_table_loc(v->fs, g);
        if (checksums && !ext2fs_group_desc_csum_verify(v->fs, g)) {
            return volume_damaged(v, "checksum of the descriptor of group", g);
        }
        if (b <= first || b >= end || i <= first || i >= end || t <= first ||
            t + v->fs->inode_blocks_per_group > end) {
            return volume_damaged(v, "descriptor of group", g);
        }
    }
    return 0;
}

static int read_bitmaps(struct volume *v)
{
    bool clean = v->fs->super->s_state & EXT2_VALID_FS;
    // A bit array costs an eighth of a byte a block; on very large volumes a tree of used ranges is
    // smaller.
    bool large = ext2fs_blocks_count(v->fs->super) > 64ull << 20;
    v->fs->default_bitmap_type = large ? EXT2FS_BMAP64_RBTREE : EXT2FS_BMAP64_BITARRAY;
    errcode_t code = ext2fs_read_bitmaps(v->fs);
    if (code == EXT2_ET_BLOCK_BITMAP_CSUM_INVALID || code == EXT2_ET_INODE_BITMAP_CSUM_INVALID) {
        // After an unclean end a bitmap may be newer or older than its checksum. Either is good:
        // sync.c writes no inode before the bitmap that covers it.
        if (clean) {
            volume_damaged(v, "checksum of a bitmap; groups:", v->fs->group_desc_count);
        }
        v->fs->flags |= EXT2_FLAG_IGNORE_CSUM_ERRORS;
        code = ext2fs_read_bitmaps(v->fs);
        v->fs->flags &= ~EXT2_FLAG_IGNORE_CSUM_ERRORS;
    }
    return volume_error(v, code);
}

static void free_all(struct volume *v)
{
    if (v->fs) {
        journal_close(v);
        inode_close_cache(v);
        space_close(v);
        path_close(v);
        dir_close(v);
        v->fs->flags &= ~(EXT2_FLAG_DIRTY | EXT2_FLAG_IB_DIRTY | EXT2_FLAG_BB_DIRTY);
        ext2fs_free(v->fs);
        v->fs = nullptr;
    }
    cache_close(&v->cache);
}

// The superblock and the groups, as far as they are needed to find the journal.
static int open_volume(struct volume *v, const struct volume_options *o)
{
    int error = open_cache(v, o);
    if (error) {
        return error;
    }
    channel_set_volume(v);
    // FORCE: features are judged by check_super, with finer distinctions than the library's.
    int flags = EXT2_FLAG_RW | EXT2_FLAG_64BITS | EXT2_FLAG_FORCE | EXT2_FLAG_SKIP_MMP;
    errcode_t code = ext2fs_open("disk", flags, 0, 0, &channel_manager, &v->fs);
    if (code) {
        v->fs = nullptr;
        return volume_error(v, code);
    }
    v->fs->priv_data = v;
    error = check_super(v);
    return error ? error : check_groups(v, false);
}

// A volume that is only read is used as it is, even if the journal should be replayed first.
static int open_journal(struct volume *v, const struct volume_options *o)
{
    bool recover = ext2fs_has_feature_journal_needs_recovery(v->fs->super);
    if (v->mode != VOLUME_WRITABLE) {
        if (recover) {
            v->note("the journal is not replayed: read-only");
            v->reason = v->reason ? v->reason : EUCLEAN;
        }
        return 0;
    }
    int error = journal_open(v);
    if (!error && recover) {
        if (v->journal.start) {
            v->note("the volume was not unmounted: replaying the journal");
        }
        error = journal_replay(v);
        free_all(v);
        int second = open_volume(v, o);
        if (second) {
            return second;
        }
        error = error || v->mode != VOLUME_WRITABLE ? error : journal_open(v);
    }
    if (error) {
        volume_restrict(v, VOLUME_READ_ONLY, error);
        v->journal.open = false;
    }
    v->dirty = v->journal.recover_set;
    return 0;
}

static int mount(struct volume *v, const struct volume_options *o)
{
    int error = open_volume(v, o);
    error = error ? error : open_journal(v, o);
    error = error ? error : check_groups(v, true);
    error = error ? error : read_bitmaps(v);
    error = error ? error : inode_open_cache(v);
    error = error ? error : space_open(v);
    error = error ? error : path_open(v);
    if (!error && !(v->fs->super->s_state & EXT2_VALID_FS)) {
        v->dirty = true;
        v->note("the volume was not unmounted");
        space_recount(v);
    }
    if (!error) {
        (void)orphan_release_all(v); // what is wrong with it has been noted and made it read-only
    }
    return error;
}

void volume_mount(struct volume *v, const struct volume_options *o)
{
    memset(v, 0, sizeof(*v));
    v->device = o->device;
    v->now_ns = o->now_ns;
    v->note = o->note;
    v->alive = o->alive;
    v->ask_chores = o->ask_chores;
    v->life = o->life;
    v->mode = VOLUME_WRITABLE;
    if (o->read_only || o->device->read_only) {
        volume_restrict(v, VOLUME_READ_ONLY, 0);
    }
    int error = open_files_open(v);
    error = error ? error : mount(v, o);
    if (error) {
        // EROFS or EUCLEAN from a part must not hide behind an earlier, milder reason.
        v->mode = VOLUME_UNUSABLE;
        v->reason = error;
        free_all(v);
        say(v, "no usable volume, errno", (uint64_t)error);
    }
}

void volume_abandon(struct volume *v)
{
    open_files_close(v, false);
    free_all(v);
    v->mode = VOLUME_UNUSABLE;
    v->reason = ENODEV;
}

void volume_forget(struct volume *v)
{
    v->cache.ios_under_way = 0;
    volume_abandon(v);
}

int volume_unmount(struct volume *v)
{
    if (v->mode == VOLUME_UNUSABLE) {
        volume_abandon(v);
        return 0;
    }
    open_files_close(v, true);
    int error = volume_sync(v, true);
    volume_abandon(v);
    return error;
}

// ---- In use ----

int volume_check(const struct volume *v)
{
    return v->mode != VOLUME_UNUSABLE ? 0 : v->reason ? v->reason : ENODEV;
}

void volume_set_clock(struct volume *v)
{
    v->fs->now = (time_t)(v->now_ns() / 1000000000);
}

bool volume_may_change(const struct volume *v)
{
    return v->mode == VOLUME_WRITABLE && v->journal.phase == JOURNAL_IDLE;
}

int volume_begin(struct volume *v)
{
    int error = volume_check(v);
    if (error) {
        return error;
    }
    if (v->mode != VOLUME_WRITABLE || v->shut_down) {
        return EROFS;
    }
    struct cache *c = &v->cache;
    cache_wait_settled(c);
    volume_set_clock(v);
    uint64_t blocks = cache_bytes(c) >> c->block_shift;
    // Metadata can only leave the cache in order, by a sync: not to be put off until there is no
    // room.
    if (c->bound_lines > c->line_max / 4 || v->dirty_inode_count > v->inode_limit / 2 ||
        journal_is_tight(v)) {
        error = volume_chore(v, CHORE_SYNC);
    }
    if (!error && c->dirty_blocks[CLASS_DATA] > blocks / 4) {
        cache_start_write(c);
    }
    if (!error && c->dirty_blocks[CLASS_DATA] > blocks / 2) {
        error = volume_chore(v, CHORE_DRAIN);
    }
    error = error ? error : dir_reserve(v);
    // With a journal nothing outside of it changes before a sync, which marks the volume itself.
    if (!error && !v->dirty && !v->journal.open) {
        error = volume_chore(v, CHORE_MARK_DIRTY);
    }
    return error;
}

int volume_drop_caches(struct volume *v)
{
    int error = volume_check(v);
    error = error ? error : volume_sync(v, v->mode == VOLUME_WRITABLE);
    if (!error) {
        inode_drop_unused(v);
        cache_drop(&v->cache);
    }
    return error;
}
