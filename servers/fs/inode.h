// SPDX-License-Identifier: MIT
// Inodes in memory: one struct for each, however many open files and paths lead to it.
//
// Whoever gets one holds a reference until inode_put. Changes are made in `raw` and announced with
// inode_changed; they reach the disk at the next sync. The library sees and makes its changes
// through the same struct.
#pragma once
#include "servers/fs/volume.h"

// A run of blocks of a file: blocks [first, first + count) lie at `place` on; place 0 is a hole.
struct run {
    uint32_t first, count;
    uint64_t place;
    bool unwritten; // allocated, reads as zeros
};

// Remembered for a file at a time: in general, of one that has few (flat.h), and of one in whose many runs somebody jumps about.
enum { MAP_RUNS = 128, MAP_RUNS_FEW = 8, MAP_RUNS_MOST = 512 };

// A window onto a file's map of blocks: everything in [from, to) that is not in a run is a hole.
struct map_window {
    uint64_t from, to;
    uint32_t count, hint;
    uint32_t room;    // of them
    struct run *runs; // allocated at first use
};

struct inode {
    ext2_ino_t number;
    uint32_t references;
    struct inode *hash_next;
    struct inode *next, *prev;               // among the unused, if `listed`
    struct inode *dirty_next, *dirty_prev;   // among the changed
    struct inode *orphan_next, *orphan_prev; // among those without a name (orphan.h)
    bool listed; // among the unused, also while it is in use again
    bool used;   // since it was listed
    bool orphan;
    bool dirty;
    bool grown_dir; // a directory with blocks that the disk does not know yet
    bool dead;      // no name and not open: its space has been given back
    struct map_window map;
    struct dir_index *dir;
    // As on the disk, the volume's inode size of it, at least 160 bytes.
    union {
        struct ext2_inode raw;
        struct ext2_inode_large large;
    };
    uint8_t more[]; // of it
};
static_assert(offsetof(struct inode, more) == offsetof(struct inode, large) + sizeof(struct ext2_inode_large));

enum { INODE_BUCKETS = 4096 }; // the hash takes that for granted

int inode_open_cache(struct volume *v);
void inode_close_cache(struct volume *v);

// The one in memory; nullptr: it is not there. No reference is taken.
struct inode *inode_known(struct volume *v, ext2_ino_t number);
// Reads it in if need be. EUCLEAN: no such inode, or it does not check.
int inode_get(struct volume *v, ext2_ino_t number, struct inode **out);
// The same for one that no name may lead to.
int inode_get_nameless(struct volume *v, ext2_ino_t number, struct inode **out);
// The same as inode_get without a reference, for who only passes through: it is there until the next one is got.
int inode_pass(struct volume *v, ext2_ino_t number, struct inode **out);
static inline void inode_hold(struct inode *inode)
{
    inode->references++;
}
void inode_put(struct volume *v, struct inode *inode);
// Forgets those that nobody refers to and that are on the disk as they are.
void inode_drop_unused(struct volume *v);
void inode_changed(struct volume *v, struct inode *inode);

// Makes a new inode in the group of `parent` or near it; one reference, one link, marked as
// changed. ENOSPC, ENOMEM.
int inode_create(struct volume *v, struct inode *parent, uint32_t mode, struct inode **out);
// Takes back inode_create before anything else knew of the inode; drops the reference.
void inode_uncreate(struct volume *v, struct inode *inode);
// One link less; the last one frees everything, unless the file is open.
void inode_unlink(struct volume *v, struct inode *inode);
// Frees the space of an inode that has no links and is not open any more.
void inode_kill(struct volume *v, struct inode *inode);

// Writes the inode's bytes into the block cache (CLASS_MAP).
int inode_store(struct volume *v, struct inode *inode);

// Nanoseconds since 1970; which: 0 access, 1 modification, 2 change.
enum inode_time { TIME_ACCESS, TIME_MODIFY, TIME_CHANGE };
int64_t inode_time(const struct volume *v, const struct inode *inode, enum inode_time which);
void inode_set_time(struct volume *v, struct inode *inode, enum inode_time which, int64_t ns);
// Modification and change are now.
void inode_touch(struct volume *v, struct inode *inode);

static inline bool inode_is_dir(const struct inode *inode)
{
    return LINUX_S_ISDIR(inode->raw.i_mode);
}
static inline bool inode_is_file(const struct inode *inode)
{
    return LINUX_S_ISREG(inode->raw.i_mode);
}
static inline bool inode_is_link(const struct inode *inode)
{
    return LINUX_S_ISLNK(inode->raw.i_mode);
}
static inline uint64_t inode_size(const struct inode *inode)
{
    return EXT2_I_SIZE(&inode->raw);
}
