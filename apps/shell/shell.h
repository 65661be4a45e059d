// SPDX-License-Identifier: MIT
// What the commands of the shell share. A command is a function that gets its words, writes with say()
// and complain(), looks at interrupted() between its steps, and returns 0 or 1 (something failed).
#pragma once
#include "apps/lib/outcome.h"
#include "apps/lib/path.h"
#include "kernel/abi/handle.h"
#include <stddef.h>
#include <stdint.h>

struct command {
    const char *name, *usage, *help;
    int (*run)(int argc, char **argv);
    enum { COMPLETE_PATHS, COMPLETE_SERVICES, COMPLETE_COMMANDS, COMPLETE_NOTHING } words;
    bool files; // it needs the file service
};
extern const struct command commands[]; // by name; the last has no name
const struct command *find_command(const char *name);

// The handles that the manifest gave; HANDLE_NONE if it did not.
struct shell {
    handle_t console, fs, rs, time, bench;
    handle_t over; // the supervisor of the service that find_service() found last: rs, or its twin
    char directory[PATH_SIZE];
};
extern struct shell shell;

// ---- Output ----

// To the terminal, or into the file behind > or >>.
[[gnu::format(printf, 1, 2)]] void say(const char *format, ...);
// Where the log ends now, and the figures that the bench service has written into it since then.
uint64_t log_end(void);
void show_figures(uint64_t since);
void say_bytes(const void *bytes, size_t n);

// To the terminal, as "command: text", and remembers that something failed. Returns 1.
[[gnu::format(printf, 1, 2)]] int complain(const char *format, ...);
// complain("PATH: what happened").
int complain_about(const char *what, struct outcome o);
// The usage of the command that runs.
int usage(void);
// The usages of a command, one a line.
void say_usage(const struct command *c);

// ---- Words ----

// Takes options ("-lr", "-l -r", "--" ends them) out of argv; found[c] is set for each letter in `allowed`.
// Returns the number of words that remain (argv[0] among them), or 0 after complaining.
int take_options(int argc, char **argv, const char *allowed, bool found[128]);

// The absolute path of a word. false after complaining.
bool resolve(char to[PATH_SIZE], const char *word);

// Can the file service be called? A call to one that is not there would wait for it, deaf to Ctrl-C.
// Waits a little for one that is still starting. false after complaining.
bool files_are_there(void);

// Ctrl-C was pressed since the command began. Also keeps the supervisor content: to be called often.
bool interrupted(void);

// "12.3 MiB" into a buffer of the caller.
const char *size_text(char to[16], uint64_t bytes);
// "2026-11-23 14:05" (UTC).
const char *date_text(char to[24], int64_t unix_ns);
// Now, 0 if no clock tells.
int64_t now_ns(void);

// ---- Commands, by file ----
int cmd_cat(int argc, char **argv), cmd_df(int argc, char **argv), cmd_ls(int argc, char **argv),
    cmd_sha256sum(int argc, char **argv), cmd_stat(int argc, char **argv), cmd_cd(int argc, char **argv),
    cmd_pwd(int argc, char **argv);
int cmd_append(int argc, char **argv), cmd_cp(int argc, char **argv), cmd_echo(int argc, char **argv),
    cmd_ln(int argc, char **argv), cmd_mkdir(int argc, char **argv), cmd_mv(int argc, char **argv),
    cmd_rm(int argc, char **argv), cmd_rmdir(int argc, char **argv), cmd_sync(int argc, char **argv),
    cmd_touch(int argc, char **argv), cmd_truncate(int argc, char **argv), cmd_write(int argc, char **argv);
int cmd_before(int argc, char **argv), cmd_deaths(int argc, char **argv), cmd_hang(int argc, char **argv), cmd_hold(int argc, char **argv),
    cmd_kill(int argc, char **argv), cmd_log(int argc, char **argv), cmd_ps(int argc, char **argv),
    cmd_release(int argc, char **argv), cmd_restart(int argc, char **argv), cmd_rs(int argc, char **argv),
    cmd_trace(int argc, char **argv);
int cmd_bench(int argc, char **argv), cmd_date(int argc, char **argv), cmd_free(int argc, char **argv),
    cmd_help(int argc, char **argv), cmd_poweroff(int argc, char **argv), cmd_reboot(int argc, char **argv),
    cmd_uptime(int argc, char **argv);
