// SPDX-License-Identifier: MIT
// Where commands write to, and how they complain.
#include "apps/shell/output.h"
#include "apps/lib/files.h"
#include "apps/shell/shell.h"
#include "apps/shell/term.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command *running;
static int failures;

// The file behind > or >>, if there is one.
static struct {
    bool open;
    struct file file;
    struct outcome outcome; // the first failure
    char buffer[4096];
    size_t used;
} sink;

void output_begin(const struct command *command)
{
    running = command;
    failures = 0;
}

struct outcome output_to_file(const char *path, bool append)
{
    uint32_t flags = FS_WRITE | FS_CREATE | (append ? FS_APPEND : FS_TRUNCATE);
    struct outcome o = files_open(&sink.file, path, flags, 0644);
    sink.open = !failed(o);
    sink.used = 0;
    sink.outcome = OUTCOME_OK;
    return o;
}

static void sink_flush(void)
{
    if (sink.used > 0 && !failed(sink.outcome)) {
        sink.outcome = files_write(&sink.file, sink.buffer, sink.used);
    }
    sink.used = 0;
}

struct outcome output_end(void)
{
    struct outcome o = OUTCOME_OK;
    if (sink.open) {
        sink_flush();
        struct outcome closed = files_close(&sink.file);
        o = failed(sink.outcome) ? sink.outcome : closed;
        sink.open = false;
    }
    return o;
}

int output_failures(void)
{
    return failures;
}

void say_bytes(const void *bytes, size_t n)
{
    const char *p = bytes;
    if (!sink.open) {
        term_write(p, n);
        return;
    }
    while (n > 0) {
        size_t room = sizeof(sink.buffer) - sink.used;
        size_t part = n < room ? n : room;
        memcpy(sink.buffer + sink.used, p, part);
        sink.used += part;
        p += part, n -= part;
        if (sink.used == sizeof(sink.buffer)) {
            sink_flush();
        }
    }
}

bool output_is_terminal(void)
{
    return !sink.open;
}

void say(const char *format, ...)
{
    char text[PATH_SIZE + 256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    say_bytes(text, n < 0 ? 0 : n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

int complain(const char *format, ...)
{
    char text[PATH_SIZE + 256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (running) {
        term_write(running->name, strlen(running->name));
        term_write(": ", 2);
    }
    term_write(text, strlen(text));
    term_write("\n", 1);
    return ++failures > 0;
}

int complain_about(const char *what, struct outcome o)
{
    return complain("%s: %s", what, outcome_text(o));
}

void say_usage(const struct command *c)
{
    const char *from = c->usage, *end;
    while ((end = strstr(from, " | ")) != nullptr) {
        say("%s %.*s\n", c->name, (int)(end - from), from);
        from = end + 3;
    }
    say("%s %s\n", c->name, from);
}

int usage(void)
{
    if (strstr(running->usage, " | ") == nullptr) {
        return complain("usage: %s %s", running->name, running->usage);
    }
    complain("usage is one of");
    say_usage(running);
    return 1;
}

void output_flush(void)
{
    term_flush();
}

void output_drain(void)
{
    term_drain();
}
