// SPDX-License-Identifier: MIT
#include "servers/fs/test/model.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct model_node *make(enum model_kind kind)
{
    struct model_node *n = calloc(1, sizeof(*n));
    n->kind = kind;
    return n;
}

void model_init(struct model *m)
{
    m->root = make(MODEL_DIR);
    m->root->parent = m->root;
    m->root->names = 1;
}

static void release(struct model_node *n)
{
    if (!n->names && !n->opens) {
        free(n->data);
        free(n->entries);
        free(n);
    }
}

static void free_tree(struct model_node *n)
{
    for (uint32_t i = 0; i < n->count; i++) {
        free(n->entries[i].name);
        if (n->entries[i].node->kind == MODEL_DIR) {
            free_tree(n->entries[i].node);
        } else if (!--n->entries[i].node->names) {
            release(n->entries[i].node);
        }
    }
    n->names = 0;
    n->count = 0;
    release(n);
}

void model_free(struct model *m)
{
    free_tree(m->root);
}

static struct model_name *find(struct model_node *dir, const char *name)
{
    for (uint32_t i = 0; i < dir->count; i++) {
        if (!strcmp(dir->entries[i].name, name)) {
            return &dir->entries[i];
        }
    }
    return nullptr;
}

static void insert(struct model_node *dir, const char *name, struct model_node *node)
{
    dir->entries = realloc(dir->entries, (dir->count + 1) * sizeof(dir->entries[0]));
    dir->entries[dir->count++] = (struct model_name){strdup(name), node};
    node->names++;
    if (node->kind == MODEL_DIR) {
        node->parent = dir;
    }
}

static void erase(struct model_node *dir, const char *name)
{
    struct model_name *e = find(dir, name);
    e->node->names--;
    struct model_node *node = e->node;
    free(e->name);
    *e = dir->entries[--dir->count];
    release(node);
}

// ---- Walking ----

struct place {
    struct model_node *dir; // that the last name is in; null at the root
    char name[256];
    struct model_node *node; // null: no such name
    bool slash;              // the path ended in one
};

// `links`: how many symbolic links were followed already.
static int walk(struct model *m, struct model_node *from, const char *path, bool follow, int links,
                struct place *out)
{
    struct model_node *dir = *path == '/' ? m->root : from;
    memset(out, 0, sizeof(*out));
    while (true) {
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (!length) {
            out->node = dir;
            return 0;
        }
        if (length > 255) {
            return ENAMETOOLONG;
        }
        const char *rest = path + length;
        bool slash = *rest == '/', last = !rest[strspn(rest, "/")];
        memcpy(out->name, path, length);
        out->name[length] = 0;
        struct model_name *e = find(dir, out->name);
        out->dir = dir;
        out->node = e ? e->node : nullptr;
        out->slash = last && slash;
        if (!e) {
            return last ? 0 : ENOENT;
        }
        if (e->node->kind == MODEL_LINK && (!last || follow || slash)) {
            char expanded[8192];
            if (links + 1 > 40) {
                return ELOOP;
            }
            snprintf(expanded, sizeof(expanded), "%s%s", (char *)e->node->data, rest);
            if (strlen(expanded) >= 4096) {
                return ENAMETOOLONG;
            }
            return walk(m, dir, expanded, follow, links + 1, out);
        }
        if (e->node->kind != MODEL_DIR && (!last || slash)) {
            return ENOTDIR;
        }
        if (last) {
            return 0;
        }
        dir = e->node;
        path = rest;
    }
}

static int walk_to_new(struct model *m, const char *path, struct place *p)
{
    int error = walk(m, m->root, path, false, 0, p);
    return error ? error : p->node ? EEXIST : 0;
}

static int walk_to_old(struct model *m, const char *path, bool follow, struct place *p)
{
    int error = walk(m, m->root, path, follow, 0, p);
    return error ? error : p->node ? 0 : ENOENT;
}

// ---- Operations ----

