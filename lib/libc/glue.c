// SPDX-License-Identifier: MIT
// What musl expects from an operating system, for a service that has none below it but messages.
//
// Output to stdout and stderr becomes log lines; clocks read the runtime's; memory is the runtime's
// heap; everything else that musl would ask Linux for fails with ENOSYS, which makes fopen and its
// kin return their ordinary errors.
#include "lib/libc/libc.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// musl's numbers of the few system calls that are answered here (bits/syscall.h has the others).
enum {
    LINUX_WRITE = 1,
    LINUX_CLOSE = 3,
    LINUX_LSEEK = 8,
    LINUX_IOCTL = 16,
    LINUX_WRITEV = 20,
    LINUX_GETPID = 39,
    LINUX_GETUID = 102,
    LINUX_GETGID = 104,
    LINUX_GETEUID = 107,
    LINUX_GETEGID = 108,
    LINUX_CLOCK_GETTIME = 228,
};

static int64_t epoch_seconds;

void libc_set_epoch(int64_t unix_seconds_at_boot)
{
    epoch_seconds = unix_seconds_at_boot;
}

// ---- Output ----

static char line[200];
static size_t line_length;

static void flush_line(void)
{
    rt_log(LOG_INFO, "%.*s", (int)line_length, line);
    line_length = 0;
}

static void put_text(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\n' || line_length == sizeof(line)) {
            flush_line();
        }
        if (text[i] != '\n') {
            line[line_length++] = text[i];
        }
    }
}

static long write_vector(int fd, const struct iovec *vector, long count)
{
    if (fd != STDOUT_FILENO && fd != STDERR_FILENO) {
        return -EBADF;
    }
    long total = 0;
    for (long i = 0; i < count; i++) {
        put_text(vector[i].iov_base, vector[i].iov_len);
        total += (long)vector[i].iov_len;
    }
    return total;
}

static long get_time(clockid_t clock, struct timespec *out)
{
    uint64_t ns = rt_now_ns();
    out->tv_sec = (time_t)(ns / 1000000000) + (clock == CLOCK_REALTIME ? epoch_seconds : 0);
    out->tv_nsec = (long)(ns % 1000000000);
    return 0;
}

MOVE_ADDRESSES long libc_syscall(long number, long a, long b, long c)
{
    switch (number) {
    case LINUX_WRITE: {
        struct iovec one = {(void *)b, (size_t)c};
        return write_vector((int)a, &one, 1);
    }
    case LINUX_WRITEV:
        return write_vector((int)a, (const struct iovec *)b, c);
    case LINUX_CLOCK_GETTIME:
        return get_time((clockid_t)a, (struct timespec *)b);
    case LINUX_IOCTL: // asked by stdio whether stdout is a terminal
        return -ENOTTY;
    case LINUX_LSEEK:
        return -ESPIPE;
    case LINUX_CLOSE:
        return -EBADF;
    case LINUX_GETPID: // these cannot fail, so they need a number
        return 1;
    case LINUX_GETUID:
    case LINUX_GETGID:
    case LINUX_GETEUID:
    case LINUX_GETEGID:
        return 0;
    default:
        return -ENOSYS;
    }
}

// musl's cancellation points end here; there is no cancellation.
long __syscall_cp(long number, long a, long b, long c, long d, long e, long f)
{
    (void)d, (void)e, (void)f;
    return libc_syscall(number, a, b, c);
}

// ---- Locks: one thread, so all are free ----

void __lock(volatile int *lock)
{
    (void)lock;
}

void __unlock(volatile int *lock)
{
    (void)lock;
}

int __lockfile(void *file)
{
    (void)file;
    return 0;
}

void __unlockfile(void *file)
{
    (void)file;
}

// ---- Memory ----

void *malloc(size_t bytes)
{
    void *p = rt_malloc(bytes);
    if (!p) {
        errno = ENOMEM;
    }
    return p;
}

void *calloc(size_t count, size_t bytes)
{
    void *p = rt_calloc(count, bytes);
    if (!p) {
        errno = ENOMEM;
    }
    return p;
}

void *realloc(void *old, size_t bytes)
{
    void *p = rt_realloc(old, bytes);
    if (!p) {
        errno = ENOMEM;
    }
    return p;
}

void free(void *p)
{
    rt_free(p);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return rt_memalign(alignment, bytes);
}

void *memalign(size_t alignment, size_t bytes)
{
    return rt_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) {
        return EINVAL;
    }
    void *p = rt_memalign(alignment, bytes);
    if (!p) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

// Names that musl's own files use so that an application cannot replace the allocator under them.
void *__libc_malloc(size_t bytes) __attribute__((alias("malloc")));
void *__libc_calloc(size_t count, size_t bytes) __attribute__((alias("calloc")));
void *__libc_realloc(void *old, size_t bytes) __attribute__((alias("realloc")));
void __libc_free(void *p) __attribute__((alias("free")));

// ---- The end ----

void abort(void)
{
    rt_die("abort() was called");
}

void exit(int code)
{
    if (line_length > 0) {
        flush_line();
    }
    sys_task_exit((uint64_t)(unsigned)code);
}

void _Exit(int code) __attribute__((alias("exit")));
void _exit(int code) __attribute__((alias("exit")));

int atexit(void (*fn)(void))
{
    (void)fn; // a service does not end in an orderly way: it is killed
    return 0;
}

void __assert_fail(const char *text, const char *file, int line_number, const char *function)
{
    (void)function;
    rt_assert_fail(file, line_number, text);
}
