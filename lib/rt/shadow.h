// SPDX-License-Identifier: MIT
// A copy of all state as it is when a transaction begins, for tests (STARTUP_CHECK): what a rollback leaves must be equal
// to it. Takes as much memory again as the service has, and as long as copying it, in each request.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct shadow {
    uint64_t at, room, used;     // pieces, one behind the other; at 0: none is kept
    uint64_t transaction;        // of undo_log, that has just begun
    uint64_t sections;           // of the module, with state: pieces without contents
    uint32_t section_count;
};
extern struct shadow shadow;

struct shadow_piece {
    uint64_t start, bytes; // so many bytes of contents follow, filled up to a multiple of 8
};

// At the birth, while the module can be read.
void shadow_init(void);
static inline bool shadow_wanted(void)
{
    return __builtin_expect(shadow.sections != 0, 0);
}
void shadow_take(void);
static inline void shadow_if_wanted(void)
{
    if (shadow_wanted()) {
        shadow_take();
    }
}

// What rt_on_check is for. False: `why` says what is wrong.
bool state_is_consistent(char *why, size_t room);
// From now on this incarnation serves, and no other one does.
void state_is_served_here(void);
// Ends the service if the state is not consistent, or another one serves.
void state_check_at_commit(void);

// The first word that is not what it was; 0: all are. `their` may be a dead one's, mapped here where it was there.
struct shadow_difference {
    uint64_t address, was, is;
};
bool shadow_differs(const struct shadow *their, bool (*is_there)(const void *context, uintptr_t address, size_t bytes),
                    const void *context, struct shadow_difference *out);
