// SPDX-License-Identifier: MIT
// Does what a volume knows agree with itself? For tests of what moves and undoes that knowledge: each list, table and index
// is walked, names are compared with the blocks that they were read from. Nothing is read in and nothing changes.
#pragma once
#include "servers/fs/volume.h"
#include <stddef.h>

// Between two operations. False: `why` (`room` bytes) says what does not agree. Takes some ten instructions for each inode,
// name and line of the cache.
[[nodiscard]] bool volume_is_consistent(struct volume *v, char *why, size_t room);
