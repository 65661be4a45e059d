// SPDX-License-Identifier: MIT
// A course: a long input for one library, made from a seed, in blocks of requests. Of each block the digest of all
// that came back is told.
#pragma once
#include "apps/lib/sha256.h"
#include "apps/thirdparty/dice.h"
#include "kernel/abi/status.h"
#include <stddef.h>
#include <stdint.h>

enum { BLOCK_REQUESTS = 25 }; // at least; a block ends with the step under way

struct course {
    const char *name;
    // One step: a request, or a few that belong together.
    void (*step)(struct course *c);
    struct dice dice;
    struct sha256 sha; // of the block under way
    uint64_t requests, errors, wrong, in_bytes, out_bytes;
    uint32_t block, block_requests;
};

// What came back for one request.
struct result {
    uint32_t operation; // as the course numbers them
    enum status status;
    uint64_t words[2];
    size_t in_bytes; // that were sent along
    const void *bytes;
    size_t count;
};
// Takes the result into the block's digest. An error status is counted and told, too.
void course_note(struct course *c, const struct result *r);

// The course found by itself that the library did wrong.
void course_wrong(struct course *c, const char *what);

void sqlite_step(struct course *c);
void zlib_step(struct course *c);
void mujs_step(struct course *c);
