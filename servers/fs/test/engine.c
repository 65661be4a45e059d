// SPDX-License-Identifier: MIT
// A runtime in miniature. Compiled without the undo log: what is stored here is never undone.
#include "servers/fs/test/engine.h"
#include "lib/rt/undo_log.h"
#include "randomizer/test/undo/volume.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

enum {
    LOG_BYTES = 256 << 20,
    STACK_BYTES = 16 << 20,
    FRAMES = 3, // requests of which all but one wait
    DEFERRED = 16,
    TICK_US = 300,
    TICK_EVERY = 4, // requests, unless FS_TEST_TICKS says otherwise; 0: never
};

struct frame {
    sigjmp_buf place;
    bool awaits, woken;
    uint64_t key;
    void (*start)(const void *arg);
    _Alignas(16) uint8_t arg[64];
};

struct deferred {
    void (*fn)(void *arg);
    void *arg;
};

static struct file_device *disk;
static struct volume *volume;
static int (*disk_submit)(struct device *, struct device_request *);

static struct frame frames[FRAMES];
static int depth;
static bool running, in_request;
static volatile sig_atomic_t may_stop; // a tick may undo the request of the last frame
static struct deferred deferred[DEFERRED];
static struct device_request *submitted[DEVICE_QUEUE];
static uint32_t deferred_count, submitted_count;
static bool chores_asked;
static uint32_t seed, tick_every;
static uint64_t requests, awaits, ticks, chores, nested, cancelled;

void (*engine_idle)(void *arg);
void *engine_idle_arg;
bool engine_callers_die;

[[noreturn]] static void die(const char *what)
{
    fprintf(stderr, "engine: %s\n", what);
    abort();
}

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * limit >> 32);
}

// ---- Commit and rollback ----

static void take_back(void)
{
    if (undo_rollback() != UNDO_DONE) {
        die("the log overflowed");
    }
    deferred_count = submitted_count = 0;
    in_request = running = false;
}

static void commit(void)
{
    volume_heap_commit();
    undo_commit();
    for (uint32_t n = 0; n < submitted_count; n++) {
        if (disk_submit(&disk->device, submitted[n])) {
            die("the disk refuses a request that has been committed");
        }
    }
    submitted_count = 0;
    while (deferred_count) {
        struct deferred d = deferred[0];
        memmove(deferred, deferred + 1, --deferred_count * sizeof(d));
        d.fn(d.arg);
        undo_commit();
    }
    if (submitted_count) {
        commit(); // what they have submitted
    }
}

// One transaction that is no request.
static void transact(void (*fn)(const void *arg), const void *arg)
{
    if (running) {
        die("a transaction in another");
    }
    running = true;
    fn(arg);
    commit();
    running = false;
}

// ---- For the core ----

// Also the disk's chance to move data in the middle of a request.
static bool may_await(void)
{
    bool before = may_stop;
    if (in_request && disk->queued && !below(16)) {
        may_stop = false;
        file_device_move(disk);
        may_stop = before;
    }
    return in_request;
}

static void await(uint64_t key, void (*start)(const void *arg), const void *arg, size_t bytes)
{
    may_stop = false;
    struct frame *f = &frames[depth - 1];
    if (!in_request || bytes > sizeof(f->arg)) {
        die("await where there is nothing to be given up");
    }
    f->awaits = true;
    f->woken = false;
    f->key = key;
    f->start = start;
    if (bytes) {
        memcpy(f->arg, arg, bytes);
    }
    siglongjmp(f->place, 1);
}

static void wake(uint64_t key)
{
    for (int n = 0; n < depth; n++) {
        frames[n].woken = frames[n].woken || (frames[n].awaits && frames[n].key == key);
    }
}

static bool at_commit(void (*fn)(void *arg), void *arg)
{
    bool before = may_stop;
    if (!running) {
        fn(arg);
        return true;
    }
    for (uint32_t n = 0; n < deferred_count; n++) {
        if (deferred[n].fn == fn && deferred[n].arg == arg) {
            return true;
        }
    }
    may_stop = false;
    if (deferred_count == DEFERRED) {
        die("too much deferred");
    }
    deferred[deferred_count++] = (struct deferred){fn, arg};
    may_stop = before;
    return true;
}

static uint64_t number(void)
{
    return undo_log.transaction;
}

