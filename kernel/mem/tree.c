// SPDX-License-Identifier: MIT
// AVL tree: after each change the path to the root is walked once and rotated where the heights of
// two siblings differ by two.
#include "kernel/mem/tree.h"

static int32_t height(const struct tree_node *n)
{
    return n != NULL ? n->height : 0;
}

static void update(struct tree_node *n)
{
    int32_t l = height(n->left), r = height(n->right);
    n->height = (l > r ? l : r) + 1;
}

// Puts `to` where `from` hung below its parent.
static void replace(struct tree *t, struct tree_node *from, struct tree_node *to)
{
    struct tree_node *p = from->parent;
    if (p == NULL) {
        t->root = to;
    } else if (p->left == from) {
        p->left = to;
    } else {
        p->right = to;
    }
    if (to != NULL) {
        to->parent = p;
    }
}

static struct tree_node *rotate_left(struct tree *t, struct tree_node *n)
{
    struct tree_node *r = n->right;
    replace(t, n, r);
    n->right = r->left;
    if (n->right != NULL) {
        n->right->parent = n;
    }
    r->left = n;
    n->parent = r;
    update(n);
    update(r);
    return r;
}

static struct tree_node *rotate_right(struct tree *t, struct tree_node *n)
{
    struct tree_node *l = n->left;
    replace(t, n, l);
    n->left = l->right;
    if (n->left != NULL) {
        n->left->parent = n;
    }
    l->right = n;
    n->parent = l;
    update(n);
    update(l);
    return l;
}

static void rebalance(struct tree *t, struct tree_node *n)
{
    while (n != NULL) {
        int32_t before = n->height, l = height(n->left), r = height(n->right), lean = l - r;
        if (lean > 1) {
            if (height(n->left->left) < height(n->left->right)) {
                rotate_left(t, n->left);
            }
            n = rotate_right(t, n);
        } else if (lean < -1) {
            if (height(n->right->right) < height(n->right->left)) {
                rotate_right(t, n->right);
            }
            n = rotate_left(t, n);
        } else if (before == (l > r ? l : r) + 1) {
            return; // nothing changes here or further up
        } else {
            n->height = (l > r ? l : r) + 1;
        }
        if (n->height == before) {
            return; // a rotation has restored it
        }
        n = n->parent;
    }
}

// Makes the node the leaf at `at`, a free place below `parent`.
static void hang(struct tree *t, struct tree_node *node, struct tree_node **at,
                 struct tree_node *parent)
{
    *at = node;
    node->left = node->right = NULL;
    node->parent = parent;
    node->height = 1;
    rebalance(t, parent);
}

void tree_insert(struct tree *t, struct tree_node *node)
{
    struct tree_node **at = &t->root, *parent = NULL;
    while (*at != NULL) {
        parent = *at;
        at = node->key < parent->key ? &parent->left : &parent->right;
    }
    hang(t, node, at, parent);
}

void tree_insert_between(struct tree *t, struct tree_node *node, struct tree_node *before,
                         struct tree_node *after)
{
    // Of two neighbours, the left one has no right child or the right one has no left child.
    if (before != NULL && before->right == NULL) {
        hang(t, node, &before->right, before);
    } else {
        hang(t, node, after != NULL ? &after->left : &t->root, after);
    }
}

void tree_remove(struct tree *t, struct tree_node *node)
{
    struct tree_node *start; // where heights may have changed first
    if (node->left != NULL && node->right != NULL) {
        struct tree_node *heir = node->right;
        while (heir->left != NULL) {
            heir = heir->left;
        }
        start = heir->parent == node ? heir : heir->parent;
        if (heir->parent != node) {
            replace(t, heir, heir->right);
            heir->right = node->right;
            heir->right->parent = heir;
        }
        replace(t, node, heir);
        heir->left = node->left;
        heir->left->parent = heir;
        heir->height = node->height;
    } else {
        start = node->parent;
        replace(t, node, node->left != NULL ? node->left : node->right);
    }
    node->left = node->right = node->parent = NULL;
    node->height = 0;
    rebalance(t, start);
}

struct tree_node *tree_first(const struct tree *t)
{
    struct tree_node *n = t->root;
    while (n != NULL && n->left != NULL) {
        n = n->left;
    }
    return n;
}

struct tree_node *tree_next(const struct tree_node *node)
{
    const struct tree_node *n = node;
    if (n->right != NULL) {
        n = n->right;
        while (n->left != NULL) {
            n = n->left;
        }
        return (struct tree_node *)n;
    }
    while (n->parent != NULL && n->parent->right == n) {
        n = n->parent;
    }
    return n->parent;
}

struct tree_node *tree_find(const struct tree *t, uint64_t key)
{
    struct tree_node *n = t->root, *best = NULL;
    while (n != NULL) {
        if (n->key <= key) {
            best = n;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return best;
}
