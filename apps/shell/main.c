// SPDX-License-Identifier: MIT
// The shell: reads a line, runs it, and so on until the machine is switched off.
#include "apps/lib/files.h"
#include "apps/shell/complete.h"
#include "apps/shell/edit.h"
#include "apps/shell/output.h"
#include "apps/shell/parse.h"
#include "apps/shell/shell.h"
#include "apps/shell/term.h"
#include "kernel/abi/startup.h"
#include "lib/rt/rt.h"
#include <string.h>

struct shell shell = {.directory = "/"};

static struct editor editor;

static void show(const char *bytes, size_t n, void *arg)
{
    (void)arg;
    term_write(bytes, n);
}

// One command with its redirection.
static void run_command(struct command_line *line)
{
    char path[PATH_SIZE];
    const struct command *command = find_command(line->argv[0]);
    if (!command) {
        output_begin(nullptr);
        complain("%s: there is no such command; help lists all", line->argv[0]);
        return;
    }
    output_begin(command);
    if ((command->files || line->output) && !files_are_there()) {
        return;
    }
    if (line->output) {
        if (!resolve(path, line->output)) {
            return;
        }
        struct outcome o = output_to_file(path, line->append);
        if (failed(o)) {
            complain_about(line->output, o);
            return;
        }
    }
    (void)command->run(line->argc, line->argv);
    struct outcome o = output_end();
    if (failed(o)) {
        complain_about(line->output, o);
    }
}

// All commands of a line, until one is interrupted.
static void run_line(const char *text)
{
    static struct command_line line; // large, and never used twice at a time
    term_forget();
    while (text && !interrupted()) {
        const char *wrong = parse_line(&line, text);
        if (wrong) {
            output_begin(nullptr);
            complain("%s", wrong);
            return;
        }
        text = line.rest;
        if (line.argc > 0) {
            run_command(&line);
        }
    }
    if (interrupted()) {
        term_write("^C\n", 3);
    }
    term_forget();
}

// "samsara:DIRECTORY> ", long directories cut at their beginning.
static const char *prompt(void)
{
    enum { SHOWN = 40 };
    static char text[SHOWN + 16];
    size_t n = strlen(shell.directory);
    bool cut = n > SHOWN;
    // No snprintf: it would be the only one before the first prompt.
    strcpy(text, cut ? "samsara:..." : "samsara:");
    strcat(text, shell.directory + (cut ? n - SHOWN + 3 : 0));
    strcat(text, "> ");
    return text;
}

static void read_and_run(void)
{
    char line[EDIT_LINE_SIZE];
    edit_start(&editor, prompt());
    for (;;) {
        enum edit_event event = edit_key(&editor, term_key());
        if (event == EDIT_COMPLETE) {
            complete(&editor);
        } else if (event == EDIT_DONE) {
            break;
        } else if (event == EDIT_CANCEL || event == EDIT_END) {
            term_forget();
            return;
        }
    }
    strcpy(line, editor.line);
    edit_remember(&editor, line);
    run_line(line);
}

int service_main(void)
{
    shell.console = rt_handle("console");
    shell.fs = rt_handle("fs");
    shell.time = rt_handle("time");
    shell.bench = rt_handle("bench");
    shell.rs = shell.over = H_RS;
    files_use(shell.fs);
    if (!term_open(shell.console)) {
        log_error("no console: the manifest must give one under the name console");
        return 1;
    }
    rt_ready();
    edit_init(&editor, show, nullptr);
    if (rt_startup->incarnation == 1) {
        term_write("Samsara. help lists the commands.\n", 34);
    } else {
        term_write("\nThe shell was reborn; directory and history are lost.\n", 55);
    }
    for (;;) {
        read_and_run();
    }
}
