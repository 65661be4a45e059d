// SPDX-License-Identifier: MIT
// One that starts with nothing may have inherited handles all the same: from an incarnation that died
// before it was ready. They are nobody's.
#include "lib/rt/internal.h"

static bool is_given(handle_t handle)
{
    for (uint32_t i = 0; i < rt_startup->handle_count && i < STARTUP_HANDLES; i++) {
        if (rt_startup->handles[i].handle == handle) {
            return true;
        }
    }
    return handle == rt_port;
}

void drop_inherited(void)
{
    handle_t handle = HANDLE_NONE;
    while (sys_handle_next(handle, &handle) == OK) {
        if (!is_given(handle)) {
            (void)sys_handle_close(handle);
        }
    }
}
