// SPDX-License-Identifier: MIT
#include "apps/lib/files.h"
#include "apps/lib/path.h"
#include "interfaces/fs.client.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static handle_t service;

void files_use(handle_t fs)
{
    service = fs;
}

static struct outcome outcome(enum status status, int err)
{
    return (struct outcome){status, err};
}

// Paths beyond what the interface carries get the errno they would get for their names.
static bool too_long(const char *path)
{
    return strlen(path) >= FS_PATH_MAX;
}

struct outcome files_open(struct file *f, const char *path, uint32_t flags, uint32_t mode)
{
    uint32_t kind;
    int err;
    *f = (struct file){0};
    if (too_long(path)) {
        return outcome_errno(ENAMETOOLONG);
    }
    enum status status = fs_open(service, path, strlen(path), flags, mode, &f->number, &f->size, &kind, &err);
    return outcome(status, err);
}

struct outcome files_close(struct file *f)
{
    int err;
    enum status status = fs_close(service, f->number, &err);
    return outcome(status, err);
}

struct outcome files_read(struct file *f, void *to, size_t bytes, size_t *got)
{
    *got = 0;
    while (*got < bytes) {
        size_t n = bytes - *got < FS_TRANSFER_MAX ? bytes - *got : FS_TRANSFER_MAX;
        uint32_t count;
        int err;
        enum status status = fs_read(service, f->number, f->offset, (char *)to + *got, n, &count, &err);
        if (status != OK || count == 0) {
            return outcome(status, err);
        }
        *got += count;
        f->offset += count;
    }
    return OUTCOME_OK;
}

struct outcome files_write(struct file *f, const void *from, size_t bytes)
{
    const char *p = from;
    while (bytes > 0) {
        size_t n = bytes < FS_TRANSFER_MAX ? bytes : FS_TRANSFER_MAX;
        uint32_t count;
        uint64_t end;
        int err;
        enum status status = fs_write(service, f->number, f->offset, p, n, &count, &end, &err);
        if (status != OK) {
            return outcome(status, err);
        }
        if (count == 0) {
            return outcome_errno(EIO); // the interface promises progress or an error
        }
        f->offset = end;
        p += count, bytes -= count;
    }
    return OUTCOME_OK;
}

struct outcome files_read_entries(struct file *f, uint64_t *cursor, void *to, size_t size, uint32_t *bytes)
{
    int err;
    enum status status = fs_readdir(service, f->number, *cursor, to, size, bytes, cursor, &err);
    return outcome(status, err);
}

struct outcome files_truncate(const char *path, uint64_t size)
{
    struct file f;
    int err;
    struct outcome o = files_open(&f, path, FS_WRITE | FS_CREATE, 0644);
    if (failed(o)) {
        return o;
    }
    enum status status = fs_truncate(service, f.number, size, &err);
    o = files_close(&f);
    return status != OK ? outcome(status, err) : o;
}

struct outcome files_stat(const char *path, bool follow, struct fs_stat *out)
{
    char record[PATH_SIZE + sizeof(*out)];
    int err;
    size_t n = strlen(path);
    if (too_long(path)) {
        return outcome_errno(ENAMETOOLONG);
    }
    memcpy(record, path, n);
    memset(record + n, 0, sizeof(*out));
    enum status status = fs_stat(service, (uint32_t)n, follow, record, n + sizeof(*out), &err);
    memcpy(out, record + n, sizeof(*out));
    return outcome(status, err);
}

struct outcome files_mkdir(const char *path, uint32_t mode)
{
    int err;
    if (too_long(path)) {
        return outcome_errno(ENAMETOOLONG);
    }
    enum status status = fs_mkdir(service, path, strlen(path), mode, &err);
    return outcome(status, err);
}

struct outcome files_rmdir(const char *path)
{
    int err;
    if (too_long(path)) {
        return outcome_errno(ENAMETOOLONG);
    }
    enum status status = fs_rmdir(service, path, strlen(path), &err);
    return outcome(status, err);
}

struct outcome files_unlink(const char *path)
{
    int err;
    if (too_long(path)) {
        return outcome_errno(ENAMETOOLONG);
    }
    enum status status = fs_unlink(service, path, strlen(path), &err);
    return outcome(status, err);
}

// Two paths one after the other, as several operations take them.
struct pair {
    char bytes[2 * PATH_SIZE];
    uint32_t first;
    size_t both;
};

static bool make_pair(struct pair *p, const char *a, const char *b)
{
    if (too_long(a) || too_long(b)) {
        return false;
    }
    p->first = (uint32_t)strlen(a);
    p->both = p->first + strlen(b);
    memcpy(p->bytes, a, p->first);
    memcpy(p->bytes + p->first, b, p->both - p->first);
    return true;
}

struct outcome files_rename(const char *from, const char *to)
{
    struct pair p;
    int err;
    if (!make_pair(&p, from, to)) {
        return outcome_errno(ENAMETOOLONG);
    }
    enum status status = fs_rename(service, p.first, p.bytes, p.both, &err);
    return outcome(status, err);
}

struct outcome files_link(const char *from, const char *to)
{
    struct pair p;
    int err;
    if (!make_pair(&p, from, to)) {
        return outcome_errno(ENAMETOOLONG);
    }
    enum status status = fs_link(service, p.first, p.bytes, p.both, &err);
    return outcome(status, err);
}

struct outcome files_symlink(const char *target, const char *path)
{
    struct pair p;
    int err;
    if (target[0] == 0) {
        return outcome_errno(ENOENT);
    }
    if (!make_pair(&p, target, path)) {
        return outcome_errno(ENAMETOOLONG);
    }
    enum status status = fs_symlink(service, p.first, p.bytes, p.both, &err);
    return outcome(status, err);
}

struct outcome files_readlink(const char *path, char *to, size_t size)
{
    char buffer[2 * PATH_SIZE];
    uint32_t bytes;
    int err;
    size_t own = strlen(path);
    if (too_long(path)) {
        return outcome_errno(ENAMETOOLONG);
    }
    memcpy(buffer, path, own);
    enum status status = fs_readlink(service, (uint32_t)own, buffer, sizeof(buffer), &bytes, &err);
    size_t n = bytes < PATH_SIZE ? bytes : PATH_SIZE;
    n = n < size ? n : size - 1;
    memcpy(to, buffer + own, n);
    to[n] = 0;
    return outcome(status, err);
}

struct outcome files_touch(const char *path, int64_t now_ns)
{
    int err;
    if (too_long(path)) {
        return outcome_errno(ENAMETOOLONG);
    }
    enum status status = fs_utimes(service, path, strlen(path), now_ns, now_ns, &err);
    return outcome(status, err);
}

struct outcome files_sync(void)
{
    int err;
    enum status status = fs_sync(service, &err);
    return outcome(status, err);
}

struct outcome files_volume(struct fs_volume *out)
{
    int err;
    *out = (struct fs_volume){0};
    enum status status = fs_statfs(service, out, sizeof(*out), &err);
    return outcome(status, err);
}

struct outcome files_shutdown(void)
{
    int err;
    enum status status = fs_shutdown(service, &err);
    return outcome(status, err);
}

struct outcome files_drop_caches(void)
{
    int err;
    enum status status = fs_drop_caches(service, &err);
    return outcome(status, err);
}
