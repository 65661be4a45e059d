// SPDX-License-Identifier: MIT
// What files cost while their disk driver dies every so often, beside what they cost undisturbed.
//
// Time is busy time, for the deaths as well as for the throughput: under icount that is instructions, and the
// waiting for the host's disk, which would make each figure another at each run, is left out. Undisturbed and
// disturbed phases take turns within each round.
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "bench/guest/subject.h"
#include "interfaces/fs.client.h"
#include <stdio.h>
#include <string.h>

enum { CHUNK = 64 << 10, MIB = 32, ROUNDS = 5, NEW_MODE = 0644 };
static const uint64_t file_bytes = (uint64_t)MIB << 20;
static const char path[] = "/killed";
static char chunk[CHUNK] __attribute__((aligned(4096)));
static uint64_t file, next_kill, kills;

// {period of deaths, length of a phase} in ns; period 0: undisturbed.
static const struct {
    const char *name;
    uint64_t period, length;
} phases[] = {{"off", 0, 500000000}, {"1000ms", 1000000000, 2000000000}, {"100ms", 100000000, 1000000000}};
enum { PHASES = sizeof phases / sizeof phases[0] };

static bool open_it(void)
{
    uint64_t size;
    uint32_t kind;
    int err;
    return fs_open(rt_handle("fs"), path, strlen(path), FS_READ | FS_WRITE | FS_CREATE, NEW_MODE, &file, &size, &kind,
                   &err) == OK;
}

static bool one_chunk(bool write, uint64_t at)
{
    uint32_t count;
    uint64_t end;
    int err;
    handle_t fs = rt_handle("fs");
    enum status status = write ? fs_write(fs, file, at, chunk, CHUNK, &count, &end, &err)
                               : fs_read(fs, file, at, chunk, CHUNK, &count, &err);
    return status == OK && count == CHUNK;
}

// The file once, with deaths between its chunks. Writing ends with what is needed to have it on the disk.
static bool pass(bool write, uint64_t period, uint64_t *spent)
{
    int err;
    handle_t fs = rt_handle("fs");
    bool ok = write || fs_drop_caches(fs, &err) == OK; // not measured
    uint64_t begun = busy_ns();
    for (uint64_t at = 0; ok && at < file_bytes; at += CHUNK) {
        uint64_t now = *spent + busy_ns() - begun;
        if (period != 0 && now >= next_kill) {
            next_kill = now + period;
            kills += rs_kill(H_RS, subject_blk.number, RS_NULL_POINTER) == OK;
        }
        ok = one_chunk(write, at);
    }
    ok = ok && (!write || fs_fsync(fs, file, &err) == OK);
    *spent += busy_ns() - begun;
    rt_progress();
    return ok;
}

// Adds the busy ns for a MiB.
static bool phase(bool write, size_t which, struct samples *samples)
{
    uint64_t spent = 0, passes = 0;
    next_kill = phases[which].period / 2;
    while (spent < phases[which].length) {
        if (!pass(write, phases[which].period, &spent)) {
            return false;
        }
        passes++;
    }
    samples_add(samples, spent / (passes * MIB));
    return true;
}

static bool direction(bool write)
{
    const char *verb = write ? "write" : "read";
    struct samples samples[PHASES] = {};
    char name[64];
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < PHASES; i++) {
            if (!phase(write, i, &samples[i])) {
                report_failure("kill", verb, round);
                return false;
            }
        }
    }
    for (size_t i = 0; i < PHASES; i++) {
        snprintf(name, sizeof name, "kill_%s_%s", verb, phases[i].name);
        samples_report(name, &samples[i]);
    }
    return true;
}

void bench_kill(void)
{
    uint64_t warm = 0;
    if (!subject_find(&subject_blk) || !open_it() || !pass(true, 0, &warm)) {
        return report_failure("kill", "no file to work on", 0);
    }
    if (direction(false) && direction(true)) {
        log_info("B kill_deaths n=%llu", (unsigned long long)kills);
    }
}
