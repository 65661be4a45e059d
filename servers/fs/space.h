// SPDX-License-Identifier: MIT
// Free space: blocks and inodes, taken and given back.
//
// What is freed is held back until the disk no longer says that it is in use (sync.c): else a block
// could get new contents while, after a power cut, an old file still pointed to it.
#pragma once
#include "servers/fs/volume.h"

int space_open(struct volume *v);
void space_close(struct volume *v);

// Where blocks for that inode are best looked for.
uint64_t space_goal(struct volume *v, ext2_ino_t inode);
// Takes up to `want` blocks side by side, near `goal`. ENOSPC.
int space_take_blocks(struct volume *v, uint64_t goal, uint32_t want, uint64_t *place,
                      uint32_t *got);
// Gives back what was taken and not yet used by anything.
void space_return_blocks(struct volume *v, uint64_t place, uint32_t count);

// Takes an inode number near that of `parent`. ENOSPC.
int space_take_inode(struct volume *v, ext2_ino_t parent, bool dir, ext2_ino_t *out);
void space_return_inode(struct volume *v, ext2_ino_t number, bool dir);
// Frees an inode that the disk knows.
void space_free_inode(struct volume *v, ext2_ino_t number, bool dir);

// True if a sync would free something.
bool space_is_held(const struct volume *v);
// The disk has forgotten what is held: from now on it can be taken again. `stored`: its bitmaps say
// so already.
void space_release(struct volume *v, bool stored);

// Writes changed bitmaps and group descriptors into the block cache (CLASS_MAP). `free`: what is
// held counts as free there.
int space_store(struct volume *v, bool free);
// After an unclean end: makes the counts in group descriptors and superblock agree with the
// bitmaps.
void space_recount(struct volume *v);
