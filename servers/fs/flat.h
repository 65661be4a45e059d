// SPDX-License-Identifier: MIT
// Trees of extents that fit into the inode: those of nearly all files. For these the library is not needed, which
// allocates a handle and a path whenever it looks at a tree.
#pragma once
#include "servers/fs/inode.h"

enum { FLAT_RUNS = 4 };

// The file's runs, in order; how many. -1: the tree is a larger one, or there is something wrong with its header, of
// which the library finds out what.
int flat_runs(const struct inode *inode, struct run runs[FLAT_RUNS]);
// Adds written blocks where there are none, at most EXT_INIT_MAX_LEN of them. false: there is no room, or the tree is
// none of these.
bool flat_add(struct inode *inode, const struct run *r);
// Takes the last run off the tree, or only what of it lies behind block `first`. false: there is nothing behind that.
bool flat_cut(struct inode *inode, uint32_t first, struct run *cut);
