// SPDX-License-Identifier: MIT
// A service that is killed or moved while it is measured.
#pragma once
#include "interfaces/rs.client.h"
#include "lib/rt/rt.h"

struct subject {
    const char *name;
    bool (*prepare)(void); // before each round, not measured; may be nullptr
    bool (*ask)(void);     // a request that needs the service, so that its end is the service's first answer
    bool (*work)(void);    // a request that changes much of its state; may be nullptr
    uint32_t number;       // subject_find
    uint64_t after;        // number of the last event of rs that was looked at
};

// false, and a reported failure: it is not in this image.
bool subject_find(struct subject *s);
// Waits until it is ready, and the next incarnation is as far as that: RS_LINKED, or RS_COPIED, a warm spare.
bool subject_settled(struct subject *s, enum rs_spare spare);
// Waits for the event that tells of a move. The processor does not idle meanwhile: under icount, guest time then is
// instructions throughout.
bool subject_moved(struct subject *s, struct rs_event *event);

// The disk driver: a part of the disk that is not cached is read through fs.
extern struct subject subject_blk;
// The same, asked itself: a block is read.
extern struct subject subject_disk;
// The file service: the root directory is looked at.
extern struct subject subject_fs;
// Looks at a file in each of the directories that the host planted, so that fs has all their names in its heap.
bool subject_fs_fill(void);
// The hoard, see servers/hoard: one thing is changed.
extern struct subject subject_hoard;
bool subject_hoard_fill(void);
