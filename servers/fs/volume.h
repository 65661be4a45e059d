// SPDX-License-Identifier: MIT
// A mounted ext4 volume: what all parts of the file service share.
//
// libext2fs knows the format (superblock, groups, bitmaps, extents, checksums); around it stand our
// own caches of blocks, inodes and names. The library reads and writes metadata through the block
// cache (channel.c) and inodes through the inode cache (hooks in inode.c), so there is one truth
// for each.
//
// Functions return 0 or a positive errno value unless they say otherwise. All of this is for one
// thread.
#pragma once
#include "servers/fs/cache.h"
#include "servers/fs/journal.h"
#include <sys/types.h>
#include <ext2fs/ext2fs.h>
#include <stdint.h>

struct inode;
struct open_file;

enum { VOLUME_BLOCK_MAX = 4096 }; // bytes of the largest blocks that are supported

enum volume_mode { VOLUME_UNUSABLE, VOLUME_READ_ONLY, VOLUME_WRITABLE };

// Blocks that no file needs any more, but that the disk still says some file has: not to be given
// away before that has been corrected there (see sync.c). The bitmap in memory keeps them marked
// meanwhile.
struct held_blocks {
    uint64_t first;
    uint32_t count;
};

struct volume {
    struct device *device;
    struct cache cache;
    ext2_filsys fs;
    enum volume_mode mode;
    int reason; // errno value that made it less than writable, 0 if it is or was asked to be so
    bool dirty; // the superblock on the disk says "not clean", or "needs recovery"
    bool shut_down;
    struct journal journal;
    uint64_t (*now_ns)(void);       // since 1970
    void (*note)(const char *text); // one line for the log
    void (*alive)(void);            // called now and then inside of long work
    void (*ask_chores)(void);

    // chores.c
    uint32_t chores;        // asked for
    uint32_t chores_failed; // and nobody has been told yet
    int chores_error;
    ext2_ino_t index_failed; // of that directory, likewise

    // inode.c
    struct inode **inode_buckets;
    struct inode *unused_first, *unused_last; // nobody refers to them, least recently used first
    struct inode *dirty_inodes;
    uint32_t inode_count, dirty_inode_count;
    uint32_t inode_limit;

    // space.c
    uint8_t *group_dirty; // a byte for each group: GROUP_BLOCKS, GROUP_INODES
    struct held_blocks *held;
    uint32_t held_count, held_capacity;
    ext2_ino_t *freed_inodes; // removed, but still marked in the bitmap, as with held blocks
    uint32_t freed_count, freed_capacity;
    uint64_t next_goal; // where the last search for free blocks ended
    bool tables_dirty;  // group descriptors or superblock counts changed

    // dir.c
    struct dir_index *dirs_first, *dirs_last; // least recently used first
    uint32_t dir_entries;                     // in all of them
    struct dirty_dir *dirty_dirs;             // directory blocks whose checksum is out of date
    uint32_t dirty_dir_count, dirty_dir_capacity;

    // path.c
    char *path_buffer[2];

    // open.c
    struct open_file *files;
    uint32_t life; // part of their numbers, not 0

    // orphan.c
    uint32_t orphans; // open files without a name
    struct inode *first_orphan;
};

struct volume_options {
    struct device *device;
    const struct cache_region *regions;
    uint32_t region_count;
    uint64_t cache_max_bytes; // the device may have more memory to give than the regions
    uint32_t life; // not 0: a file number of another life is known to be old
    bool read_only;
    uint64_t (*now_ns)(void);
    void (*note)(const char *text);
    void (*alive)(void);
    void (*ask_chores)(void); // has volume_do_chores called soon
};

// Mounts. Never fails as such: what is wrong with the disk is told by v->mode and v->reason, and
// every operation answers accordingly. EUCLEAN: a superblock or group table that does not check;
// EIO; EROFS: a read-only disk; ENOTSUP: a feature that is not known here. A journal that needs
// recovery is replayed; one that cannot be, or damage, makes the volume read-only.
void volume_mount(struct volume *v, const struct volume_options *options);
// Writes everything, marks the volume clean, frees all memory. Open files are closed. EIO.
int volume_unmount(struct volume *v);
// The same for a service about to die or a test of that: nothing is written.
void volume_abandon(struct volume *v);
// The same in a life that was restored from a checkpoint: what was under way at the disk will never
// complete.
void volume_forget(struct volume *v);

// To be called before anything is read: ENODEV or what is wrong, if the volume is unusable.
int volume_check(const struct volume *v);
// To be called first in every operation that changes something, before it holds anything: EROFS;
// makes room in the caches (which may write) and marks the volume as not clean on the disk.
int volume_begin(struct volume *v);
// False if it would not let an operation begin now.
bool volume_may_change(const struct volume *v);
// Seconds for the library and the superblock.
void volume_set_clock(struct volume *v);

// Turns what a library call returned into an errno value. Damage makes the volume read-only.
int volume_error(struct volume *v, errcode_t code);
// Damage was found: logs what and makes the volume read-only. Returns EUCLEAN.
int volume_damaged(struct volume *v, const char *what, uint64_t number);

// From now on the volume can do no more than `mode`, because of `reason`.
void volume_restrict(struct volume *v, enum volume_mode mode, int reason);

// Writes everything, as a transaction of the journal or in an order that keeps what is on the disk
// whole (sync.c). With `clean`, also marks the volume clean (unless open files without a name are
// left), for which the journal is emptied. EIO.
int volume_sync(struct volume *v, bool clean);
// To be called now and then: the same, with `clean` when it costs no more than it has to.
int volume_sync_by_time(struct volume *v);
// True if volume_sync(v, true) would have something to do.
bool volume_needs_sync(const struct volume *v);
// Writes the superblock, saying "not clean", before anything else changes.
int volume_mark_dirty(struct volume *v);
// For the journal: the superblock as it is in the block cache; writing that, without flushing.
int volume_super_bytes(struct volume *v, uint8_t **out);
int volume_write_super_block(struct volume *v);
// Forgets all that can be read again. Writes first.
int volume_drop_caches(struct volume *v);

// chores.c: work at the disk that has to come before an operation. In a request, gives it up until
// that is done. An error: it could not be done.
enum chore {
    CHORE_MARK_DIRTY = 1, // volume_mark_dirty
    CHORE_SYNC = 2,       // volume_sync, not clean
    CHORE_DRAIN = 4,      // writes contents of files until a quarter of the cache is left dirty
};
int volume_chore(struct volume *v, enum chore what);
// Does what was asked for; not in a request. May be begun again after a death in its middle.
void volume_do_chores(struct volume *v);

// channel.c: the library's way to the block cache.
extern struct struct_io_manager channel_manager;
void channel_set_volume(struct volume *v); // the one that the next ext2fs_open is for

static inline uint32_t block_bytes(const struct volume *v)
{
    return v->cache.block_bytes;
}

static inline uint64_t blocks_for(const struct volume *v, uint64_t bytes)
{
    return (bytes + block_bytes(v) - 1) >> v->cache.block_shift;
}
