// SPDX-License-Identifier: MIT
#include "apps/conductor/conductor.h"
#include "interfaces/console.client.h"
#include "lib/rt/rt.h"
#include <string.h>

enum { BIT_INPUT = 1 };

static handle_t line;
static uint32_t number; // of the last request, see interfaces/console.idl
static char output[CONSOLE_WRITE_MAX];
static size_t used;
static void (*take_byte)(char byte);

static void on_input(uint64_t bits, void *arg)
{
    (void)bits, (void)arg;
    channel_poll();
    channel_flush();
}

bool channel_open(void (*on_byte)(char byte))
{
    handle_t bell;
    take_byte = on_byte;
    line = rt_handle("console");
    number = (uint32_t)rt_random64(); // not one that an earlier incarnation used last
    if (rt_notify_handle(BIT_INPUT, &bell) != OK) {
        return false;
    }
    rt_on_notify(BIT_INPUT, on_input, nullptr);
    enum status status = console_watch(line, CONSOLE_INPUT, bell);
    (void)sys_handle_close(bell);
    return status == OK;
}

void channel_flush(void)
{
    if (used > 0) {
        enum status status = console_write(line, ++number, output, used);
        if (status != OK) {
            log_error("%zu bytes of events are lost: the console answered %u", used, status);
        }
        used = 0;
    }
}

void channel_drain(void)
{
    channel_flush();
    if (console_flush(line) != OK) {
        log_warn("the last events may be lost");
    }
}

void channel_write(const char *lines, size_t n)
{
    while (n > 0) {
        size_t part = sizeof(output) - used < n ? sizeof(output) - used : n;
        memcpy(output + used, lines, part);
        used += part;
        lines += part, n -= part;
        if (used == sizeof(output)) {
            channel_flush();
        }
    }
}

void channel_poll(void)
{
    char bytes[256];
    uint32_t count;
    while (console_read(line, ++number, false, bytes, sizeof(bytes), &count) == OK && count > 0) {
        for (uint32_t i = 0; i < count && i < sizeof(bytes); i++) {
            take_byte(bytes[i]);
        }
    }
}

void event_start(struct json *j, char *buffer, const char *kind)
{
    json_start(j, buffer, LINE_MAX);
    json_number(j, "t", rt_now_ns());
    json_text(j, "ev", kind);
}

void event_end(struct json *j)
{
    size_t n = json_end(j);
    channel_write(j->to, n);
}
