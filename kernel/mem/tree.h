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
void tree_remove(struct tree *, struct tree_node *);
struct tree_node *tree_first(const struct tree *);
struct tree_node *tree_next(const struct tree_node *);
// The last node whose key is <= key, NULL if there is none.
struct tree_node *tree_find(const struct tree *, uint64_t key);
