// SPDX-License-Identifier: MIT
// Moving state: a newborn takes over globals, heap and mappings of a dead incarnation, each object
// at a new random place, each pointer rewritten.
//
// The predecessor's writable memory is mapped here at its own addresses while that lasts, so its
// pointers can be followed as they are. Nothing of it is changed but by the rollback of its
// unfinished transaction, which may be repeated: a newborn that fails, or dies, leaves a
// predecessor from which the next one can start again.
//
//   move.c      the course of it            view.c     the predecessor's memory in this task
//   address.c   old address -> new address  objects.c  the heap: to-space, work list
//   plan.c      where a type's pointers are changes.c  what has changed in it since a pass before
//   globals.c   data sections
//   handles.c   closing what nothing names; their names in a checkpoint
//   save.c      writing a checkpoint         restore.c  reading one
//   update.c    into another version: match.c finds sections, update_contents.c converts what is
//               in them, convert.c fields
#pragma once
#include "kernel/abi/startup.h"
#include <stddef.h>
#include <stdint.h>

#define MOVE_ERROR(X)                                                                              \
    X(OK, "moved")                                                                                 \
    X(NO_MEMORY, "no memory for the move")                                                         \
    X(NO_LAYOUT, "the predecessor's layout is not known")                                          \
    X(CONFLICT, "a place of the predecessor is taken in this layout; another layout will do")       \
    X(VIEW, "the predecessor's memory cannot be mapped")                                           \
    X(LOG, "the predecessor's undo log overflowed or is damaged: its state is not consistent")      \
    X(UNDONE, "the rollback has not brought back what the transaction began with")                 \
    X(RECORDS, "records of globals are damaged")                                                   \
    X(MAP, "a type map is damaged")                                                                \
    X(HEAP, "the predecessor's heap is damaged")                                                   \
    X(TYPE, "an object names a type that does not exist")                                          \
    X(TAG, "a union's tag has no known value")                                                     \
    X(STALE, "a word looks like a pointer, but no map knows it")                                   \
    X(COPY, "what was copied ahead is not what there is")                                          \
    X(MAPPING, "a mapping of the predecessor cannot be taken over")                                \
    X(VERSION, "the state does not fit this version"               )                                \
    X(DAMAGED, "the checkpoint is damaged")                                                        \
    X(OTHER, "the checkpoint is another program's, or of another version of it")                   \
    X(ROOM, "the state is larger than a checkpoint of this service may be")                        \
    X(CLASH, "a number looks like an address of the checkpoint; the next one will do")             \
    X(BOUND, "what it knows is bound to this life")                                                \
    X(STATE, "what was taken over contradicts itself")

enum move_error {
#define X(name, text) MOVE_##name,
    MOVE_ERROR(X)
#undef X
    MOVE_ERRORS
};
const char *move_error_text(enum move_error error);

struct move_report {
    uint64_t objects, bytes; // of the heap
    uint64_t pointers;       // rewritten, globals included
    uint64_t leaks;          // heap objects that nothing points to
    uint64_t wild;           // typed pointers that lead to nothing
    // Of memory without a type: places that were tried; taken for pointers; none, although what stood
    // there could have been an address. In all passes: what has changed since the first counts twice.
    uint64_t tried, found, doubtful;
    char where[128];         // what was wrong, if something was
};

// Copies ahead, while the predecessor still serves: everything the first time, later what has
// changed since. So the move itself has less to do. May be called any number of times.
[[nodiscard]] enum move_error move_ahead(const struct startup *startup, handle_t predecessor,
                                         struct move_report *report);

// Where a pointer may begin in memory without a type: at each multiple of so many bytes. 8, unless a
// service whose library packs pointers says otherwise by MOVE_SCAN_EVERY (lib/rt/movable.h).
extern const uint32_t rt_scan_step;

// The move: runs once in an heir, when its own runtime has started and nothing is on its heap but
// what move_ahead brought there. `predecessor` is the handle of a dead task, with READ and WRITE.
[[nodiscard]] enum move_error move_state(const struct startup *startup, handle_t predecessor,
                                         struct move_report *report);

// Writes down the state of this task, which is between two transactions. The service does not know
// its own layout: the supervisor lends it the record and the module. See save.h for the format.
struct move_save {
    const void *module; // as linked
    uint64_t module_bytes;
    const struct layout_record *layout;
    void *to; // aligned to 8
    uint64_t room;
    uint64_t bytes; // out: what was written
};
[[nodiscard]] enum move_error move_save(struct move_save *save, struct move_report *report);

// Takes over the state from startup->checkpoint; where the service runs since its birth there is
// nothing on its heap. What is wrong with a checkpoint is an error, whatever is in it.
// clock_ns: the time when it was written, by the clock of then.
[[nodiscard]] enum move_error move_restore(const struct startup *startup,
                                           struct move_report *report, uint64_t *clock_ns);

// Gives back a part of what the move needed, the view of the predecessor's memory for one; false:
// nothing is left. For idle moments after the move.
bool move_clean_up(void);
