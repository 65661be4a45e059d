// SPDX-License-Identifier: MIT
// The table of all commands.
#include "apps/shell/shell.h"
#include <string.h>

const struct command commands[] = {
    {"append", "FILE WORD...", "adds a line to a file", cmd_append, COMPLETE_PATHS, true},
    {"before", "[AGE [N]]", "the supervisor's log of an earlier boot; its N-th death", cmd_before, COMPLETE_NOTHING, false},
    {"bench", "[messages|memory|tasks|interrupt|files|recovery]...", "measures", cmd_bench, COMPLETE_NOTHING, false},
    {"cat", "FILE...", "shows what is in files", cmd_cat, COMPLETE_PATHS, true},
    {"cd", "[DIRECTORY]", "changes the directory", cmd_cd, COMPLETE_PATHS, true},
    {"cp", "[-r] FROM... TO", "copies files, with -r directories", cmd_cp, COMPLETE_PATHS, true},
    {"date", "", "the date and time", cmd_date, COMPLETE_NOTHING, false},
    {"deaths", "[SERVICE [N]]", "death records; of a service: its N-th last one", cmd_deaths, COMPLETE_SERVICES, false},
    {"df", "", "the volume: size, free space, cache", cmd_df, COMPLETE_NOTHING, true},
    {"echo", "[-n] WORD...", "writes its words", cmd_echo, COMPLETE_PATHS, false},
    {"free", "", "memory and kernel objects", cmd_free, COMPLETE_NOTHING, false},
    {"hang", "SERVICE", "stops a service without a word", cmd_hang, COMPLETE_SERVICES, false},
    {"help", "[COMMAND]", "this list", cmd_help, COMPLETE_COMMANDS, false},
    {"hold", "SERVICE", "stops a service as a debugger would", cmd_hold, COMPLETE_SERVICES, false},
    {"kill", "SERVICE [null|jump|loop|assert|exit|now]", "makes a service die", cmd_kill, COMPLETE_SERVICES, false},
    {"ln", "[-s] OLD NEW", "a second name, with -s a symbolic link", cmd_ln, COMPLETE_PATHS, true},
    {"log", "", "the kernel's and services' log", cmd_log, COMPLETE_NOTHING, false},
    {"ls", "[-la] [PATH]...", "lists directories", cmd_ls, COMPLETE_PATHS, true},
    {"mkdir", "[-p] DIRECTORY...", "makes directories, with -p those above too", cmd_mkdir, COMPLETE_PATHS, true},
    {"mv", "FROM... TO", "renames or moves", cmd_mv, COMPLETE_PATHS, true},
    {"poweroff", "", "closes the volume and switches off", cmd_poweroff, COMPLETE_NOTHING, false},
    {"ps", "[-l]", "all services", cmd_ps, COMPLETE_NOTHING, false},
    {"pwd", "", "the current directory", cmd_pwd, COMPLETE_NOTHING, false},
    {"reboot", "", "closes the volume and starts again", cmd_reboot, COMPLETE_NOTHING, false},
    {"release", "SERVICE", "lets a held service go on", cmd_release, COMPLETE_SERVICES, false},
    {"restart", "SERVICE", "replaces or revives a service", cmd_restart, COMPLETE_SERVICES, false},
    {"rm", "[-rf] PATH...", "removes files, with -r directories", cmd_rm, COMPLETE_PATHS, true},
    {"rmdir", "DIRECTORY...", "removes empty directories", cmd_rmdir, COMPLETE_PATHS, true},
    {"rs", "move SERVICE | update SERVICE MODULE-OR-PATH | checkpoint SERVICE | restore SERVICE PATH | dead-letters | replay N | incident N | layout SERVICE", "orders for the supervisor", cmd_rs, COMPLETE_SERVICES, false},
    {"sha256sum", "FILE...", "SHA-256 digests", cmd_sha256sum, COMPLETE_PATHS, true},
    {"stat", "PATH...", "all that is known of a file", cmd_stat, COMPLETE_PATHS, true},
    {"sync", "", "writes everything to the disk", cmd_sync, COMPLETE_NOTHING, true},
    {"touch", "FILE...", "sets the time, makes an empty file", cmd_touch, COMPLETE_PATHS, true},
    {"trace", "[past]", "the supervisor's events as they happen", cmd_trace, COMPLETE_NOTHING, false},
    {"truncate", "FILE SIZE[K|M|G]", "cuts or lengthens a file", cmd_truncate, COMPLETE_PATHS, true},
    {"uptime", "", "time since the machine started", cmd_uptime, COMPLETE_NOTHING, false},
    {"write", "FILE WORD...", "makes a file of one line", cmd_write, COMPLETE_PATHS, true},
    {nullptr, nullptr, nullptr, nullptr, COMPLETE_NOTHING, false},
};

const struct command *find_command(const char *name)
{
    for (const struct command *c = commands; c->name; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return nullptr;
}
