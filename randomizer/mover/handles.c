// SPDX-License-Identifier: MIT
// Handles that came over with the predecessor's table and that nothing in its state names: made by a
// transaction that was undone. A caller that such a transaction had parked goes back to its port.
#include "randomizer/mover/internal.h"

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
