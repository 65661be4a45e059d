// SPDX-License-Identifier: MIT
// Names of a directory: looking up, putting in, taking out, in the index and in the blocks.
#include "servers/fs/dir.h"
#include "servers/fs/dir_index.h"
#include "servers/fs/map.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint8_t dir_kind(uint32_t mode)
{
    static const uint8_t kinds[16] = {
        [1] = EXT2_FT_FIFO,     [2] = EXT2_FT_CHRDEV,   [4] = EXT2_FT_DIR,  [6] = EXT2_FT_BLKDEV,
        [8] = EXT2_FT_REG_FILE, [10] = EXT2_FT_SYMLINK, [12] = EXT2_FT_SOCK};
    return kinds[mode >> 12 & 15];
}

void dir_forget(struct volume *v, struct inode *dir)
{
    if (inode_is_dir(dir)) {
        dir_index_drop(v, dir);
        if (dir->dead) {
            dir_block_forget(v, dir->number);
        }
    }
}

void dir_close(struct volume *v)
{
    free(v->dirty_dirs);
    v->dirty_dirs = nullptr;
    v->dirty_dir_count = v->dirty_dir_capacity = 0;
}

int dir_find(struct volume *v, struct inode *dir, const char *name, uint32_t length,
             struct dir_entry **out)
{
    struct dir_index *x;
    int error = dir->dir ? 0 : dir_index_prepare(v, dir);
    error = error ? error : dir_index_use(v, dir, &x);
    if (error) {
        return error;
    }
    *out = dir_index_find(x, name, length);
    return 0;
}

int dir_check_empty(struct volume *v, struct inode *dir)
{
    struct dir_index *x;
    int error = dir_index_use(v, dir, &x);
    return error ? error : x->count > 2 ? ENOTEMPTY : 0;
}

// ---- Changing ----

int dir_prepare(struct volume *v, struct inode *dir, const struct dir_entry *e)
{
    uint8_t *bytes;
    uint64_t place;
    return dir_block_get(v, dir, e->block, &bytes, &place);
}

// One more block at the end, with an empty entry.
static int add_block(struct volume *v, struct dir_index *x)
{
    struct run r;
    uint8_t *bytes;
    int error = dir_index_reserve(x, x->blocks + 1);
    error = error ? error : map_add(v, x->dir, x->blocks, 1, &r);
    if (error) {
        return error;
    }
    error = cache_get_new(&v->cache, r.place, &bytes);
    if (!error) {
        error = volume_error(v, ext2fs_inode_size_set(v->fs, &x->dir->raw,
                                                      (x->blocks + 1ll) << v->cache.block_shift));
    }
    if (error) {
        map_free(v, x->dir, x->blocks);
        return error;
    }
    dir_block_clear(v, bytes);
    dir_block_changed(v, x->dir, r.place, CLASS_DIR_NEW);
    x->dir->grown_dir = true;
    x->room[x->blocks++] = (uint16_t)dir_block_usable(v);
    inode_touch(v, x->dir);
    return 0;
}

// A block with room for an entry of that length; x->blocks if there is none.
static uint32_t find_block(struct dir_index *x, uint32_t length)
{
    uint32_t need = entry_bytes(length);
    for (uint32_t n = 0; n < x->blocks; n++) {
        uint32_t b = x->try_first + n < x->blocks ? x->try_first + n : x->try_first + n - x->blocks;
        if (x->room[b] >= need) {
            x->try_first = b;
            return b;
        }
    }
    return x->blocks;
}

int dir_make_room(struct volume *v, struct inode *dir, uint32_t length)
{
    struct dir_index *x;
    if (dir->raw.i_flags & EXT2_INDEX_FL) {
        dir_index_drop(v, dir);
        int error = dir_block_remove_tree(v, dir);
        if (error) {
            return error;
        }
    }
    int error = dir_index_use(v, dir, &x);
    if (error || find_block(x, length) < x->blocks) {
        return error;
    }
    return x->count >= DIR_ENTRIES_MAX ? ENOSPC : add_block(v, x);
}

// The first entry of the block with room for one of `need` bytes; null: there is none, or it is damaged. By itself: the
// loop is all that matters, and needs all registers.
[[gnu::noinline]] static struct ext2_dir_entry *find_room(struct volume *v, uint8_t *bytes, uint32_t need)
{
    for (uint32_t at = 0, end = dir_block_usable(v); at < end;) {
        struct ext2_dir_entry *d = dir_block_entry(v, bytes, at);
        if (!d || entry_room(d) >= need) {
            return d;
        }
        at += d->rec_len;
    }
    return nullptr;
}

// Writes the entry into the first place of the block that has room for it.
static bool put_entry(struct volume *v, uint8_t *bytes, struct dir_entry *e)
{
    struct ext2_dir_entry *d = find_room(v, bytes, entry_bytes(e->length));
    if (!d) {
        return false;
    }
    if (d->inode) {
        uint16_t used = (uint16_t)entry_bytes(entry_length(d)), rest = (uint16_t)(d->rec_len - used);
        d->rec_len = used;
        d = (struct ext2_dir_entry *)((uint8_t *)d + used);
        d->rec_len = rest;
    }
    bool kinds = ext2fs_has_feature_filetype(v->fs->super);
    d->inode = e->inode;
    d->name_len = (uint16_t)(e->length | (kinds ? e->kind << 8 : 0));
    memcpy(d->name, e->name, e->length);
    e->offset = (uint16_t)((uint8_t *)d - bytes);
    return true;
}

