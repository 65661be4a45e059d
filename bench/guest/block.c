// SPDX-License-Identifier: MIT
// Blocks: what the disk driver costs, without files above it. Reads only; the disk is the file service's.
//
// Requests wait for the host's disk: busy time is the figure, and is named without a clock.
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "bench/guest/subject.h"
#include "lib/block/disk.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"

enum { DEPTH = 8, BIT = 2, ROUNDS = 4096, SMALL = 4 << 10, BULK = 64 << 10 };

static struct disk disk;
static struct disk_memory memory = {.bytes = DEPTH * BULK};
static struct disk_request requests[DEPTH];
static uint32_t failed;

static void on_done(struct disk *, struct disk_request *rq)
{
    failed += rq->status != OK;
}

static bool start(uint32_t slot, uint64_t sector, uint32_t bytes)
{
    struct disk_request *rq = &requests[slot];
    disk_request_init(rq, BLOCK_READ, sector);
    rq->done = on_done;
    return disk_request_add(rq, 0, slot * BULK, bytes) == OK && disk_submit(&disk, rq) == OK;
}

// DEPTH at a time. step: sectors from one to the next, around the first half of the disk.
static void reads(const char *name, uint32_t bytes, uint64_t step)
{
    uint64_t sector = 0, span = disk.sectors / 2;
    struct lap begun = lap_begin();
    for (uint32_t n = 0; n < ROUNDS; n += DEPTH) {
        for (uint32_t slot = 0; slot < DEPTH; slot++) {
            if (!start(slot, sector, bytes)) {
                return report_failure(name, "a request is refused", (int)n);
            }
            sector = (sector + step) % span / 8 * 8;
        }
        rt_commit(); // the driver hears of them now
        while (disk_under_way(&disk) > 0) {
            disk_wait_any(&disk);
        }
    }
    report_each(name, ROUNDS, lap_end(begun));
    if (failed) {
        report_failure(name, "requests failed", (int)failed);
    }
}

static bool attach(void)
{
    static bool attached;
    enum status status = attached ? OK : disk_memory_create(&memory);
    if (!attached && status == OK) {
        status = disk_attach(&disk, rt_handle("disk"), DEPTH, BIT, &memory, 1);
    }
    if (status != OK) {
        report_failure("block", "no session with the driver", (int)status);
    }
    attached = status == OK;
    return attached;
}

// Another one each time, so that no cache can help.
static bool read_one(void)
{
    static uint64_t sector;
    sector = (sector + SMALL / BLOCK_SECTOR) % (disk.sectors / 2);
    if (!start(0, sector, SMALL)) {
        return false;
    }
    rt_commit();
    while (disk_under_way(&disk) > 0) {
        disk_wait_any(&disk);
    }
    return requests[0].status == OK;
}

struct subject subject_disk = {.name = "blk", .prepare = attach, .ask = read_one};

void bench_block(void)
{
    if (!attach()) {
        return;
    }
    reads("block_read4K_random", SMALL, 1234560);
    reads("block_read64K_sequential", BULK, BULK / BLOCK_SECTOR);
}
