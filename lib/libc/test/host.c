// SPDX-License-Identifier: MIT
// The few runtime functions that the C library stands on, on Linux: so the very archive that
// services link is tested here, in a program that has nothing else in it.
#include "lib/rt/rt.h"
#include <stdio.h>

enum { LINUX_WRITE = 1, LINUX_EXIT = 60 };

char host_log[512]; // the last log line

static long linux_call(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

[[noreturn]] static void stop(int code)
{
    for (;;) {
        linux_call(LINUX_EXIT, code, 0, 0);
    }
}

void rt_log(enum log_level level, const char *format, ...)
{
    va_list args;
    (void)level;
    va_start(args, format);
    int length = vsnprintf(host_log, sizeof(host_log), format, args);
    va_end(args);
    linux_call(LINUX_WRITE, 1, (long)host_log, length);
    linux_call(LINUX_WRITE, 1, (long)"\n", 1);
}

void rt_die_text(const char *file, int line, const char *format, ...)
{
    rt_log(LOG_ERROR, "%s:%d: FAILED: %s", file, line, format);
    stop(1);
}

void rt_assert_fail(const char *file, int line, const char *text)
{
    rt_log(LOG_ERROR, "%s:%d: FAILED: %s", file, line, text);
    stop(1);
}

uint64_t rt_now_ns(void)
{
    return 1500000000; // 1.5 s after boot
}

// A heap that only grows; blocks carry their length, for realloc.
static struct block {
    size_t bytes;
    max_align_t data[];
} *last;

void *rt_malloc(size_t bytes)
{
    alignas(16) static char pool[1 << 20];
    static size_t used;
    size_t need = (sizeof(struct block) + bytes + 31) & ~(size_t)15;
    if (need < bytes || need > sizeof(pool) - used) {
        return nullptr;
    }
    last = (struct block *)(pool + used);
    used += need;
    last->bytes = bytes;
    return last->data;
}

void *rt_calloc(size_t count, size_t bytes)
{
    return rt_malloc(count * bytes); // fresh pool memory is zero
}

void *rt_realloc(void *old, size_t bytes)
{
    void *fresh = rt_malloc(bytes);
    if (fresh && old) {
        size_t old_bytes = ((struct block *)((char *)old - offsetof(struct block, data)))->bytes;
        __builtin_memcpy(fresh, old, old_bytes < bytes ? old_bytes : bytes);
    }
    return fresh;
}

void *rt_memalign(size_t alignment, size_t bytes)
{
    return alignment <= 16 ? rt_malloc(bytes) : nullptr;
}

void rt_free(void *p)
{
    (void)p;
}

void smoke(void);

[[noreturn, gnu::used, gnu::force_align_arg_pointer]] void _start(void)
{
    smoke();
    stop(0);
}
