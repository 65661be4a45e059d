// SPDX-License-Identifier: MIT
// Walking paths, name by name, through symbolic links.
#include "servers/fs/path.h"
#include "lib/rt/heap.h"
#include "servers/fs/dir.h"
#include "servers/fs/map.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int path_open(struct volume *v)
{
    v->path_buffer[0] = new_array(char, PATH_BYTES_MAX);
    v->path_buffer[1] = new_array(char, PATH_BYTES_MAX);
    return v->path_buffer[0] && v->path_buffer[1] ? 0 : ENOMEM;
}

void path_close(struct volume *v)
{
    free(v->path_buffer[0]);
    free(v->path_buffer[1]);
    v->path_buffer[0] = v->path_buffer[1] = nullptr;
}

int path_read_link(struct volume *v, struct inode *link, char *to, size_t room, uint32_t *length)
{
    uint64_t size = inode_size(link);
    int error = map_supported(link);
    if (error || !size || size >= PATH_BYTES_MAX || size > block_bytes(v)) {
        return error ? error : volume_damaged(v, "length of symbolic link", link->number);
    }
    *length = (uint32_t)size;
    size_t n = size < room ? size : room;
    if (ext2fs_is_fast_symlink(&link->raw)) {
        memcpy(to, link->raw.i_block, n);
        return 0;
    }
    struct run r;
    uint8_t *bytes;
    error = map_find(v, link, 0, &r);
    if (!error && !r.place) {
        error = volume_damaged(v, "block of symbolic link", link->number);
    }
    error = error ? error : cache_get(&v->cache, r.place, &bytes);
    if (!error) {
        memcpy(to, bytes, n);
    }
    return error;
}

// A walk in progress: what is left of the path, where it stands.
struct walker {
    struct volume *v;
    const char *at, *end; // in the caller's path, or in v->path_buffer[which] once a link was followed
    int which;
    uint32_t links;
    struct inode *dir; // not referenced: the walk only passes through (inode_pass)
};

static int go_to(struct walker *w, ext2_ino_t number)
{
    return inode_pass(w->v, number, &w->dir);
}

// Puts what the link in directory `here` says before what is left of the path.
static int follow(struct walker *w, ext2_ino_t here, struct inode *link)
{
    char *to = w->v->path_buffer[!w->which];
    uint32_t length;
    if (++w->links > PATH_LINKS_MAX) {
        return ELOOP;
    }
    int error = path_read_link(w->v, link, to, PATH_BYTES_MAX, &length);
    if (error) {
        return error;
    }
    size_t rest = (size_t)(w->end - w->at);
    if (length + rest >= PATH_BYTES_MAX) {
        return ENAMETOOLONG;
    }
    memcpy(to + length, w->at, rest); // begins with the "/" after the link's name, if there is more
    w->which = !w->which;
    w->at = to;
    w->end = to + length + rest;
    return go_to(w, *to == '/' ? EXT2_ROOT_INO : here);
}

static bool is_dots(const char *name, uint32_t length)
{
    return name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
}

static int parent_of(struct volume *v, struct inode *dir, ext2_ino_t *out)
{
    struct dir_entry *e;
    int error = dir_find(v, dir, "..", 2, &e);
    if (!error && !e) {
        error = volume_damaged(v, "no parent in directory", dir->number);
    }
    if (!error) {
        *out = e->inode;
    }
    return error;
}

// The path ends in the directory where the walk is.
static void arrive(struct walker *w, enum found_end end, struct found *out)
{
    inode_hold(w->dir);
    out->inode = w->dir;
    out->end = end;
    w->dir = nullptr;
}

static int step_dots(struct walker *w, uint32_t length, bool last, struct found *out)
{
    if (length == 2) {
        ext2_ino_t up;
        int error = parent_of(w->v, w->dir, &up);
        error = error ? error : go_to(w, up);
        if (error) {
            return error;
        }
    }
    if (last) {
        arrive(w, length == 2 ? END_UP : END_DOT, out);
    }
    return 0;
}

// A name in the middle.
static int pass_name(struct walker *w, const char *name, uint32_t length)
{
    struct dir_entry *e;
    ext2_ino_t here = w->dir->number;
    int error = dir_find(w->v, w->dir, name, length, &e);
    error = error ? error : !e ? ENOENT : go_to(w, e->inode);
    if (error) {
        return error;
    }
    return inode_is_link(w->dir) ? follow(w, here, w->dir) : inode_is_dir(w->dir) ? 0 : ENOTDIR;
}

// The last name, which leads to `out->inode`.
static int end_name(struct walker *w, uint32_t how, struct found *out)
{
    struct dir_entry *e;
    ext2_ino_t here = w->dir->number;
    int error = dir_find(w->v, w->dir, out->name, out->length, &e);
    if (!error && !e) {
        error = how & WALK_MAY_MISS ? 0 : ENOENT;
    } else if (!error) {
        error = inode_get(w->v, e->inode, &out->inode);
    }
    w->dir = nullptr;
    if (error || !out->inode) {
        return error;
    }
    if (inode_is_link(out->inode) && (how & WALK_FOLLOW || out->must_be_dir)) {
        error = follow(w, here, out->inode);
        path_done(w->v, out);
        return error;
    }
    return out->must_be_dir && !inode_is_dir(out->inode) ? ENOTDIR : 0;
}

static int last_name(struct walker *w, const char *name, uint32_t length, uint32_t how, struct found *out)
{
    out->name = name;
    out->length = length;
    if (!(how & WALK_ALONE)) {
        out->parent = w->dir;
        inode_hold(out->parent);
    }
    int error = end_name(w, how, out);
    if (error) {
        path_done(w->v, out);
    }
    return error;
}

static int step(struct walker *w, uint32_t how, struct found *out)
{
    while (w->at < w->end && *w->at == '/') {
        w->at++;
    }
    if (w->at == w->end) {
        arrive(w, END_ROOT, out);
        return 0;
    }
    const char *name = w->at;
    while (w->at < w->end && *w->at != '/') {
        w->at++;
    }
    uint32_t length = (uint32_t)(w->at - name);
    const char *rest = w->at;
    while (rest < w->end && *rest == '/') {
        rest++;
    }
    bool last = rest == w->end;
    out->must_be_dir = last && rest != w->at;
    if (length > DIR_NAME_MAX) {
        return ENAMETOOLONG;
    }
    if (is_dots(name, length)) {
        return step_dots(w, length, last, out);
    }
    return last ? last_name(w, name, length, how, out) : pass_name(w, name, length);
}

int path_walk(struct volume *v, const char *path, size_t bytes, uint32_t how, struct found *out)
{
    memset(out, 0, sizeof(*out));
    if (bytes >= PATH_BYTES_MAX) {
        return ENAMETOOLONG;
    }
    if (!bytes || *path != '/' || memchr(path, 0, bytes)) {
        return EINVAL;
    }
    struct walker w = {.v = v, .at = path, .end = path + bytes};
    int error = inode_get(v, EXT2_ROOT_INO, &w.dir);
    if (!error && !inode_is_dir(w.dir)) {
        error = volume_damaged(v, "the root is no directory: inode", EXT2_ROOT_INO);
    }
    while (!error && w.dir) {
        error = step(&w, how, out);
    }
    return error;
}

void path_done(struct volume *v, struct found *f)
{
    inode_put(v, f->parent);
    inode_put(v, f->inode);
    f->parent = f->inode = nullptr;
}
