// SPDX-License-Identifier: MIT
// All regular files of the volume, in the order of their paths' bytes, whatever order the directories have.
#pragma once
#include "apps/lib/outcome.h"
#include "apps/lib/sha256.h"

struct known {
    char *path;
    uint64_t size;
    uint8_t digest[SHA256_BYTES];
    bool hashed; // size and digest are known
};

struct tree {
    struct known *files;
    size_t count, room;
};

// Finds them below `root`; "/lost+found" is left out. What cannot be looked at is reported and left out.
// Returns ERR_MEMORY when there are too many, else OK.
MUST_USE enum status tree_walk(struct tree *tree, const char *root);
void tree_free(struct tree *tree);

// The file of that path, nullptr if none.
struct known *tree_find(const struct tree *tree, const char *path);

// Reads a whole file. *sha holds the running state afterwards, *size its length. Adds to progress.bytes.
struct outcome hash_file(const char *path, struct sha256 *sha, uint64_t *size);
