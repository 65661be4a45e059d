// SPDX-License-Identifier: MIT
// Log lines and last words.
#include "lib/rt/rt.h"
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 256 }; // what log_write takes

static const char *const level_text[] = {
    [LOG_INFO] = "", [LOG_WARN] = "warning: ", [LOG_ERROR] = "error: "};

void rt_vlog(enum log_level level, const char *format, va_list args)
{
    char line[LINE_BYTES];
    int used = snprintf(line, sizeof(line), "%s[%u]: %s", rt_startup->name, rt_startup->incarnation,
                        level_text[level]);
    int text = vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
    size_t length = (size_t)used + (text > 0 ? (size_t)text : 0);
    (void)sys_log_write(line, length < sizeof(line) ? length : sizeof(line) - 1);
}

void rt_log(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    rt_vlog(level, format, args);
    va_end(args);
}

bool rt_never(const char *file, int line, const char *text)
{
    log_warn("%s:%d: did not expect: %s", file, line, text);
    return true;
}

// The status page outlives us: the supervisor reads there why we died.
[[noreturn]] static void last_words(const char *file, int line)
{
    size_t length = strlen(file);
    size_t room = sizeof(rt_status->assert_file) - 1;
    memset(rt_status->assert_file, 0, sizeof(rt_status->assert_file));
    memcpy(rt_status->assert_file, length > room ? file + length - room : file,
           length > room ? room : length);
    rt_status->assert_line = (uint32_t)line;
    rt_status->assert_incarnation = rt_startup->incarnation;
    log_error("%s:%d: %s", file, line, rt_status->assert_text);
    __builtin_trap(); // ud2
}

void rt_die_text(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(rt_status->assert_text, sizeof(rt_status->assert_text), format, args);
    va_end(args);
    last_words(file, line);
}

void rt_assert_fail(const char *file, int line, const char *text)
{
    rt_die_text(file, line, "assertion failed: %s", text);
}
