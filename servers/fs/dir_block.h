// SPDX-License-Identifier: MIT
// One block of a directory: entries of variable length that fill it, and a checksum at its end.
#pragma once
#include "servers/fs/dir.h"

// The blocks whose checksum is out of date, with the directory they belong to.
struct dirty_dir {
    uint64_t place;
    ext2_ino_t dir;
};

// Bytes of an entry with a name of that length.
static inline uint32_t entry_bytes(uint32_t length)
{
    return (8 + length + 3) & ~3u;
}
static inline uint32_t entry_length(const struct ext2_dir_entry *e)
{
    return e->name_len & 0xff;
}
static inline uint8_t entry_kind(const struct ext2_dir_entry *e)
{
    return (uint8_t)(e->name_len >> 8);
}
// Bytes that could be used for one more entry behind (or instead of) this one.
static inline uint32_t entry_room(const struct ext2_dir_entry *e)
{
    return e->rec_len - (e->inode ? entry_bytes(entry_length(e)) : 0);
}

// What entries may fill: all but the checksum.
uint32_t dir_block_usable(const struct volume *v);
// The contents of block `number` of the directory, and where it lies. Checked, unless it is newer
// than the disk's.
int dir_block_get(struct volume *v, struct inode *dir, uint32_t number, uint8_t **bytes,
                  uint64_t *place);
// The entry at `offset`; null if what stands there makes no sense.
struct ext2_dir_entry *dir_block_entry(const struct volume *v, uint8_t *bytes, uint32_t offset);
// Makes the block (`place`) one with a single, empty entry.
void dir_block_clear(struct volume *v, uint8_t *bytes);
void dir_block_changed(struct volume *v, struct inode *dir, uint64_t place, enum cache_class class);
// Largest room that an entry of the block offers.
uint32_t dir_block_largest_room(const struct volume *v, uint8_t *bytes);
// Takes off Linux's hash tree: its inner nodes become empty blocks.
int dir_block_remove_tree(struct volume *v, struct inode *dir);
void dir_block_forget(struct volume *v, ext2_ino_t dir);
