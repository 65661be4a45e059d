// SPDX-License-Identifier: MIT
// Writing back, in an order in which every prefix leaves a volume that e2fsck can repair without
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

static int store_super(struct volume *v, bool clean)
{
    struct ext2_super_block *s = v->fs->super;
    uint8_t *bytes;
    int error = cache_get(&v->cache, SUPER_OFFSET >> v->cache.block_shift, &bytes);
    if (error) {
        return error;
    }
    s->s_state = (uint16_t)(clean ? s->s_state | EXT2_VALID_FS : s->s_state & ~EXT2_VALID_FS);
    s->s_wtime = (uint32_t)(v->now_ns() / 1000000000);
    s->s_block_group_nr = 0;
    ext2fs_superblock_csum_set(v->fs, s);
    memcpy(bytes + (SUPER_OFFSET & (block_bytes(v) - 1)), s, sizeof(*s));
    cache_dirty(&v->cache, SUPER_OFFSET >> v->cache.block_shift, 1, CLASS_MAP);
    return cache_write(&v->cache, CLASS_MAP);
}

int volume_mark_dirty(struct volume *v)
{
    v->fs->super->s_mtime = (uint32_t)(v->now_ns() / 1000000000);
    int error = store_super(v, false);
    v->dirty = !error;
    return error;
}

enum inode_kind { FILES, GROWN_DIRS, DEAD };

static enum inode_kind kind_of(const struct inode *i)
{
    return i->dead ? DEAD : i->grown_dir ? GROWN_DIRS : FILES;
}

static int write_inodes(struct volume *v, enum inode_kind kind)
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
    return cache_write(&v->cache, CLASS_MAP);
}

static int write_space(struct volume *v)
{
    int error = space_store(v);
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
    return error;
}

bool volume_needs_sync(const struct volume *v)
{
    return v->mode != VOLUME_UNUSABLE &&
           (v->dirty || v->dirty_inodes || cache_dirty_total(&v->cache));
}

int volume_sync(struct volume *v, bool clean)
{
    int error = volume_check(v);
    if (error || !volume_needs_sync(v)) {
        return error;
    }
    volume_set_clock(v);
    error = write_in_order(v);
    if (error) {
        return error == ENOMEM ? ENOMEM : EIO;
    }
    space_release(v);
    // A volume with damage, or with files that only their openers know, is not clean.
    if (clean && !v->orphans && v->reason != EUCLEAN && v->dirty) {
        error = write_space(v);
        error = error ? error : store_super(v, true);
        v->dirty = error;
    }
    return error ? EIO : 0;
}
