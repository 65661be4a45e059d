// SPDX-License-Identifier: MIT
// Handle tables: a growing array of entries in chunks of one page, paid by the task's account.
//
// Invariants: an entry with type OBJ_NONE is free. Free dynamic entries below `fresh` form a list;
// those at or above it were never used. A handle of a task to itself holds no reference, or no task
// would ever go away; all other handles hold one.
#pragma once
#include "kernel/task/object.h"

struct task;

struct handle_entry {
    struct object *object;
    uint64_t badge;  // free entry: index of the next free one, 0 at the end
    uint32_t rights; // enum right
    uint32_t tag;    // generation << 16 | type
    uint64_t reserved;
};

enum {
    HANDLE_CHUNK = PAGE_SIZE / sizeof(struct handle_entry),
    HANDLE_CHUNKS = (HANDLE_INDEX_MAX + 1) / HANDLE_CHUNK,
};
static_assert(sizeof(struct handle_entry) == 32 && HANDLE_CHUNK == 128 && HANDLE_CHUNKS == 64);

struct handle_table {
    struct handle_entry *chunk[HANDLE_CHUNKS]; // present ones come first
    uint32_t capacity; // entries in present chunks
    uint32_t fresh;    // first dynamic index never used
    uint32_t free;     // first of the list of freed dynamic indices, 0 if none
    uint32_t count;    // used entries
};

// The entry of a handle if it names an object of `type`, else NULL.
static inline struct handle_entry *handle_find(struct handle_table *t, uint64_t handle,
                                               enum object_type type)
{
    uint32_t index = handle & 0xffff;
    if (UNLIKELY(index >= t->capacity)) {
        return NULL;
    }
    struct handle_entry *e = &t->chunk[index / HANDLE_CHUNK][index % HANDLE_CHUNK];
    return LIKELY(e->tag == ((handle & ~0xffffull) | type)) ? e : NULL; // all 64 bits count
}

// The entry of any kind, NULL if there is none.
struct handle_entry *handle_any(struct handle_table *, uint64_t handle);
// The used dynamic entry with the smallest index above that of `handle`; its value, 0 if none.
handle_t handle_after(struct handle_table *, uint64_t handle);
// Why handle_get did not find what was asked for.
MUST_USE enum status handle_refusal(struct handle_table *, uint64_t handle, enum object_type type);
// Looks up with all checks: ERR_HANDLE, ERR_TYPE, ERR_RIGHTS (all of `rights` are needed).
MUST_USE static inline enum status handle_get(struct handle_table *t, uint64_t handle,
                                              enum object_type type, uint32_t rights,
                                              struct handle_entry **out)
{
    struct handle_entry *e = handle_find(t, handle, type);
    if (LIKELY(e != NULL) && LIKELY((e->rights & rights) == rights) && LIKELY(handle >> 32 == 0)) {
        *out = e;
        return OK;
    }
    return handle_refusal(t, handle, type);
}

MUST_USE enum status handle_table_init(struct task *);
// Makes sure that the next handle_add cannot fail. ERR_QUOTA, ERR_MEMORY.
MUST_USE enum status handle_reserve(struct task *);
// Adds a handle at a dynamic index, reserved before; takes a reference of its own.
handle_t handle_add(struct task *, struct object *, uint32_t rights, uint64_t badge);
// The same for a new object: the handle takes over the creator's reference.
static inline handle_t handle_give(struct task *task, struct object *o, uint32_t rights,
                                   uint64_t badge)
{
    handle_t h = handle_add(task, o, rights, badge);
    object_put(o);
    return h;
}
// Puts one at an index of the start-up range. ERR_EXISTS if it is taken.
MUST_USE enum status handle_put_at(struct task *, uint32_t index, struct object *, uint32_t rights,
                                   uint64_t badge);
void handle_remove(struct task *, uint32_t index);
// Removes up to `budget` handles; true when the table is empty and freed.
bool handle_table_destroy_step(struct task *, uint32_t budget);
// Moves all dynamic handles of `dead`, under their values, to `heir`, which must have none now. Values
// that the heir's own had are forgotten. ERR_STATE, ERR_QUOTA.
MUST_USE enum status handle_table_inherit(struct task *heir, struct task *dead);
