// SPDX-License-Identifier: MIT
// A balanced (AVL) search tree whose nodes live inside other structures. Holds the regions of a task
// (key: address) and the armed timers (key: time). Keys may repeat; equal keys keep insertion order.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct tree_node {
    struct tree_node *left, *right, *parent;
    uint64_t key;
    int32_t height; // 0: not in a tree
};

struct tree {
    struct tree_node *root;
};

void tree_insert(struct tree *, struct tree_node *); // node->key is set by the caller
// The same for one who has just looked: `before` is what tree_find says of the key, `after` what follows it
// (tree_next, or tree_first without a `before`). Spares the second way down.
void tree_insert_between(struct tree *, struct tree_node *, struct tree_node *before,
                         struct tree_node *after);
void tree_remove(struct tree *, struct tree_node *);
struct tree_node *tree_first(const struct tree *);
struct tree_node *tree_next(const struct tree_node *);
// The last node whose key is <= key, NULL if there is none.
struct tree_node *tree_find(const struct tree *, uint64_t key);
