// SPDX-License-Identifier: MIT
// Operations on names. Paths are bytes, not zero-terminated. Errors are errno values; what fails
// has changed nothing. The caller has called volume_begin.
#pragma once
#include "servers/fs/path.h"

// Makes an empty regular file of that name in `parent`; *out is referenced.
int names_create(struct volume *v, struct inode *parent, const char *name, uint32_t length,
                 uint32_t mode, struct inode **out);
int names_mkdir(struct volume *v, const char *path, size_t bytes, uint32_t mode);
int names_rmdir(struct volume *v, const char *path, size_t bytes);
int names_unlink(struct volume *v, const char *path, size_t bytes);
int names_rename(struct volume *v, const char *from, size_t from_bytes, const char *to,
                 size_t to_bytes);
int names_link(struct volume *v, const char *from, size_t from_bytes, const char *to,
               size_t to_bytes);
int names_symlink(struct volume *v, const char *target, size_t target_bytes, const char *path,
                  size_t bytes);
int names_chmod(struct volume *v, const char *path, size_t bytes, uint32_t mode);
int names_utimes(struct volume *v, const char *path, size_t bytes, int64_t access_ns,
                 int64_t modify_ns);
