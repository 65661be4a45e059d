// SPDX-License-Identifier: MIT
// Files over the fs interface: what programs need, without grants and lengths. Paths are absolute.
//
// An open file has an offset of its own here; the service knows none. When fs was reborn, calls on open
// files end with ERR_RESTARTED: what was open is gone, open again (docs/interfaces/fs.md).
#pragma once
#include "apps/lib/outcome.h"
#include "interfaces/fs.types.h"
#include "kernel/abi/handle.h"

enum { FILES_CHUNK = 64 << 10 }; // a good size for one read or write

struct file {
    uint64_t number;
    uint64_t size; // when it was opened
    uint64_t offset;
};

// Which fs the calls below go to; HANDLE_NONE makes all of them fail with ERR_HANDLE.
void files_use(handle_t fs);

// flags: set of enum fs_open_flag; mode: permissions of a new file.
MUST_USE struct outcome files_open(struct file *f, const char *path, uint32_t flags, uint32_t mode);
struct outcome files_close(struct file *f);

// Reads at the offset and moves it. *got < bytes only at the end of the file.
MUST_USE struct outcome files_read(struct file *f, void *to, size_t bytes, size_t *got);

// Writes all of it at the offset and moves that.
MUST_USE struct outcome files_write(struct file *f, const void *from, size_t bytes);

// Makes the file if there is none.
MUST_USE struct outcome files_truncate(const char *path, uint64_t size);
MUST_USE struct outcome files_stat(const char *path, bool follow, struct fs_stat *out);
MUST_USE struct outcome files_mkdir(const char *path, uint32_t mode);
MUST_USE struct outcome files_rmdir(const char *path);
MUST_USE struct outcome files_unlink(const char *path);
MUST_USE struct outcome files_rename(const char *from, const char *to);
MUST_USE struct outcome files_link(const char *from, const char *to);
MUST_USE struct outcome files_symlink(const char *target, const char *path);
// What a symbolic link says, zero-terminated, cut to `size`.
MUST_USE struct outcome files_readlink(const char *path, char *to, size_t size);
MUST_USE struct outcome files_touch(const char *path, int64_t now_ns);
MUST_USE struct outcome files_sync(void);
MUST_USE struct outcome files_volume(struct fs_volume *out);
// Writes everything and refuses changes from then on: before power-off. EPERM unless the manifest allows it.
MUST_USE struct outcome files_shutdown(void);
// Lets the service forget what it can read again. EPERM unless the manifest allows it.
struct outcome files_drop_caches(void);

// One answer of the fs service: entries (struct fs_entry) from *cursor on, *bytes of them, 0 at the end.
MUST_USE struct outcome files_read_entries(struct file *f, uint64_t *cursor, void *to, size_t size,
                                           uint32_t *bytes);

// One name in a directory. kind: enum fs_kind.
struct name {
    char *name;
    uint32_t kind, inode;
};
struct listing {
    struct name *names; // without "." and "..", in the order of their bytes
    size_t count;
};
// All names of a directory. On success free with files_free_listing.
MUST_USE struct outcome files_list(const char *path, struct listing *out);
void files_free_listing(struct listing *list);
