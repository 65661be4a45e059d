// SPDX-License-Identifier: MIT
// Reading a whole directory, sorted, so that nothing depends on the order on the disk.
#include "apps/lib/files.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Adds one entry; the name is copied.
static bool add(struct listing *list, const char *name, size_t bytes, const struct fs_entry *e)
{
    if ((list->count & (list->count - 1)) == 0) { // grows at 0, 1, 2, 4, 8 …
        size_t room = list->count == 0 ? 1 : list->count * 2;
        struct name *more = realloc(list->names, room * sizeof(*more));
        if (!more) {
            return false;
        }
        list->names = more;
    }
    char *copy = malloc(bytes + 1);
    if (!copy) {
        return false;
    }
    memcpy(copy, name, bytes);
    copy[bytes] = 0;
    list->names[list->count++] = (struct name){copy, e->kind, e->inode};
    return true;
}

// Takes the entries of one answer into the list. The records come from another domain: they are
// copied out one by one and must lie inside the buffer.
static struct outcome take(struct listing *list, const char *buffer, size_t bytes)
{
    size_t at = 0;
    while (at < bytes) {
        struct fs_entry e;
        if (bytes - at < sizeof(e)) {
            return (struct outcome){ERR_PROTOCOL, 0};
        }
        memcpy(&e, buffer + at, sizeof(e));
        const char *name = buffer + at + sizeof(e);
        if (e.record_bytes < sizeof(e) + e.name_bytes || e.record_bytes > bytes - at) {
            return (struct outcome){ERR_PROTOCOL, 0};
        }
        bool dots = (e.name_bytes == 1 && name[0] == '.') ||
                    (e.name_bytes == 2 && name[0] == '.' && name[1] == '.');
        if (!dots && !add(list, name, e.name_bytes, &e)) {
            return outcome_errno(ENOMEM);
        }
        at += e.record_bytes;
    }
    return OUTCOME_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->name, ((const struct name *)b)->name);
}

static struct outcome read_all(struct file *f, struct listing *list)
{
    enum { SIZE = 32 << 10 };
    char *buffer = malloc(SIZE);
    struct outcome o = buffer ? OUTCOME_OK : outcome_errno(ENOMEM);
    uint64_t cursor = 0;
    uint32_t bytes = 1;
    while (!failed(o) && bytes > 0) {
        o = files_read_entries(f, &cursor, buffer, SIZE, &bytes);
        if (!failed(o)) {
            o = bytes <= SIZE ? take(list, buffer, bytes) : (struct outcome){ERR_PROTOCOL, 0};
        }
    }
    free(buffer);
    return o;
}

struct outcome files_list(const char *path, struct listing *out)
{
    struct file f;
    *out = (struct listing){0};
    struct outcome o = files_open(&f, path, FS_READ | FS_DIRECTORY, 0);
    if (failed(o)) {
        return o;
    }
    o = read_all(&f, out);
    struct outcome closed = files_close(&f);
    o = failed(o) ? o : closed;
    if (failed(o)) {
        files_free_listing(out);
        return o;
    }
    if (out->count > 0) {
        qsort(out->names, out->count, sizeof(out->names[0]), by_name);
    }
    return o;
}

void files_free_listing(struct listing *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->names[i].name);
    }
    free(list->names);
    *list = (struct listing){0};
}
