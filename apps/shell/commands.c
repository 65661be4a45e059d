// SPDX-License-Identifier: MIT
// The table of all commands.
#include "apps/shell/shell.h"
#include <string.h>

const struct command commands[] = {
    {"append", "FILE WORD...", "adds a line to a file", cmd_append, COMPLETE_PATHS},
    {"bench", "[messages|memory|tasks|interrupt|files|recovery]...", "measures", cmd_bench, COMPLETE_NOTHING},
    {"cat", "FILE...", "shows what is in files", cmd_cat, COMPLETE_PATHS},
    {"cd", "[DIRECTORY]", "changes the directory", cmd_cd, COMPLETE_PATHS},
    {"cp", "[-r] FROM... TO", "copies files, with -r directories", cmd_cp, COMPLETE_PATHS},
    {"date", "", "the date and time", cmd_date, COMPLETE_NOTHING},
    {"deaths", "[SERVICE [N]]", "death records; of a service: its N-th last one", cmd_deaths, COMPLETE_SERVICES},
    {"df", "", "the volume: size, free space, cache", cmd_df, COMPLETE_NOTHING},
    {"echo", "[-n] WORD...", "writes its words", cmd_echo, COMPLETE_PATHS},
    {"free", "", "memory and kernel objects", cmd_free, COMPLETE_NOTHING},
    {"hang", "SERVICE", "stops a service without a word", cmd_hang, COMPLETE_SERVICES},
    {"help", "[COMMAND]", "this list", cmd_help, COMPLETE_COMMANDS},
    {"hold", "SERVICE", "stops a service as a debugger would", cmd_hold, COMPLETE_SERVICES},
    {"kill", "SERVICE [null|jump|loop|assert|exit|now]", "makes a service die", cmd_kill, COMPLETE_SERVICES},
    {"ln", "[-s] OLD NEW", "a second name, with -s a symbolic link", cmd_ln, COMPLETE_PATHS},
    {"log", "", "the kernel's and services' log", cmd_log, COMPLETE_NOTHING},
    {"ls", "[-la] [PATH]...", "lists directories", cmd_ls, COMPLETE_PATHS},
    {"mkdir", "[-p] DIRECTORY...", "makes directories, with -p those above too", cmd_mkdir, COMPLETE_PATHS},
    {"mv", "FROM... TO", "renames or moves", cmd_mv, COMPLETE_PATHS},
    {"poweroff", "", "closes the volume and switches off", cmd_poweroff, COMPLETE_NOTHING},
    {"ps", "[-l]", "all services", cmd_ps, COMPLETE_NOTHING},
    {"pwd", "", "the current directory", cmd_pwd, COMPLETE_NOTHING},
    {"reboot", "", "closes the volume and starts again", cmd_reboot, COMPLETE_NOTHING},
    {"release", "SERVICE", "lets a held service go on", cmd_release, COMPLETE_SERVICES},
    {"restart", "SERVICE", "replaces or revives a service", cmd_restart, COMPLETE_SERVICES},
    {"rm", "[-rf] PATH...", "removes files, with -r directories", cmd_rm, COMPLETE_PATHS},
    {"rmdir", "DIRECTORY...", "removes empty directories", cmd_rmdir, COMPLETE_PATHS},
    {"sha256sum", "FILE...", "SHA-256 digests", cmd_sha256sum, COMPLETE_PATHS},
    {"stat", "PATH...", "all that is known of a file", cmd_stat, COMPLETE_PATHS},
    {"sync", "", "writes everything to the disk", cmd_sync, COMPLETE_NOTHING},
    {"touch", "FILE...", "sets the time, makes an empty file", cmd_touch, COMPLETE_PATHS},
    {"trace", "[past]", "the supervisor's events as they happen", cmd_trace, COMPLETE_NOTHING},
    {"truncate", "FILE SIZE[K|M|G]", "cuts or lengthens a file", cmd_truncate, COMPLETE_PATHS},
    {"uptime", "", "time since the machine started", cmd_uptime, COMPLETE_NOTHING},
    {"write", "FILE WORD...", "makes a file of one line", cmd_write, COMPLETE_PATHS},
    {nullptr, nullptr, nullptr, nullptr, COMPLETE_NOTHING},
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
