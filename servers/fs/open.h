// SPDX-License-Identifier: MIT
// Open files: the table behind the numbers that clients hold.
#pragma once
#include "servers/fs/inode.h"

enum { OPEN_FILES_MAX = 1024 };

struct open_file {
    struct inode *inode; // referenced; null: this place is free
    uint64_t badge;      // of the client
    uint16_t generation; // of this place: an old number does not name the next file
    bool readable, writable, append;
    // Read-ahead: where a sequential reader would go on, up to which block has been asked for, how
    // far to look ahead.
    uint64_t next_offset;
    uint64_t ahead_to;
    uint32_t ahead_blocks;
};

int open_files_open(struct volume *v);
// Closes all. Without `properly` nothing is done for files without a name.
void open_files_close(struct volume *v, bool properly);

// Opens (and makes, and truncates) as `flags` (enum fs_open_flag) say.
int open_path(struct volume *v, const char *path, size_t bytes, uint32_t flags, uint32_t mode,
              uint64_t badge, uint64_t *id, struct open_file **out);
// EBADF; ESTALE: a number of an earlier life, before the state was lost.
int open_find(struct volume *v, uint64_t id, uint64_t badge, struct open_file **out);
int open_close(struct volume *v, uint64_t id, uint64_t badge);

// What is open, without the volume in memory: for a life that begins with older state. Place by
// place, OPEN_FILES_MAX of them.
struct open_note {
    uint32_t number, generation_on_disk, type; // of the inode; number 0: nothing is open here
    uint64_t badge;
    uint16_t generation;
    bool readable, writable, append;
};
// To be freed by the caller; nullptr: no memory.
struct open_note *open_files_note(const struct volume *v);
// Opens again, under the same numbers, what is still there: the same inode, with a name, not
// removed and made anew in between. Of the others the numbers are as those of closed files.
void open_files_renew(struct volume *v, const struct open_note *notes);
