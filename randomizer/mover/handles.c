// SPDX-License-Identifier: MIT
// Handles that came over with the predecessor's table and that nothing in its state names: made by a
// transaction that was undone. A caller that such a transaction had parked goes back to its port.
#include "randomizer/mover/save.h"

static void drop(handle_t handle)
{
    struct reply_info info;
    if (sys_reply_info(handle, &info) == OK && info.bound) {
        (void)sys_reply_return(handle);
    }
    (void)sys_handle_close(handle);
}

void handles_sweep(struct mover *m)
{
    handle_t handle = HANDLE_NONE;
    while (sys_handle_next(handle, &handle) == OK) {
        uint32_t index = handle & 8191;
        if (!(m->named[index / 64] >> (index % 64) & 1)) {
            drop(handle);
        }
    }
}

// ---- In checkpoints ----

// A handle is a number of one task's table. What another life can find again is what has a name.

static handle_t name_of(uint32_t kind, uint32_t index)
{
    return kind << NAME_KIND_SHIFT | index;
}

handle_t handle_saved(handle_t handle)
{
    if (handle == HANDLE_NONE || handle <= H_RS) {
        return handle == HANDLE_NONE ? HANDLE_NONE : name_of(NAME_FIXED, handle);
    }
    for (uint32_t i = 0; i < rt_startup->handle_count && i < STARTUP_HANDLES; i++) {
        if (rt_startup->handles[i].handle == handle) {
            return name_of(NAME_MANIFEST, i);
        }
    }
    return HANDLE_NONE;
}

static handle_t of_manifest(const struct named *n)
{
    for (uint32_t i = 0; i < rt_startup->handle_count && i < STARTUP_HANDLES; i++) {
        const struct named_handle *h = &rt_startup->handles[i];
        if (__builtin_strncmp(h->name, n->name, sizeof(n->name)) == 0) {
            return h->handle;
        }
    }
    return HANDLE_NONE;
}

handle_t handle_restored(const struct mover *m, handle_t name)
{
    uint32_t index = name & ((1u << NAME_KIND_SHIFT) - 1);
    switch (name >> NAME_KIND_SHIFT) {
    case NAME_FIXED:
        return index <= H_RS ? index : HANDLE_NONE;
    case NAME_MANIFEST:
        return index < m->names->names ? of_manifest(&m->names->name[index]) : HANDLE_NONE;
    default:
        return HANDLE_NONE;
    }
}
