// SPDX-License-Identifier: MIT
// Blocks of directories, without knowing of the index.
#include "servers/fs/dir_block.h"
#include "lib/rt/heap.h"
#include "servers/fs/map.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool has_checksum(const struct volume *v)
{
    return ext2fs_has_feature_metadata_csum(v->fs->super);
}

uint32_t dir_block_usable(const struct volume *v)
{
    return block_bytes(v) - (has_checksum(v) ? (uint32_t)sizeof(struct ext2_dir_entry_tail) : 0);
}

int dir_block_get(struct volume *v, struct inode *dir, uint32_t number, uint8_t **bytes,
                  uint64_t *place)
{
    struct run r;
    int error = map_find(v, dir, number, &r);
    if (error) {
        return error;
    }
    if (!r.place || r.unwritten) {
        return volume_damaged(v, "a hole in directory", dir->number);
    }
    error = cache_get(&v->cache, r.place, bytes);
    // Checked once, when the index is made. A block that is newer than the disk gets its checksum
    // only when it is written.
    if (!error && !dir->dir && has_checksum(v) && !cache_is_dirty(&v->cache, r.place) &&
        !ext2fs_dir_block_csum_verify(v->fs, dir->number, (struct ext2_dir_entry *)*bytes)) {
        return volume_damaged(v, "checksum of a block of directory", dir->number);
    }
    *place = r.place;
    return error;
}

struct ext2_dir_entry *dir_block_entry(const struct volume *v, uint8_t *bytes, uint32_t offset)
{
    struct ext2_dir_entry *e = (struct ext2_dir_entry *)(bytes + offset);
    bool good = e->rec_len >= 12 && e->rec_len % 4 == 0 && e->rec_len <= block_bytes(v) - offset &&
                entry_bytes(entry_length(e)) <= e->rec_len &&
                e->inode <= v->fs->super->s_inodes_count;
    return good ? e : nullptr;
}

void dir_block_clear(struct volume *v, uint8_t *bytes)
{
    memset(bytes, 0, block_bytes(v));
    ((struct ext2_dir_entry *)bytes)->rec_len = (uint16_t)dir_block_usable(v);
    if (has_checksum(v)) {
        ext2fs_initialize_dirent_tail(v->fs,
                                      (struct ext2_dir_entry_tail *)(bytes + dir_block_usable(v)));
    }
}

uint32_t dir_block_largest_room(const struct volume *v, uint8_t *bytes)
{
    uint32_t largest = 0;
    for (uint32_t at = 0, end = dir_block_usable(v); at < end;) {
        struct ext2_dir_entry *e = dir_block_entry(v, bytes, at);
        if (!e) {
            return 0;
        }
        largest = entry_room(e) > largest ? entry_room(e) : largest;
        at += e->rec_len;
    }
    return largest;
}

// More blocks than any one operation changes.
enum { RESERVE = 16 };

int dir_reserve(struct volume *v)
{
    if (v->dirty_dir_capacity - v->dirty_dir_count >= RESERVE) {
        return 0;
    }
    uint32_t capacity = v->dirty_dir_capacity ? 2 * v->dirty_dir_capacity : 4 * RESERVE;
    struct dirty_dir *more = renew_array(v->dirty_dirs, struct dirty_dir, capacity);
    if (!more) {
        return ENOMEM;
    }
    v->dirty_dirs = more;
    v->dirty_dir_capacity = capacity;
    return 0;
}

void dir_block_changed(struct volume *v, struct inode *dir, uint64_t place, enum cache_class class)
{
    struct dirty_dir *last = v->dirty_dir_count ? &v->dirty_dirs[v->dirty_dir_count - 1] : nullptr;
    bool known = cache_is_dirty(&v->cache, place) || (last && last->place == place);
    cache_dirty(&v->cache, place, 1, class);
    if (known || !has_checksum(v)) {
        return;
    }
    v->dirty_dirs[v->dirty_dir_count++] = (struct dirty_dir){place, dir->number};
}

int dir_finish_blocks(struct volume *v)
{
    for (uint32_t n = 0; n < v->dirty_dir_count; n++) {
        struct dirty_dir *d = &v->dirty_dirs[n];
        uint8_t *bytes;
        if (!d->dir || !cache_is_dirty(&v->cache, d->place)) {
            continue;
        }
        int error = cache_get(&v->cache, d->place, &bytes);
        if (!error && ext2fs_dir_block_csum_set(v->fs, d->dir, (struct ext2_dir_entry *)bytes)) {
            error = volume_damaged(v, "a block of directory", d->dir);
        }
        if (error) {
            return error;
        }
    }
    return 0;
}

void dir_blocks_written(struct volume *v)
{
    v->dirty_dir_count = 0;
}

void dir_block_forget(struct volume *v, ext2_ino_t dir)
{
    for (uint32_t n = 0; n < v->dirty_dir_count; n++) {
        if (v->dirty_dirs[n].dir == dir) {
            v->dirty_dirs[n].dir = 0;
        }
    }
}

static void flatten(struct volume *v, uint32_t number, uint8_t *bytes)
{
    struct ext2_dir_entry *first = (struct ext2_dir_entry *)bytes;
    if (number) {
        dir_block_clear(v, bytes);
        return;
    }
    // The root of the tree hides behind "..", whose length covers it.
    struct ext2_dir_entry *parent = (struct ext2_dir_entry *)(bytes + first->rec_len);
    parent->rec_len = (uint16_t)(dir_block_usable(v) - first->rec_len);
    memset(bytes + first->rec_len + 12, 0, block_bytes(v) - first->rec_len - 12);
    if (has_checksum(v)) {
        ext2fs_initialize_dirent_tail(v->fs,
                                      (struct ext2_dir_entry_tail *)(bytes + dir_block_usable(v)));
    }
}

int dir_block_remove_tree(struct volume *v, struct inode *dir)
{
    uint32_t count = (uint32_t)blocks_for(v, inode_size(dir));
    for (uint32_t n = 0; n < count; n++) {
        uint8_t *bytes;
        uint64_t place;
        int error = dir_reserve(v);
        error = error ? error : dir_block_get(v, dir, n, &bytes, &place);
        if (error) {
            return error;
        }
        struct ext2_dir_entry *first = dir_block_entry(v, bytes, 0);
        if (!first || (!n && (first->rec_len != 12 || !dir_block_entry(v, bytes, 12)))) {
            return volume_damaged(v, "the hash tree of directory", dir->number);
        }
        // An inner node looks like one empty entry over the whole block, checksum and all.
        if (!n || (!first->inode && first->rec_len == block_bytes(v))) {
            flatten(v, n, bytes);
            dir_block_changed(v, dir, place, CLASS_DIR_ADD);
        }
    }
    dir->raw.i_flags &= ~(uint32_t)EXT2_INDEX_FL;
    inode_changed(v, dir);
    return 0;
}
