// SPDX-License-Identifier: MIT
// The program that asks the three services. Arguments: input=SEED blocks=N show=NAME, NAME:BLOCK or all.
#include "apps/lib/poll.h"
#include "apps/thirdparty/run.h"
#include "apps/thirdparty/services.h"
#include "apps/thirdparty/show.h"
#include "apps/workload/conductor.h"
#include "apps/workload/report.h"
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

void show_line(const char *line)
{
    log_info("%s", line);
}

int service_main(void)
{
    char show[40] = "";
    (void)rt_arg("show", show, sizeof(show));
    struct plan plan = {
        .seed = argument("input", 1),
        .blocks = (uint32_t)argument("blocks", 20),
        .show = show,
        .again = rt_startup->incarnation > 1,
    };
    report_open(rt_handle("conductor"));
    if (!services_open()) {
        return 1;
    }
    rt_ready();
    report_wait_for_start();
    run(&plan);
    for (;;) { // done; a service does not end
        (void)app_wait(0, "nothing", rt_now_ns() + 1000000000);
    }
}