int dir_insert(struct volume *v, struct inode *dir, const char *name, uint32_t length,
               ext2_ino_t inode, uint8_t kind)
{
    uint8_t *bytes;
    uint64_t place;
    int error = dir_make_room(v, dir, length);
    struct dir_index *x = dir->dir;
    uint32_t block = error ? 0 : find_block(x, length);
    error = error ? error : dir_block_get(v, dir, block, &bytes, &place);
    struct dir_entry *e = error ? nullptr : dir_index_make_entry(name, length);
    if (!e) {
        return error ? error : ENOMEM;
    }
    e->block = block;
    e->inode = inode;
    e->kind = kind;
    if (!put_entry(v, bytes, e)) {
        free(e);
        return volume_damaged(v, "an entry of directory", dir->number);
    }
    x->room[e->block] = (uint16_t)dir_block_largest_room(v, bytes);
    dir_block_changed(v, dir, place, CLASS_DIR_ADD);
    dir_index_add(v, x, e);
    inode_touch(v, dir);
    return 0;
}

int dir_replace(struct volume *v, struct inode *dir, struct dir_entry *e, ext2_ino_t inode,
                uint8_t kind)
{
    uint8_t *bytes;
    uint64_t place;
    int error = dir_block_get(v, dir, e->block, &bytes, &place);
    if (error) {
        return error;
    }
    struct ext2_dir_entry *d = (struct ext2_dir_entry *)(bytes + e->offset);
    d->inode = e->inode = inode;
    if (ext2fs_has_feature_filetype(v->fs->super)) {
        d->name_len = (uint16_t)(e->length | kind << 8);
    }
    e->kind = kind;
    dir_block_changed(v, dir, place, CLASS_DIR_ADD);
    inode_touch(v, dir);
    return 0;
}

// Takes the entry at `offset` out of the block: the one before it takes over its bytes.
static bool cut_entry(struct volume *v, uint8_t *bytes, uint32_t offset)
{
    struct ext2_dir_entry *before = nullptr;
    for (uint32_t at = 0; at < offset;) {
        before = dir_block_entry(v, bytes, at);
        if (!before || at + before->rec_len > offset) {
            return false;
        }
        at += before->rec_len;
    }
    struct ext2_dir_entry *d = (struct ext2_dir_entry *)(bytes + offset);
    if (before) {
        before->rec_len = (uint16_t)(before->rec_len + d->rec_len);
    } else {
        d->inode = 0;
    }
    return true;
}

int dir_remove(struct volume *v, struct inode *dir, struct dir_entry *e)
{
    uint8_t *bytes;
    uint64_t place;
    struct dir_index *x = dir->dir;
    int error = dir_block_get(v, dir, e->block, &bytes, &place);
    if (!error && !cut_entry(v, bytes, e->offset)) {
        error = volume_damaged(v, "an entry of directory", dir->number);
    }
    if (error) {
        return error;
    }
    if (!(dir->raw.i_flags & EXT2_INDEX_FL)) {
        x->room[e->block] = (uint16_t)dir_block_largest_room(v, bytes);
    }
    dir_block_changed(v, dir, place, CLASS_DIR_DEL);
    dir_index_remove(v, x, e);
    inode_touch(v, dir);
    return 0;
}

int dir_create(struct volume *v, struct inode *dir, ext2_ino_t parent)
{
    struct run r;
    uint8_t *bytes;
    int error = map_add(v, dir, 0, 1, &r);
    error = error ? error : cache_get_new(&v->cache, r.place, &bytes);
    if (error) {
        return error;
    }
    uint8_t kind = ext2fs_has_feature_filetype(v->fs->super) ? EXT2_FT_DIR : 0;
    dir_block_clear(v, bytes);
    struct ext2_dir_entry *self = (struct ext2_dir_entry *)bytes,
                          *up = (struct ext2_dir_entry *)(bytes + 12);
    *(uint32_t *)self->name = '.'; // and zeros: an entry is made of whole words
    self->inode = dir->number;
    self->name_len = (uint16_t)(1 | kind << 8);
    self->rec_len = 12;
    *(uint32_t *)up->name = '.' | '.' << 8;
    up->inode = parent;
    up->name_len = (uint16_t)(2 | kind << 8);
    up->rec_len = (uint16_t)(dir_block_usable(v) - 12);
    ext2fs_inode_size_set(v->fs, &dir->raw, block_bytes(v));
    dir->grown_dir = true;
    dir_block_changed(v, dir, r.place, CLASS_DIR_NEW);
    inode_changed(v, dir);
    return 0;
}

// ---- Listing ----

int dir_read(struct volume *v, struct inode *dir, uint64_t *cursor, dir_emit *emit, void *arg)
{
    uint64_t size = inode_size(dir);
    int error = map_supported(dir);
    while (!error && *cursor < size) {
        uint8_t *bytes;
        uint64_t place, start = *cursor & ~(uint64_t)(block_bytes(v) - 1);
        error = dir_block_get(v, dir, (uint32_t)(start >> v->cache.block_shift), &bytes, &place);
        for (uint32_t at = 0, end = dir_block_usable(v); !error && at < end;) {
            struct ext2_dir_entry *d = dir_block_entry(v, bytes, at);
            if (!d) {
                return volume_damaged(v, "an entry of directory", dir->number);
            }
            uint32_t after = at + d->rec_len;
            if (start + at >= *cursor && d->inode && entry_length(d) &&
                !emit(arg, d, start + after)) {
                *cursor = start + at;
                return 0;
            }
            at = after;
        }
        *cursor = start + block_bytes(v);
    }
    return error;
}
