// SPDX-License-Identifier: MIT
// What a file system should do, in a few hundred lines of plain memory: the tests compare the real
// one with it.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum model_kind { MODEL_FILE, MODEL_DIR, MODEL_LINK };

struct model_node;

struct model_name {
    char *name;
    struct model_node *node;
};

struct model_node {
    enum model_kind kind;
    uint32_t names; // that lead here
    uint32_t opens;
    uint8_t *data; // of a file or link
    size_t size;
    struct model_name *entries; // of a directory
    uint32_t count;
    struct model_node *parent; // of a directory
};

struct model {
    struct model_node *root;
};

void model_init(struct model *m);
void model_free(struct model *m);

// Each returns what the operation should: 0 or an errno value, and does it if it is 0.
int model_mkdir(struct model *m, const char *path);
int model_rmdir(struct model *m, const char *path);
int model_unlink(struct model *m, const char *path);
int model_rename(struct model *m, const char *from, const char *to);
int model_link(struct model *m, const char *from, const char *to);
int model_symlink(struct model *m, const char *target, const char *path);
// Finds (with `create` also makes) a regular file or directory, through symbolic links.
int model_open(struct model *m, const char *path, bool create, struct model_node **out);
void model_close(struct model *m, struct model_node *node);
void model_write(struct model_node *node, size_t at, const void *data, size_t bytes);
void model_truncate(struct model_node *node, size_t size);
