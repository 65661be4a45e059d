// SPDX-License-Identifier: MIT
#include "apps/workload/tree.h"
#include "apps/lib/files.h"
#include "apps/lib/path.h"
#include "apps/workload/report.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool add(struct tree *tree, const char *path)
{
    if (tree->count == tree->room) {
        size_t room = tree->room ? tree->room * 2 : 64;
        struct known *more = realloc(tree->files, room * sizeof(*more));
        if (!more) {
            return false;
        }
        tree->files = more;
        tree->room = room;
    }
    size_t n = strlen(path) + 1;
    char *copy = malloc(n);
    if (!copy) {
        return false;
    }
    memcpy(copy, path, n);
    tree->files[tree->count++] = (struct known){.path = copy};
    return true;
}

// The files of one directory go into `tree`, its directories into `ahead`.
static bool look(struct tree *tree, struct tree *ahead, const char *directory)
{
    struct listing list;
    char path[PATH_SIZE];
    struct outcome o = files_list(directory, &list);
    if (failed(o)) {
        report_error("list", directory, nullptr, o);
        return !is_errno(o, ENOMEM);
    }
    bool room = true;
    for (size_t i = 0; i < list.count && room; i++) {
        if (!path_join(path, directory, list.names[i].name)) {
            report_error("name", directory, nullptr, outcome_errno(ENAMETOOLONG));
        } else if (list.names[i].kind == FS_FILE) {
            room = add(tree, path);
        } else if (list.names[i].kind == FS_DIR && strcmp(path, "/lost+found") != 0) {
            room = add(ahead, path);
        }
    }
    files_free_listing(&list);
    return room;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct known *)a)->path, ((const struct known *)b)->path);
}

enum status tree_walk(struct tree *tree, const char *root)
{
    struct tree ahead = {0};
    *tree = (struct tree){0};
    bool room = add(&ahead, root);
    while (room && ahead.count > 0) {
        char *directory = ahead.files[--ahead.count].path;
        room = look(tree, &ahead, directory);
        free(directory);
        (void)report_step();
    }
    tree_free(&ahead);
    if (tree->count > 0) {
        qsort(tree->files, tree->count, sizeof(tree->files[0]), by_path);
    }
    return room ? OK : ERR_MEMORY;
}

void tree_free(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->files[i].path);
    }
    free(tree->files);
    *tree = (struct tree){0};
}

struct known *tree_find(const struct tree *tree, const char *path)
{
    struct known key = {.path = (char *)path};
    return tree->count ? bsearch(&key, tree->files, tree->count, sizeof(key), by_path) : nullptr;
}

struct outcome hash_file(const char *path, struct sha256 *sha, uint64_t *size)
{
    static char buffer[FILES_CHUNK];
    struct file f;
    size_t got = 1;
    sha256_start(sha);
    struct outcome o = files_open(&f, path, FS_READ, 0);
    if (failed(o)) {
        return o;
    }
    while (!failed(o) && got > 0) {
        o = files_read(&f, buffer, sizeof(buffer), &got);
        sha256_add(sha, buffer, got);
        progress.bytes += got;
        (void)report_step();
    }
    struct outcome closed = files_close(&f);
    *size = sha->bytes;
    return failed(o) ? o : closed;
}
