// SPDX-License-Identifier: MIT
// A sequence number counts bytes since boot; its place in the ring is the number modulo the size.
#include "kernel/system/log.h"
#include <stdarg.h>

enum { RING_BYTES = 64 << 10, LINE_BYTES = 320 };

static char ring[RING_BYTES];
static uint64_t written;

static void append(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        ring[written++ % RING_BYTES] = text[i];
    }
    arch_debug_write(text, bytes);
}

struct line {
    char text[LINE_BYTES];
    size_t used;
};

static void put(struct line *l, char c)
{
    if (l->used < LINE_BYTES) {
        l->text[l->used++] = c;
    }
}

static void put_number(struct line *l, uint64_t x, unsigned base, unsigned width)
{
    char digits[20];
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[x % base];
        x /= base;
    } while (x != 0);
    for (unsigned i = n; i < width; i++) {
        put(l, '0');
    }
    while (n > 0) {
        put(l, digits[--n]);
    }
}

static void put_time(struct line *l)
{
    uint64_t us = arch_now_ns() / 1000;
    put(l, '[');
    put_number(l, us / 1000000, 10, 1);
    put(l, '.');
    put_number(l, us % 1000000, 10, 6);
    put(l, ']');
    put(l, ' ');
}

void log_kernel(const char *format, ...)
{
    struct line l = {.used = 0};
    va_list args;
    va_start(args, format);
    put_time(&l);
    for (const char *f = format; *f != 0; f++) {
        if (*f != '%') {
            put(&l, *f);
            continue;
        }
        bool wide = *++f == 'l';
        f += wide;
        if (*f == 's') {
            for (const char *s = va_arg(args, const char *); *s != 0; s++) {
                put(&l, *s);
            }
        } else if (*f == 'u' || *f == 'x') {
            uint64_t x = wide ? va_arg(args, uint64_t) : va_arg(args, uint32_t);
            put_number(&l, x, *f == 'u' ? 10 : 16, 1);
        }
    }
    va_end(args);
    append(l.text, l.used);
}

void log_task_line(const char *text, size_t bytes)
{
    struct line l = {.used = 0};
    put_time(&l);
    if (bytes > 0 && text[bytes - 1] == '\n') {
        bytes--;
    }
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        put(&l, (c >= ' ' && c <= '~') || c == '\t' ? c : '?'); // no line may pass for two
    }
    put(&l, '\n');
    append(l.text, l.used);
}

size_t log_copy(uint64_t from, char *to, size_t bytes, uint64_t *next)
{
    uint64_t oldest = written > RING_BYTES ? written - RING_BYTES : 0;
    if (from < oldest) {
        from = oldest;
    }
    if (from > written) {
        from = written;
    }
    size_t n = min_u64(bytes, written - from);
    for (size_t i = 0; i < n; i++) {
        to[i] = ring[(from + i) % RING_BYTES];
    }
    *next = from + n;
    return n;
}
