// SPDX-License-Identifier: MIT
// The workload as a service. Arguments: seed=N rounds=N work_mib=N file_mib=N.
#include "apps/lib/files.h"
#include "apps/lib/poll.h"
#include "apps/workload/conductor.h"
#include "apps/workload/report.h"
#include "apps/workload/run.h"
#include "lib/rt/rt.h"
#include <stdlib.h>

static uint64_t argument(const char *name, uint64_t otherwise)
{
    char text[24], *end;
    if (!rt_arg(name, text, sizeof(text))) {
        return otherwise;
    }
    uint64_t n = strtoull(text, &end, 10);
    if (*end) {
        log_warn("argument %s=%s is no number; %llu is taken", name, text, (unsigned long long)otherwise);
        return otherwise;
    }
    return n;
}

int service_main(void)
{
    handle_t conductor = rt_handle("conductor");
    struct plan plan = {
        .seed = argument("seed", 1) + rt_startup->incarnation - 1,
        .rounds = argument("rounds", conductor == HANDLE_NONE ? 1 : 0),
        .limits = {.bytes = argument("work_mib", 32) << 20,
                   .file_bytes = argument("file_mib", 2) << 20,
                   .files = 300},
        .again = rt_startup->incarnation > 1,
    };
    files_use(rt_handle("fs"));
    report_open(conductor);
    rt_ready();
    report_wait_for_start();
    run(&plan);
    for (;;) { // done; a service does not end
        (void)app_wait(0, "nothing", rt_now_ns() + 1000000000);
    }
}
