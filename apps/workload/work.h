// SPDX-License-Identifier: MIT
// The changing part: files below /work, what each must hold, and the operations on them. Every operation is
// checked by reading back before it is reported.
#pragma once
#include "apps/workload/tree.h"

struct limits {
    uint64_t bytes;     // of all files below /work
    uint64_t file_bytes; // of one source that is copied
    size_t files;
};

// `originals` stay where they are and are only read. seed decides everything that is drawn.
void work_start(const struct tree *originals, uint64_t seed, const struct limits *limits);

// One round of copies, appends, renames and deletions. Ends early when told to finish.
void work_round(void);

// Reads files back at random, up to `count`, or all of them with count 0.
void work_verify(size_t count);

// What a file below /work must hold now, nullptr if it must not be there.
const struct sha256 *work_expected(const char *path);
size_t work_count(void);
