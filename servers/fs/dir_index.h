// SPDX-License-Identifier: MIT
// The index of one directory's names, made from its blocks at first use and complete from then on.
#pragma once
#include "servers/fs/dir_block.h"

enum { DIR_ENTRIES_MAX = 1 << 20 }; // of one directory

struct dir_index {
    struct inode *dir;
    struct dir_index *next, *prev; // least recently used first
    struct dir_entry **buckets;
    uint32_t bucket_mask, count;
    uint16_t *room; // for each block, the largest room of its entries
    uint32_t blocks, room_capacity;
    uint32_t try_first; // block in which there was room last
};

// Makes the index if it is not there. The last few that were used are never thrown out by this.
int dir_index_use(struct volume *v, struct inode *dir, struct dir_index **out);
void dir_index_drop(struct volume *v, struct inode *dir);
// There is none. In a request that has changed nothing yet: has a large one made between requests, so that it
// stays when the request has to wait for something else, and is undone.
int dir_index_prepare(struct volume *v, struct inode *dir);

struct dir_entry *dir_index_find(const struct dir_index *x, const char *name, uint32_t length);
// An entry for that name, not in any index yet; nullptr without memory.
struct dir_entry *dir_index_make_entry(const char *name, uint32_t length);
void dir_index_add(struct volume *v, struct dir_index *x, struct dir_entry *e);
// Takes it out and frees it.
void dir_index_remove(struct volume *v, struct dir_index *x, struct dir_entry *e);
// Makes place for what is known of that many blocks. ENOMEM.
int dir_index_reserve(struct dir_index *x, uint32_t blocks);
