// SPDX-License-Identifier: MIT
// Writing back. With a journal, a sync is one transaction of it (journal.h).
//
// Without one, in an order in which every prefix leaves a volume that e2fsck can repair without
// loss of what was there before and not being written:
//
// - 1: contents of files (an inode never points to blocks with somebody else's old data)
// - 2: bitmaps and group descriptors (what an inode points to is never marked free on the disk)
// - 3: extent and indirect blocks
// - 4: inodes of files (a name never leads to an inode that is not there)
// - 5: new blocks of directories, then the inodes of these directories
// - 6: directory blocks with new names, then those that only lost names (a renamed file has two
//   names for a moment, not none)
// - 7: inodes that nothing leads to any more
// - 8: only then are freed blocks and inodes given back; bitmaps again, and the superblock
//
// Each step waits for the one before. A step that fails ends the sync; everything not written stays
// dirty.
#include "servers/fs/dir.h"
#include "servers/fs/inode.h"
#include "servers/fs/space.h"
#include <errno.h>
#include <string.h>

enum { SUPER_OFFSET = 1024 };

// ---- The superblock ----

int volume_super_bytes(struct volume *v, uint8_t **out)
{
    uint8_t *block;
    int error = cache_get(&v->cache, SUPER_OFFSET >> v->cache.block_shift, &block);
    *out = error ? nullptr : block + (SUPER_OFFSET & (block_bytes(v) - 1));
    return error;
}

static int store_super(struct volume *v, enum cache_class class)
{
    struct ext2_super_block *s = v->fs->super;
    uint8_t *bytes;
    int error = volume_super_bytes(v, &bytes);
    if (error) {
        return error;
    }
    s->s_wtime = (uint32_t)(v->now_ns() / 1000000000);
    s->s_block_group_nr = 0;
    ext2fs_superblock_csum_set(v->fs, s);
    memcpy(bytes, s, sizeof(*s));
    cache_dirty(&v->cache, SUPER_OFFSET >> v->cache.block_shift, 1, class);
    return 0;
}

static void set_clean(struct volume *v, bool clean)
{
    struct ext2_super_block *s = v->fs->super;
    s->s_state = (uint16_t)(clean ? s->s_state | EXT2_VALID_FS : s->s_state & ~EXT2_VALID_FS);
}

static int write_super(struct volume *v, bool clean)
{
    set_clean(v, clean);
    int error = store_super(v, CLASS_MAP);
    return error ? error : cache_write(&v->cache, CLASS_MAP);
}

int volume_write_super_block(struct volume *v)
{
    cache_dirty(&v->cache, SUPER_OFFSET >> v->cache.block_shift, 1, CLASS_LOG);
    return cache_write_class(&v->cache, CLASS_LOG);
}

int volume_mark_dirty(struct volume *v)
{
    v->fs->super->s_mtime = (uint32_t)(v->now_ns() / 1000000000);
    int error = write_super(v, false);
    v->dirty = !error;
    return error;
}

// ---- In order ----

enum inode_kind { FILES, GROWN_DIRS, DEAD };

static enum inode_kind kind_of(const struct inode *i)
{
    return i->dead ? DEAD : i->grown_dir ? GROWN_DIRS : FILES;
}

static int store_inodes(struct volume *v, enum inode_kind kind)
{
    for (struct inode *i = v->dirty_inodes, *next; i; i = next) {
        next = i->dirty_next;
        if (kind_of(i) != kind) {
            continue;
        }
        i->grown_dir = false;
        int error = inode_store(v, i); // a dead one is gone after this
        if (error) {
            i->grown_dir = kind == GROWN_DIRS;
            return error;
        }
    }
    return 0;
}

static int write_inodes(struct volume *v, enum inode_kind kind)
{
    int error = store_inodes(v, kind);
    return error ? error : cache_write(&v->cache, CLASS_MAP);
}

static int write_space(struct volume *v)
{
    int error = space_store(v, false);
    return error ? error : cache_write(&v->cache, CLASS_MAP);
}