int model_mkdir(struct model *m, const char *path)
{
    struct place p;
    int error = walk_to_new(m, path, &p);
    if (!error) {
        insert(p.dir, p.name, make(MODEL_DIR));
    }
    return error;
}

int model_rmdir(struct model *m, const char *path)
{
    struct place p;
    int error = walk_to_old(m, path, false, &p);
    if (error || !p.dir) {
        return error ? error : EBUSY;
    }
    if (p.node->kind != MODEL_DIR) {
        return ENOTDIR;
    }
    if (p.node->count) {
        return ENOTEMPTY;
    }
    erase(p.dir, p.name);
    return 0;
}

int model_unlink(struct model *m, const char *path)
{
    struct place p;
    int error = walk_to_old(m, path, false, &p);
    if (error) {
        return error;
    }
    if (p.node->kind == MODEL_DIR) {
        return EISDIR;
    }
    erase(p.dir, p.name);
    return 0;
}

static bool is_below(const struct model *m, const struct model_node *dir,
                     const struct model_node *above)
{
    while (dir != m->root && dir != above) {
        dir = dir->parent;
    }
    return dir == above;
}

int model_rename(struct model *m, const char *from, const char *to)
{
    struct place old, new_;
    int error = walk_to_old(m, from, false, &old);
    error = error ? error : walk(m, m->root, to, false, 0, &new_);
    if (error || !old.dir || !new_.dir) {
        return error ? error : EBUSY;
    }
    bool dir = old.node->kind == MODEL_DIR;
    if (!dir && new_.slash) {
        return ENOTDIR;
    }
    if (dir && is_below(m, new_.dir, old.node)) {
        return EINVAL;
    }
    if (new_.node && dir != (new_.node->kind == MODEL_DIR)) {
        return dir ? ENOTDIR : EISDIR;
    }
    if (new_.node && dir && new_.node->count) {
        return ENOTEMPTY;
    }
    if (old.node == new_.node) {
        return 0;
    }
    if (new_.node) {
        erase(new_.dir, new_.name);
    }
    insert(new_.dir, new_.name, old.node);
    erase(old.dir, old.name);
    return 0;
}

int model_link(struct model *m, const char *from, const char *to)
{
    struct place old, p;
    int error = walk_to_old(m, from, false, &old);
    if (!error && old.node->kind == MODEL_DIR) {
        error = EPERM;
    }
    error = error ? error : walk_to_new(m, to, &p);
    error = error ? error : p.slash ? ENOENT : 0;
    if (!error) {
        insert(p.dir, p.name, old.node);
    }
    return error;
}

int model_symlink(struct model *m, const char *target, const char *path)
{
    struct place p;
    int error = walk_to_new(m, path, &p);
    error = error ? error : p.slash ? ENOENT : 0;
    if (!error) {
        struct model_node *n = make(MODEL_LINK);
        n->data = (uint8_t *)strdup(target);
        n->size = strlen(target);
        insert(p.dir, p.name, n);
    }
    return error;
}

int model_open(struct model *m, const char *path, bool create, struct model_node **out)
{
    struct place p;
    int error = walk(m, m->root, path, true, 0, &p);
    if (error) {
        return error;
    }
    if (!p.node && create) {
        if (p.slash) {
            return EISDIR;
        }
        p.node = make(MODEL_FILE);
        insert(p.dir, p.name, p.node);
    }
    if (!p.node) {
        return ENOENT;
    }
    if (p.node->kind == MODEL_DIR && create) {
        return EISDIR;
    }
    p.node->opens++;
    *out = p.node;
    return 0;
}

void model_close(struct model *, struct model_node *node)
{
    node->opens--;
    release(node);
}

void model_truncate(struct model_node *n, size_t size)
{
    n->data = realloc(n->data, size + 1);
    if (size > n->size) {
        memset(n->data + n->size, 0, size - n->size);
    }
    n->size = size;
}

void model_write(struct model_node *n, size_t at, const void *data, size_t bytes)
{
    if (at + bytes > n->size) {
        model_truncate(n, at + bytes);
    }
    memcpy(n->data + at, data, bytes);
}
