// SPDX-License-Identifier: MIT
#include "servers/fs/test/file_device.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool never(void)
{
    return false;
}

static void no_wake(uint64_t)
{
}

static bool at_once(void (*fn)(void *arg), void *arg)
{
    fn(arg);
    return true;
}

static void no_preserve(const void *, size_t)
{
}

const struct transactions transactions_none = {
    .may_await = never, .wake = no_wake, .at_commit = at_once, .preserve = no_preserve};

enum { PIECE = 1024 }; // what a disk writes as a whole, and a superblock's size

// A piece that was written since the last flush.
struct unflushed {
    struct unflushed *before;
    uint64_t at;
    uint8_t old[PIECE], new_[PIECE];
};

static uint32_t dice(struct file_device *d)
{
    d->seed = d->seed * 1664525 + 1013904223;
    return d->seed >> 8;
}

static void forget_unflushed(struct file_device *d)
{
    while (d->unflushed) {
        struct unflushed *u = d->unflushed;
        d->unflushed = u->before;
        free(u);
    }
}

static bool remember(struct file_device *d, uint64_t at, const uint8_t *bytes, uint32_t count)
{
    for (uint32_t done = 0; done < count; done += PIECE) {
        struct unflushed *u = malloc(sizeof(*u));
        u->before = d->unflushed;
        u->at = at + done;
        memcpy(u->new_, bytes + done, PIECE);
        if (pread(d->fd, u->old, PIECE, (off_t)u->at) != PIECE) {
            free(u);
            return false;
        }
        d->unflushed = u;
    }
    return true;
}

// Takes everything back that was not flushed, and keeps some of it after all: none, all, or any.
static bool cut_power(struct file_device *d)
{
    bool good = true;
    struct unflushed *oldest = nullptr;
    for (struct unflushed *u = d->unflushed, *before; u; u = before) {
        before = u->before;
        good = good && pwrite(d->fd, u->old, PIECE, (off_t)u->at) == PIECE;
        u->before = oldest; // the other way round
        oldest = u;
    }
    uint32_t kind = d->seed ? dice(d) % 4 : 1;
    for (struct unflushed *u = oldest; u; u = u->before) {
        if (kind == 1 || (kind > 1 && dice(d) % 2)) {
            good = good && pwrite(d->fd, u->new_, PIECE, (off_t)u->at) == PIECE;
        }
    }
    d->unflushed = oldest;
    forget_unflushed(d);
    d->stopped = true;
    return good;
}

static int submit(struct device *device, struct device_request *rq)
{
    struct file_device *d = device->arg;
    if (d->queued == sizeof(d->queue) / sizeof(d->queue[0])) {
        return EAGAIN;
    }
    uint64_t bytes = 0;
    for (uint32_t n = 0; n < rq->segments; n++) {
        bytes += rq->segment[n].bytes;
    }
    if (rq->offset + bytes > device->bytes || bytes > device->max_bytes) {
        return EINVAL;
    }
    d->queue[d->queued++] = (struct file_request){.rq = rq};
    return 0;
}

static int run(struct file_device *d, struct device_request *rq)
{
    uint64_t number = ++d->requests, at = rq->offset;
    if (number == d->fail_at || (d->fail_from && number >= d->fail_from)) {
        d->failed = true;
        return EIO;
    }
    bool now = d->stop_at && number >= d->stop_at && !d->stopped, good = true;
    for (uint32_t n = 0; n < rq->segments; n++) {
        struct device_segment *s = &rq->segment[n];
        ssize_t moved = (ssize_t)s->bytes;
        if (rq->op == DEVICE_READ) {
            moved = pread(d->fd, s->memory, s->bytes, (off_t)at);
            d->bytes_read += s->bytes;
        } else if (!d->stopped) {
            good = good && (!d->stop_at || remember(d, at, s->memory, s->bytes));
            moved = pwrite(d->fd, s->memory, s->bytes, (off_t)at);
            d->bytes_written += s->bytes;
        }
        if (moved != (ssize_t)s->bytes) {
            return EIO;
        }
        at += s->bytes;
    }
    if (now) {
        good = cut_power(d) && good;
    } else if (rq->op == DEVICE_FLUSH) {
        forget_unflushed(d);
    }
    d->flushes += rq->op == DEVICE_FLUSH;
    d->reads += rq->op == DEVICE_READ;
    d->writes += rq->op == DEVICE_WRITE;
    return good ? 0 : EIO;
}

static struct file_request *move_one(struct file_device *d)
{
    if (!d->queued) {
        return nullptr;
    }
    if (d->before_wait) {
        d->before_wait();
    }
    uint32_t n = 0;
    if (d->seed) {
        n = dice(d) % d->queued;
    }
    struct file_request *q = &d->queue[n];
    if (!q->moved) {
        q->error = run(d, q->rq);
        q->moved = true;
    }
    return q;
}

void file_device_move(struct file_device *d)
{
    (void)move_one(d);
}

struct device_request *file_device_run(struct file_device *d, int *error)
{
    struct file_request *q = move_one(d);
    if (!q) {
        return nullptr;
    }
    struct device_request *rq = q->rq;
    *error = q->error;
    memmove(q, q + 1, (size_t)(d->queue + --d->queued - q) * sizeof(*q));
    return rq;
}

static void wait_one(struct device *device)
{
    int error;
    struct device_request *rq = file_device_run(device->arg, &error);
    if (rq) {
        rq->done(rq, error);
    }
}

bool file_device_open(struct file_device *d, const char *path, bool read_only)
{
    struct stat st;
    memset(d, 0, sizeof(*d));
    d->fd = open(path, read_only ? O_RDONLY : O_RDWR);
    if (d->fd < 0 || fstat(d->fd, &st)) {
        return false;
    }
    d->device = (struct device){.bytes = (uint64_t)st.st_size,
                                .max_bytes = 1 << 20,
                                .read_only = read_only,
                                .flush_needed = true,
                                .submit = submit,
                                .wait = wait_one,
                                .tx = &transactions_none,
                                .arg = d};
    return true;
}

void file_device_close(struct file_device *d)
{
    d->before_wait = nullptr;
    while (d->queued) {
        d->device.wait(&d->device);
    }
    forget_unflushed(d);
    close(d->fd);
}
