// SPDX-License-Identifier: MIT
// What files cost while their disk driver dies every so often, or every service is moved, beside what they cost
// undisturbed.
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

enum { CHUNK = 64 << 10, NEW_MODE = 0644 };
static const char path[] = "/killed";
static char chunk[CHUNK] __attribute__((aligned(4096)));
static uint64_t file, next_strike, strikes;

// {period of disturbances, length of a phase} in ns; period 0: undisturbed.
struct phase {
    const char *name;
    uint64_t period, length;
};
enum { PHASES = 3, SERVICES = 16 };

static struct campaign {
    const char *name;
    void (*strike)(void);
    uint32_t mib; // size of the file
    int rounds;
    size_t phases;
    struct phase phase[PHASES];
} *now_running;

static void kill_driver(void)
{
    strikes += rs_kill(H_RS, subject_blk.number, RS_NULL_POINTER) == OK;
}

// Whoever is still being moved, or cannot be, is left out.
static void move_all(void)
{
    for (uint32_t number = 1; number < SERVICES; number++) {
        strikes += rs_move(H_RS, number) == OK;
    }
}

static struct campaign
    killing = {"kill", kill_driver, 32, 5, 3,
               {{"off", 0, 1000000000}, {"1000ms", 1000000000, 2000000000}, {"100ms", 100000000, 1000000000}}},
    moving = {"moving", move_all, 8, 7, 2, {{"off", 0, 100000000}, {"50ms", 50000000, 500000000}}};

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

// The file once, with disturbances between its chunks. Writing ends with what is needed to have it on the disk.
static bool pass(bool write, uint64_t period, uint64_t *spent)
{
    int err;
    handle_t fs = rt_handle("fs");
    bool ok = write || fs_drop_caches(fs, &err) == OK; // not measured
    uint64_t begun = busy_ns();
    for (uint64_t at = 0; ok && at < (uint64_t)now_running->mib << 20; at += CHUNK) {
        uint64_t now = *spent + busy_ns() - begun;
        if (period != 0 && now >= next_strike) {
            next_strike = now + period;
            now_running->strike();
        }
        ok = one_chunk(write, at);
    }
    ok = ok && (!write || fs_fsync(fs, file, &err) == OK);
    *spent += busy_ns() - begun;
    rt_progress();
    return ok;
}

// Adds the busy ns for a MiB.
static bool run_phase(bool write, const struct phase *phase, struct samples *samples)
{
    uint64_t spent = 0, passes = 0;
    wait_until_idle();
    next_strike = phase->period / 2;
    while (spent < phase->length) {
        if (!pass(write, phase->period, &spent)) {
            return false;
        }
        passes++;
    }
    samples_add(samples, spent / (passes * now_running->mib));
    return true;
}

static bool direction(bool write)
{
    const char *verb = write ? "write" : "read";
    struct samples samples[PHASES] = {};
    char name[64];
    for (int round = 0; round < now_running->rounds; round++) {
        for (size_t i = 0; i < now_running->phases; i++) {
            if (!run_phase(write, &now_running->phase[i], &samples[i])) {
                report_failure(now_running->name, verb, round);
                return false;
            }
        }
    }
    for (size_t i = 0; i < now_running->phases; i++) {
        snprintf(name, sizeof name, "%s_%s_%s", now_running->name, verb, now_running->phase[i].name);
        samples_report(name, &samples[i]);
    }
    return true;
}

static void run(struct campaign *campaign)
{
    uint64_t warm = 0;
    now_running = campaign;
    strikes = 0;
    if (!subject_find(&subject_blk) || !open_it() || !pass(true, 0, &warm)) {
        return report_failure(campaign->name, "no file to work on", 0);
    }
    if (direction(false) && direction(true)) {
        log_info("B %s_times n=%llu", campaign->name, (unsigned long long)strikes);
    }
}

void bench_kill(void)
{
    run(&killing);
}

void bench_moving(void)
{
    run(&moving);
}
