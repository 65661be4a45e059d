// SPDX-License-Identifier: MIT
// The operations of interfaces/fs.idl on a volume, without messages: what main.c and the host tests
// call. 0 or an errno value (ESTALE: a file number of an earlier life). Paths are not
// zero-terminated.
#pragma once
#include "interfaces/fs.types.h"
#include "servers/fs/file.h"
#include "servers/fs/open.h"

int op_open(struct volume *v, const char *path, size_t bytes, uint32_t flags, uint32_t mode,
            uint64_t badge, uint64_t *id, struct open_file **out);
int op_read(struct volume *v, uint64_t id, uint64_t badge, uint64_t offset, size_t bytes,
            file_copy *copy, void *arg, size_t *count);
int op_write(struct volume *v, uint64_t id, uint64_t badge, uint64_t offset, size_t bytes,
             file_copy *copy, void *arg, size_t *count, uint64_t *end);
int op_truncate(struct volume *v, uint64_t id, uint64_t badge, uint64_t size);
// Fills `to` with struct fs_entry records from *cursor on. EINVAL: no room for one.
int op_readdir(struct volume *v, uint64_t id, uint64_t badge, uint64_t *cursor, uint8_t *to,
               size_t room, size_t *used);
int op_stat(struct volume *v, const char *path, size_t bytes, bool follow, struct fs_stat *out);
int op_fstat(struct volume *v, uint64_t id, uint64_t badge, struct fs_stat *out);
int op_mkdir(struct volume *v, const char *path, size_t bytes, uint32_t mode);
int op_rmdir(struct volume *v, const char *path, size_t bytes);
int op_unlink(struct volume *v, const char *path, size_t bytes);
int op_rename(struct volume *v, const char *from, size_t from_bytes, const char *to,
              size_t to_bytes);
int op_link(struct volume *v, const char *from, size_t from_bytes, const char *to, size_t to_bytes);
int op_symlink(struct volume *v, const char *target, size_t target_bytes, const char *path,
               size_t bytes);
int op_readlink(struct volume *v, const char *path, size_t bytes, char *to, size_t room,
                uint32_t *length);
int op_chmod(struct volume *v, const char *path, size_t bytes, uint32_t mode);
int op_utimes(struct volume *v, const char *path, size_t bytes, int64_t access_ns,
              int64_t modify_ns);
int op_fsync(struct volume *v, uint64_t id, uint64_t badge);
void op_statfs(struct volume *v, struct fs_volume *out);
