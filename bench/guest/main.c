// SPDX-License-Identifier: MIT
// The measuring service. With `bench.groups=N` on the kernel command line it runs those groups at its start and
// then, with `bench.poweroff=1`, powers the machine off.
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "interfaces/bench.server.h"
#include "interfaces/rs.client.h"
#include "lib/rt/rt.h"
#include <stdlib.h>

static const struct {
    uint32_t group;
    void (*run)(void);
} groups[] = {
    {BENCH_MESSAGES, bench_messages},   {BENCH_MEMORY, bench_memory}, {BENCH_TASKS, bench_tasks},
    {BENCH_INTERRUPT, bench_interrupt}, {BENCH_FILES, bench_files},   {BENCH_RECOVERY, bench_recovery},
    {BENCH_MOVE, bench_move},         {BENCH_KILL, bench_kill},
    {BENCH_BLOCK, bench_block},       {BENCH_MOVING, bench_moving},
};

static uint32_t run_groups(uint32_t wanted)
{
    uint32_t before = report_failures();
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (wanted & groups[i].group) {
            wait_until_idle();
            groups[i].run();
            rt_progress();
        }
    }
    log_info("B done failures=%u", report_failures() - before);
    return report_failures() - before;
}

static enum status do_run(struct request *, uint32_t wanted, uint32_t *failures)
{
    *failures = run_groups(wanted);
    return OK;
}

static uint32_t number_argument(const char *name)
{
    char text[16];
    return rt_arg(name, text, sizeof text) ? (uint32_t)strtoul(text, nullptr, 0) : 0;
}

int service_main(void)
{
    static const struct bench_ops ops = {.run = do_run};
    static const struct rt_interface list[] = {{BENCH_PROTOCOL, bench_dispatch, &ops}};
    uint32_t at_start = number_argument("bench.groups");
    rt_ready();
    if (at_start) {
        run_groups(at_start);
    }
    if (number_argument("bench.poweroff")) {
        (void)rs_power(H_RS, 1);
    }
    return rt_serve(list, 1);
}
