// SPDX-License-Identifier: MIT
// Contents of files. Data moves straight between the block cache and the caller, by a function of
// the caller's.
#pragma once
#include "servers/fs/open.h"

// Moves `bytes` between memory and the request's data at `offset` (counted from the start of the
// request). 0 or EFAULT.
typedef int file_copy(void *arg, uint64_t offset, uint8_t *memory, size_t bytes);

// Reads at `offset`; *count is less than `bytes` only at the end of the file.
// An error is returned only if nothing could be read.
int file_read(struct volume *v, struct open_file *file, uint64_t offset, size_t bytes,
              file_copy *copy, void *arg, size_t *count);
// Writes at `offset`. An error is returned only if nothing could be written. The caller has called
// volume_begin.
int file_write(struct volume *v, struct inode *inode, uint64_t offset, size_t bytes,
               file_copy *copy, void *arg, size_t *count);
// Sets the size. The caller has called volume_begin.
int file_truncate(struct volume *v, struct inode *inode, uint64_t size);
