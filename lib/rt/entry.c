// SPDX-License-Identifier: MIT
// Where the bootstrap jumps to: the entry point of every module. A file of its own, because host
// tests have another one.
#include "lib/rt/internal.h"

// The stack need not be aligned as a call would leave it.
[[noreturn, gnu::used, gnu::retain, gnu::force_align_arg_pointer]] void
start_service(const struct startup *given)
{
    rt_begin(given);
    if (rt_startup->flags & STARTUP_HEIR) {
        heir_begin();
    }
    if (rt_startup->flags & STARTUP_RESTORE) {
        restored_begin();
    }
    sys_task_exit((uint64_t)(unsigned)service_main());
}
