// SPDX-License-Identifier: MIT
// Where the blocks of a file lie on the disk: looking up, adding, taking away.
#pragma once
#include "servers/fs/inode.h"

// What holds block `first` of the file: out->first == first, out->count the rest of the run (at
// least 1, also for a hole: place 0). EUCLEAN, EIO.
int map_find(struct volume *v, struct inode *inode, uint32_t first, struct run *out);
// The same without reading anything; false: that would be needed.
bool map_known(const struct inode *inode, uint32_t first, struct run *out);

// Allocates up to `count` blocks for the hole that begins at block `first`; out is what was got, at
// least one block. Their contents are the caller's to write. ENOSPC; nothing has changed then.
int map_add(struct volume *v, struct inode *inode, uint32_t first, uint32_t count, struct run *out);

// Makes an unwritten run a written one, blocks [first, first + count) of it. Their contents are the
// caller's to write.
int map_mark_written(struct volume *v, struct inode *inode, uint32_t first, uint32_t count);

// Frees all blocks from block `first` on.
int map_free(struct volume *v, struct inode *inode, uint32_t first);

// Nobody has it open any more: frees what is remembered beyond the usual.
void map_shrink(struct inode *inode);

// Files whose blocks the map cannot describe (ENOTSUP): inline data and encrypted ones.
int map_supported(const struct inode *inode);
