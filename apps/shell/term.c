// SPDX-License-Identifier: MIT
#include "apps/shell/term.h"
#include "apps/lib/poll.h"
#include "interfaces/console.client.h"
#include "lib/rt/rt.h"
#include <string.h>

enum {
    BIT_INPUT = 1,
    CTRL_C = 3,
    TYPED = 1024, // type-ahead that is kept
};
// The driver tells when there is input. Should the word get lost with a dying driver, we look by ourselves.
static const uint64_t look_again_ns = 1000000000;
// What a long command writes shall be seen before it ends.
static const uint64_t show_ns = 50000000;

static handle_t line;
static uint32_t number; // of the last request, see interfaces/console.idl
static char output[4096];
static size_t output_used;
static uint64_t shown_ns; // when the output was sent last
static unsigned char typed[TYPED];
static size_t typed_first, typed_count;
static bool interrupt;

bool term_open(handle_t console)
{
    handle_t bell;
    line = console;
    uint64_t start = rt_random64(); // not a number that an earlier incarnation used last
    number = (uint32_t)start;
    if (rt_notify_handle(BIT_INPUT, &bell) != OK) {
        return false;
    }
    enum status status = console_watch(line, CONSOLE_INPUT | CONSOLE_INTERRUPT, bell);
    (void)sys_handle_close(bell);
    return status == OK;
}

void term_flush(void)
{
    for (size_t at = 0; at < output_used;) {
        size_t n = output_used - at < CONSOLE_WRITE_MAX ? output_used - at : CONSOLE_WRITE_MAX;
        if (console_write(line, ++number, true, output + at, n) != OK) {
            break; // nobody is left who could be told
        }
        at += n;
    }
    output_used = 0;
    shown_ns = rt_now_ns();
}

void term_drain(void)
{
    term_flush();
    (void)console_flush(line); // if that fails, there is nobody left to be told
}

void term_write(const char *bytes, size_t n)
{
    while (n > 0) {
        size_t room = sizeof(output) - output_used;
        size_t part = n < room ? n : room;
        memcpy(output + output_used, bytes, part);
        output_used += part;
        bytes += part, n -= part;
        if (output_used == sizeof(output)) {
            term_flush();
        }
    }
}

static void take(unsigned char byte)
{
    if (byte == CTRL_C) {
        interrupt = true;
        typed_count = 0;
    }
    if (typed_count < TYPED) {
        typed[(typed_first + typed_count++) % TYPED] = byte;
    }
}

// Fetches what was typed; true if there was anything.
static bool fetch(void)
{
    unsigned char bytes[256];
    uint32_t count;
    bool any = false;
    while (console_read(line, ++number, false, bytes, sizeof(bytes), &count) == OK && count > 0) {
        for (uint32_t i = 0; i < count && i < sizeof(bytes); i++) {
            take(bytes[i]);
        }
        any = true;
    }
    return any;
}

unsigned char term_key(void)
{
    term_flush();
    while (typed_count == 0 && !fetch()) {
        (void)app_wait(BIT_INPUT, "input", rt_now_ns() + look_again_ns);
    }
    unsigned char byte = typed[typed_first];
    typed_first = (typed_first + 1) % TYPED;
    typed_count--;
    return byte;
}

bool term_interrupted(void)
{
    if (app_poll(BIT_INPUT) != 0) {
        (void)fetch();
    }
    if (output_used > 0 && rt_now_ns() - shown_ns > show_ns) {
        term_flush();
    }
    return interrupt;
}

void term_forget(void)
{
    // The byte that interrupted a command is not a key for the next line.
    if (interrupt && typed_count > 0 && typed[typed_first] == CTRL_C) {
        typed_first = (typed_first + 1) % TYPED;
        typed_count--;
    }
    interrupt = false;
}