static const struct transactions transactions = {.may_await = may_await,
                                                 .await = await,
                                                 .wake = wake,
                                                 .at_commit = at_commit,
                                                 .number = number,
                                                 .preserve = undo_range};

static int submit(struct device *, struct device_request *rq)
{
    if (in_request) {
        die("a request talks to the disk");
    }
    if (!running) {
        return disk_submit(&disk->device, rq);
    }
    submitted[submitted_count++] = rq;
    return 0;
}

// As rt_wait does: commits, and what then is stored belongs to the next transaction.
static void wait_in_place(struct device *)
{
    int error;
    if (in_request) {
        die("a request waits");
    }
    if (running) {
        commit();
    }
    struct device_request *rq = file_device_run(disk, &error);
    if (rq) {
        rq->done(rq, error);
    }
}

void engine_ask_chores(void)
{
    chores_asked = true;
}

// ---- Requests ----

static void on_tick(int)
{
    if (may_stop) {
        may_stop = false;
        ticks++;
        siglongjmp(frames[depth - 1].place, 1);
    }
}

static void tick(uint32_t us)
{
    struct itimerval when = {.it_value.tv_usec = us};
    setitimer(ITIMER_REAL, &when, nullptr);
}

void engine_run(void)
{
    running = in_request = true;
    if (tick_every && !below(tick_every)) {
        tick(1 + below(TICK_US));
    }
    may_stop = true;
}

sigjmp_buf *engine_begin(void)
{
    if (running || depth == FRAMES) {
        die("a request in another");
    }
    frames[depth++].awaits = false;
    requests++;
    return &frames[depth - 1].place;
}

static void complete_one(const void *)
{
    int error;
    struct device_request *rq = file_device_run(disk, &error);
    rq->done(rq, error);
}

static void do_chores(const void *)
{
    chores++;
    volume_do_chores(volume);
}

static void be_idle(void)
{
    if (chores_asked) {
        chores_asked = false;
        transact(do_chores, nullptr);
    } else if (engine_idle && depth < FRAMES && !below(8)) {
        nested++;
        engine_idle(engine_idle_arg);
    } else if (disk->queued) {
        transact(complete_one, nullptr);
    } else {
        die("a request waits, and nobody will wake it");
    }
}

bool engine_resume(void)
{
    tick(0);
    struct frame *f = &frames[depth - 1];
    take_back();
    if (f->awaits) {
        awaits++;
        if (f->start) {
            transact(f->start, f->arg);
        }
        for (uint32_t turns = 0; !f->woken; turns++) {
            if (turns > 100000) {
                die("a request waits for ever");
            }
            be_idle();
        }
        f->awaits = false;
    }
    bool gone = engine_callers_die && !below(4);
    cancelled += gone;
    return !gone;
}

void engine_begin_work(void)
{
    if (running) {
        die("work in a transaction");
    }
    depth++; // like a request, but nobody jumps there
    frames[depth - 1].awaits = false;
    running = true;
}

void engine_end(void)
{
    may_stop = false;
    tick(0);
    in_request = false;
    commit();
    running = false;
    depth--;
}

// ---- Setting up ----

static void set_up(void)
{
    uint8_t here;
    uintptr_t high = ((uintptr_t)&here | 0xfffff) + 1;
    void *log = mmap(nullptr, LOG_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (log == MAP_FAILED) {
        die("no memory for the log");
    }
    undo_init(log, LOG_BYTES, high - STACK_BYTES, high, nullptr);
    const char *text = getenv("FS_TEST_TICKS");
    tick_every = text ? (uint32_t)atoi(text) : TICK_EVERY;
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_tick}, nullptr);
}

void engine_attach(struct file_device *d, struct volume *v)
{
    static bool done;
    if (!done) {
        done = true;
        set_up();
    }
    disk = d;
    volume = v;
    disk_submit = d->device.submit;
    d->device.submit = submit;
    d->device.wait = wait_in_place;
    d->device.tx = &transactions;
}

void engine_report(void)
{
    fprintf(stderr,
            "%llu requests, given up %llu times to wait, undone %llu times at any instruction, "
            "%llu not repeated; %llu chores, %llu times others were served meanwhile; longest log %llu bytes\n",
            (unsigned long long)requests, (unsigned long long)awaits, (unsigned long long)ticks,
            (unsigned long long)cancelled, (unsigned long long)chores, (unsigned long long)nested,
            (unsigned long long)undo_log.largest);
}
