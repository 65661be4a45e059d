// SPDX-License-Identifier: MIT
// Inodes that only their openers know.
#pragma once
#include "servers/fs/volume.h"

// The last name has gone; the inode lives on until the last opener has.
void orphan_add(struct volume *v, struct inode *inode);
void orphan_remove(struct volume *v, struct inode *inode);
// At mount: frees what the disk's list tells. EUCLEAN: the list makes no sense.
int orphan_release_all(struct volume *v);
