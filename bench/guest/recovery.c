// SPDX-License-Identifier: MIT
// Rebirth of the disk driver: from its death to the first request it completes again.
//
// Each round reads a part of the disk that is not cached, so that a request is waiting when the driver
// dies. Two measures: the supervisor's own times (from detection, with the waiting for the host's disk in
// them), and all instructions from the command to kill until the read has returned, waiting left out: more
// than the recovery itself, never less.
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "interfaces/fs.client.h"
#include "interfaces/rs.client.h"
#include "lib/rt/rt.h"
#include <string.h>

enum { DEATHS = 200, WAIT_MS = 5000 };

static const char victim[] = "blk";
// Deaths that are noticed at once. An endless loop is found by heartbeat: that time is a setting.
static const uint32_t ways[] = {RS_NULL_POINTER, RS_JUMP, RS_ASSERTION, RS_END};

static enum status read_uncached(handle_t fs)
{
    static char block[4096];
    uint64_t file, size;
    uint32_t kind, count;
    int err;
    enum status status =
        fs_open(fs, "/sizes/65536.bin", strlen("/sizes/65536.bin"), FS_READ, 0, &file, &size, &kind, &err);
    if (status == OK) {
        status = fs_read(fs, file, 0, block, sizeof block, &count, &err);
        (void)fs_close(fs, file, &err);
    }
    return status;
}

// Time in which processors worked. Under icount that is instructions; waiting for the host's disk is not in it
// (the clock follows the host while all processors idle).
static uint64_t busy_ns(void)
{
    struct system_info info;
    return sys_system_info(&info) == OK ? rt_now_ns() * info.cpus - info.idle_ns : 0;
}

// The record of the latest death, once the newborn has completed work; false after WAIT_MS.
static bool recovered(handle_t rs, uint32_t number, struct rs_death *death)
{
    uint64_t limit = rt_now_ns() + WAIT_MS * 1000000ull;
    while (rt_now_ns() < limit) {
        if (rs_record(rs, number, 0, death, sizeof *death) == OK && death->first_work_ns) {
            return true;
        }
        rt_sleep_until(rt_now_ns() + 1000000);
    }
    return false;
}

void bench_recovery(void)
{
    handle_t fs = rt_handle("fs");
    uint32_t number;
    if (!fs || rs_find(H_RS, victim, strlen(victim), &number) != OK) {
        return report_failure("driver_recovery", "no fs, or no service 'blk'", 0);
    }
    struct samples busy = {}, whole = {}, newborn = {}, ready = {};
    for (int i = 0; i < DEATHS; i++) {
        static struct rs_death death;
        int err;
        enum status status = fs_drop_caches(fs, &err);
        uint64_t before = busy_ns();
        if (status == OK) {
            status = rs_kill(H_RS, number, ways[i % 4]);
        }
        if (status == OK) {
            status = read_uncached(fs);
        }
        uint64_t after = busy_ns();
        if (status != OK || !recovered(H_RS, number, &death)) {
            report_failure("driver_recovery", "a round failed", status);
            break;
        }
        samples_add(&newborn, death.newborn_ns - death.detected_ns);
        samples_add(&ready, death.ready_ns - death.detected_ns);
        samples_add(&busy, after - before);
        samples_add(&whole, death.first_work_ns - death.detected_ns);
        rt_beat();
    }
    samples_report("driver_recovery_to_newborn_ns", &newborn);
    samples_report("driver_recovery_to_ready_ns", &ready);
    samples_report("driver_recovery_elapsed_ns", &whole);
    samples_report("driver_recovery_busy_ns", &busy);
}
