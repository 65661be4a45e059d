// SPDX-License-Identifier: MIT
#include "bench/guest/subject.h"
#include "bench/guest/measure.h"
#include "interfaces/fs.client.h"
#include "interfaces/hoard.client.h"
#include <stdio.h>
#include <string.h>

enum { WAIT_NS = 2000000000, LOOK_NS = 500000, EVENTS = 16 };

// ---- blk ----

static bool drop_caches(void)
{
    int err;
    return fs_drop_caches(rt_handle("fs"), &err) == OK;
}

static bool read_uncached(void)
{
    static char block[4096];
    static const char path[] = "/sizes/65536.bin";
    uint64_t file, size;
    uint32_t kind, count;
    int err;
    handle_t fs = rt_handle("fs");
    enum status status = fs_open(fs, path, strlen(path), FS_READ, 0, &file, &size, &kind, &err);
    if (status == OK) {
        status = fs_read(fs, file, 0, block, sizeof block, &count, &err);
        (void)fs_close(fs, file, &err);
    }
    return status == OK;
}

struct subject subject_blk = {.name = "blk", .prepare = drop_caches, .ask = read_uncached};

// ---- fs ----

static bool stat_path(const char *path)
{
    char record[128] = {0};
    int err;
    memcpy(record, path, strlen(path));
    return fs_stat(rt_handle("fs"), (uint32_t)strlen(path), true, record, sizeof record, &err) == OK;
}

static bool stat_root(void)
{
    return stat_path("/");
}

// 4 KiB somewhere in a file of a MiB.
static bool write_somewhere(void)
{
    enum { CHUNK = 4096, CHUNKS = 256, STEP = 77 };
    static const char path[] = "/laden", chunk[CHUNK];
    static uint64_t file, at;
    uint64_t size, end;
    uint32_t kind, count;
    int err;
    handle_t fs = rt_handle("fs");
    if (file == 0 && fs_open(fs, path, strlen(path), FS_WRITE | FS_CREATE, 0644, &file, &size, &kind, &err) != OK) {
        return false;
    }
    at = (at + STEP) % CHUNKS;
    return fs_write(fs, file, at * CHUNK, chunk, CHUNK, &count, &end, &err) == OK && count == CHUNK;
}

struct subject subject_fs = {.name = "fs", .ask = stat_root, .work = write_somewhere};

bool subject_fs_fill(void)
{
    enum { DIRECTORIES = 16 }; // tools/samsara/bench.py plants them
    for (int i = 0; i < DIRECTORIES; i++) {
        char path[64];
        snprintf(path, sizeof path, "/many/d%02d/f0000", i);
        if (!stat_path(path)) {
            return false;
        }
    }
    return true;
}

// ---- hoard ----

static bool change_one(void)
{
    static uint32_t seed;
    uint64_t done;
    return hoard_churn(rt_handle("hoard"), ++seed, 1, &done) == OK;
}

struct subject subject_hoard = {.name = "hoard", .ask = change_one, .work = change_one};

bool subject_hoard_fill(void)
{
    enum { OBJECTS = 18000, PORTION = 400 }; // with the texts of some, 20,000 blocks; a portion's stores fit the undo log
    for (uint32_t at = 0; at < OBJECTS; at += PORTION) {
        uint64_t made;
        if (hoard_fill(rt_handle("hoard"), at + 1, PORTION, 0, &made) != OK) {
            return false;
        }
    }
    return true;
}

// ---- All ----

bool subject_find(struct subject *s)
{
    if (rs_find(H_RS, s->name, strlen(s->name), &s->number) != OK) {
        report_failure(s->name, "no such service", 0);
        return false;
    }
    return true;
}

bool subject_settled(struct subject *s, enum rs_spare spare)
{
    struct rs_service state;
    uint64_t limit = rt_now_ns() + WAIT_NS;
    while (rs_info(H_RS, s->number, &state, sizeof state) == OK && rt_now_ns() < limit) {
        if (state.state == RS_READY && state.spare >= spare) {
            return true;
        }
        rt_sleep_until(rt_now_ns() + LOOK_NS);
    }
    log_error("%s: state %u, spare %u", s->name, state.state, state.spare);
    return false;
}

static void spin(uint64_t ns)
{
    uint64_t until = rt_now_ns() + ns;
    while (rt_now_ns() < until) {
        rt_beat();
    }
}

bool subject_moved(struct subject *s, struct rs_event *event)
{
    static struct rs_event events[EVENTS];
    uint64_t next, lost, limit = rt_now_ns() + WAIT_NS;
    uint32_t count;
    while (rt_now_ns() < limit) {
        enum status status = rs_watch(H_RS, s->after, false, events, sizeof events, &count, &next, &lost);
        for (uint32_t i = 0; status == OK && i < count && i < EVENTS; i++) {
            if (events[i].service == s->number && events[i].kind == RS_MOVED) {
                *event = events[i];
                s->after = event->sequence;
                return true;
            }
        }
        if (status != OK) {
            spin(LOOK_NS);
            continue;
        }
        s->after = next;
    }
    return false;
}
