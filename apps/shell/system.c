// SPDX-License-Identifier: MIT
// Commands about the machine: bench date free help poweroff reboot uptime.
#include "apps/lib/files.h"
#include "apps/shell/output.h"
#include "apps/shell/shell.h"
#include "interfaces/bench.client.h"
#include "interfaces/rs.client.h"
#include "interfaces/time.client.h"
#include "lib/rt/rt.h"
#include <errno.h>
#include <string.h>

int cmd_date(int argc, char **argv)
{
    char text[24];
    uint64_t now, monotonic;
    (void)argv;
    if (argc > 1) {
        return usage();
    }
    enum status status = time_now(shell.time, &now, &monotonic);
    if (status != OK) {
        return complain_about("the clock", (struct outcome){status, 0});
    }
    say("%s:%02u UTC\n", date_text(text, (int64_t)now), (unsigned)(now / 1000000000 % 60));
    return 0;
}

int cmd_uptime(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        return usage();
    }
    struct system_info info = {.cpus = 1};
    uint64_t now = rt_now_ns(), seconds = now / 1000000000;
    enum status status = sys_system_info(&info);
    if (status != OK) {
        return complain_about("the kernel", (struct outcome){status, 0});
    }
    uint64_t busy_us = (now * info.cpus - info.idle_ns) / 1000;
    say("up %llu:%02u:%02u; processors: %llu.%06llu s at work\n", (unsigned long long)(seconds / 3600),
        (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60), (unsigned long long)(busy_us / 1000000),
        (unsigned long long)(busy_us % 1000000));
    return 0;
}

int cmd_free(int argc, char **argv)
{
    struct system_info info;
    char a[16], b[16], c[16];
    (void)argv;
    if (argc > 1) {
        return usage();
    }
    enum status status = sys_system_info(&info);
    if (status != OK) {
        return complain_about("the kernel", (struct outcome){status, 0});
    }
    say("memory %s, free %s, kernel objects %s\n", size_text(a, info.total_pages * PAGE_SIZE),
        size_text(b, info.free_pages * PAGE_SIZE), size_text(c, info.kernel_object_bytes));
    say("%llu tasks, %llu threads, %llu ports, %llu replies, %llu memories, %llu interrupts; %u processors\n",
        (unsigned long long)info.tasks, (unsigned long long)info.threads, (unsigned long long)info.ports,
        (unsigned long long)info.replies, (unsigned long long)info.memories, (unsigned long long)info.irqs,
        info.cpus);
    return 0;
}

// Groups of measurements by name; all without one.
static const struct {
    const char *word;
    uint32_t group;
} groups[] = {
    {"messages", BENCH_MESSAGES}, {"memory", BENCH_MEMORY}, {"tasks", BENCH_TASKS},
    {"interrupt", BENCH_INTERRUPT}, {"files", BENCH_FILES}, {"recovery", BENCH_RECOVERY},
};

int cmd_bench(int argc, char **argv)
{
    uint32_t chosen = argc > 1 ? 0 : 63, failures;
    for (int i = 1; i < argc; i++) {
        uint32_t group = 0;
        for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
            group |= strcmp(argv[i], groups[g].word) == 0 ? groups[g].group : 0;
        }
        if (group == 0) {
            return usage();
        }
        chosen |= group;
    }
    if (shell.bench == HANDLE_NONE) {
        return complain("this image has no bench service");
    }
    uint64_t since = log_end();
    enum status status = bench_run(shell.bench, chosen, &failures);
    if (status != OK) {
        return complain_about("bench", (struct outcome){status, 0});
    }
    show_figures(since);
    return failures > 0;
}

// Everything is written and the volume closed before the machine goes; a volume that cannot be closed
// (none is there, it is read-only) does not hold the machine up, but is told.
static int leave(int argc, uint32_t action)
{
    if (argc > 1) {
        return usage();
    }
    if (files_are_there()) {
        struct outcome o = files_shutdown();
        if (is_errno(o, EPERM)) {
            o = files_sync(); // this shell may not close the volume
        }
        if (failed(o)) {
            complain_about("the volume", o);
        }
    }
    output_drain();
    enum status status = rs_power(shell.rs, action);
    return status == OK ? 0 : complain_about("the machine", (struct outcome){status, 0});
}

int cmd_poweroff(int argc, char **argv)
{
    (void)argv;
    return leave(argc, SYSTEM_POWEROFF);
}

int cmd_reboot(int argc, char **argv)
{
    (void)argv;
    return leave(argc, SYSTEM_REBOOT);
}

int cmd_help(int argc, char **argv)
{
    if (argc > 2) {
        return usage();
    }
    const struct command *one = argc == 2 ? find_command(argv[1]) : nullptr;
    if (argc == 2 && !one) {
        return complain("%s: there is no such command", argv[1]);
    }
    if (one) {
        say("%s: %s\n", one->name, one->help);
        say_usage(one);
        return 0;
    }
    for (const struct command *c = commands; c->name; c++) {
        bool fits = strlen(c->usage) <= 34;
        say("%-10s %-34.*s %s\n", c->name, fits ? 34 : 31, c->usage, c->help);
    }
    say("Words may be quoted with '...', \"...\" or \\; > FILE and >> FILE take the output; ; separates commands.\n");
    say("Keys: arrows, Home, End, ^A ^E ^K ^U ^W ^Y ^R, Tab completes, ^C interrupts.\n");
    return 0;
}
