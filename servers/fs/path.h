// SPDX-License-Identifier: MIT
// From a path to an inode.
#pragma once
#include "servers/fs/inode.h"

enum { PATH_BYTES_MAX = 4096, PATH_LINKS_MAX = 40 };

// How a path ended: in a name, or in none of its own ("/", "." or ".."), with the directory as `inode` and no `parent`.
enum found_end { END_NAME, END_ROOT, END_DOT, END_UP };

// What path_walk found. References are held to `parent` and `inode`: path_done gives them back.
struct found {
    struct inode
        *parent;      // the directory that the last name is in; null if the path ends without one
    const char *name; // in the volume's path buffer: good until the next walk
    uint32_t length;
    struct inode *inode; // null: there is no such name (only with WALK_MAY_MISS)
    bool must_be_dir;    // the path ended in "/"
    enum found_end end;
};

enum walk {
    WALK_FOLLOW = 1,   // a symbolic link at the end is followed too
    WALK_MAY_MISS = 2, // the last name need not be there (everything before it must)
    WALK_ALONE = 4,    // `parent` is not asked for, and stays null
};

// ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP; EINVAL: not absolute, or with a zero in it.
int path_walk(struct volume *v, const char *path, size_t bytes, uint32_t how, struct found *out);
void path_done(struct volume *v, struct found *f);

// What a symbolic link says: up to `room` bytes of it, its whole length in *length.
int path_read_link(struct volume *v, struct inode *link, char *to, size_t room, uint32_t *length);

int path_open(struct volume *v);
void path_close(struct volume *v);