static int write_in_order(struct volume *v)
{
    int error = cache_write(&v->cache, CLASS_DATA);
    error = error ? error : write_space(v);
    error = error ? error : cache_write(&v->cache, CLASS_NODE);
    error = error ? error : write_inodes(v, FILES);
    error = error ? error : dir_finish_blocks(v);
    error = error ? error : cache_write(&v->cache, CLASS_DIR_NEW);
    error = error ? error : write_inodes(v, GROWN_DIRS);
    error = error ? error : cache_write(&v->cache, CLASS_DIR_ADD);
    error = error ? error : cache_write(&v->cache, CLASS_DIR_DEL);
    if (!error) {
        dir_blocks_written(v);
        error = write_inodes(v, DEAD);
    }
    if (!error) {
        space_release(v, false);
    }
    return error;
}

// A volume with damage, or with files that only their openers know, is not clean.
static bool may_be_clean(const struct volume *v)
{
    return !v->orphans && v->reason != EUCLEAN && v->dirty;
}

static int sync_in_order(struct volume *v, bool clean)
{
    int error = write_in_order(v);
    if (!error && clean && may_be_clean(v)) {
        ext2fs_clear_feature_journal_needs_recovery(v->fs->super); // it is empty and not used
        error = write_space(v);
        error = error ? error : write_super(v, true);
        v->dirty = error;
    }
    return error;
}

// ---- Through the journal ----

static bool metadata_changed(const struct volume *v)
{
    return v->dirty_inodes || v->tables_dirty || v->journal.revoked_count ||
           cache_dirty_metadata(&v->cache);
}

// Everything that changed, into the block cache.
static int store_all(struct volume *v)
{
    int error = store_inodes(v, FILES);
    error = error ? error : store_inodes(v, GROWN_DIRS);
    error = error ? error : store_inodes(v, DEAD);
    error = error ? error : dir_finish_blocks(v);
    error = error ? error : space_store(v, true);
    if (v->reason == EUCLEAN) {
        set_clean(v, false);
    }
    return error ? error : store_super(v, CLASS_MAP);
}

// The log is empty and the volume's own blocks are as they should be: says so.
static int mark_clean(struct volume *v)
{
    set_clean(v, true);
    ext2fs_clear_feature_journal_needs_recovery(v->fs->super);
    int error = store_super(v, CLASS_LOG);
    v->journal.recover_set = false; // also if it fails: nobody knows what the disk has then
    error = error ? error : cache_write_class(&v->cache, CLASS_LOG);
    error = error ? error : cache_flush(&v->cache);
    v->dirty = error;
    return error;
}

static int write_transaction(struct volume *v)
{
    if (!metadata_changed(v)) {
        return journal_commit(v);
    }
    if (!journal_fits(v)) {
        int error = write_super(v, false);
        v->dirty = true;
        return error ? error : write_in_order(v);
    }
    int error = journal_mark(v);
    error = error ? error : store_all(v);
    return error ? error : journal_commit(v);
}

static int sync_through_journal(struct volume *v, bool clean)
{
    int error = v->journal.failed ? EIO : journal_resume(v);
    error = error ? error : cache_settle(&v->cache);
    if (!error) {
        cache_submit(&v->cache, CLASS_DATA);
        error = write_transaction(v);
    }
    if (!error && (clean || journal_is_filling(v))) {
        error = journal_checkpoint(v, clean && may_be_clean(v));
    }
    if (!error && clean && may_be_clean(v)) {
        error = mark_clean(v);
    }
    return error;
}

// ---- Both ----

static bool is_changed(const struct volume *v)
{
    return v->dirty_inodes || space_is_held(v) || v->cache.dirty_blocks[CLASS_DATA] ||
           cache_dirty_metadata(&v->cache);
}

bool volume_needs_sync(const struct volume *v)
{
    return v->mode != VOLUME_UNUSABLE &&
           (v->dirty || is_changed(v) || cache_dirty_total(&v->cache));
}

int volume_sync(struct volume *v, bool clean)
{
    int error = volume_check(v);
    if (error || !volume_needs_sync(v)) {
        return error;
    }
    volume_set_clock(v);
    error = v->journal.open ? sync_through_journal(v, clean) : sync_in_order(v, clean);
    return error == ENOMEM ? ENOMEM : error ? EIO : 0;
}

int volume_sync_by_time(struct volume *v)
{
    return volume_sync(v, !v->journal.open || !is_changed(v));
}
