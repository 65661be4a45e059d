// SPDX-License-Identifier: MIT
// Directories: an index of all names of a directory in memory, kept together with its blocks.
//
// The index is made when a name is first looked up and is complete, so that a name that is not in
// it is not in the directory either. On the disk directories are kept as plain lists of entries;
// the hash tree that Linux may have put over one is taken off at the first insertion.
#pragma once
#include "servers/fs/inode.h"

enum { DIR_NAME_MAX = 255, DIR_LINKS_MAX = 65000 };

struct dir_entry {
    struct dir_entry *next;
    uint32_t hash;
    ext2_ino_t inode;
    uint32_t block;  // of the directory
    uint16_t offset; // in the block
    uint8_t kind;    // EXT2_FT_*
    uint8_t length;
    char name[];
};

// *out is null if there is no such name. It stays good until the directory changes or another one
// is used.
int dir_find(struct volume *v, struct inode *dir, const char *name, uint32_t length,
             struct dir_entry **out);

// Makes sure that a name of that length can be put in without taking space. ENOSPC; nothing has
// changed then.
int dir_make_room(struct volume *v, struct inode *dir, uint32_t length);
// Reads the block of the entry, so that changing the entry right afterwards cannot fail for the
// disk.
int dir_prepare(struct volume *v, struct inode *dir, const struct dir_entry *entry);
// Puts in a name that is not there.
int dir_insert(struct volume *v, struct inode *dir, const char *name, uint32_t length,
               ext2_ino_t inode, uint8_t kind);
// Makes an existing name lead elsewhere.
int dir_replace(struct volume *v, struct inode *dir, struct dir_entry *entry, ext2_ino_t inode,
                uint8_t kind);
int dir_remove(struct volume *v, struct inode *dir, struct dir_entry *entry);

// Gives a new directory its first block.
int dir_create(struct volume *v, struct inode *dir, ext2_ino_t parent);
// 0 if nothing but "." and ".." is in it, ENOTEMPTY.
int dir_check_empty(struct volume *v, struct inode *dir);

// Calls `emit` for the entries from *cursor on until it returns false (then *cursor is that
// entry's) or the end is reached. `next` is the cursor after the entry. A cursor is a place in the
// directory: entries never move.
typedef bool dir_emit(void *arg, const struct ext2_dir_entry *entry, uint64_t next);
int dir_read(struct volume *v, struct inode *dir, uint64_t *cursor, dir_emit *emit, void *arg);

// The inode goes: so does its index.
void dir_forget(struct volume *v, struct inode *dir);
void dir_close(struct volume *v);
// For volume_begin: an operation can remember which blocks it changes. ENOMEM.
int dir_reserve(struct volume *v);
// For sync.c: gives changed blocks their checksums; they have reached the disk.
int dir_finish_blocks(struct volume *v);
void dir_blocks_written(struct volume *v);

// EXT2_FT_* of a file mode.
uint8_t dir_kind(uint32_t mode);
