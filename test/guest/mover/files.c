// SPDX-License-Identifier: MIT
// A client of the file service that never rests for long: one file, kept open, written and read back
// all the time. Whatever happens to the service, no request may fail and no byte may be another.
#include "interfaces/fs.client.h"
#include "lib/rt/rt.h"
#include "test/guest/mover/mover.h"
#include <string.h>

enum { BLOCK = 5000, BLOCKS = 40, PAUSE_NS = 2000000, TELL = 100 };

static handle_t fs;
static uint64_t file;

static void must(const char *what, enum status status, int err)
{
    if (status != OK) {
        complain(what, status);
        log_error("errno %d", err);
    }
}

static void one(uint32_t round)
{
    static uint8_t block[BLOCK], back[BLOCK];
    uint64_t offset = round * 7919ull % BLOCKS * BLOCK, end;
    uint32_t count = 0;
    int err = 0;
    for (uint32_t i = 0; i < BLOCK; i++) {
        block[i] = (uint8_t)(round + i * 31);
    }
    must("write", fs_write(fs, file, offset, block, BLOCK, &count, &end, &err), err);
    if (round % 50 == 0) {
        must("fsync", fs_fsync(fs, file, &err), err);
    }
    must("read", fs_read(fs, file, offset, back, BLOCK, &count, &err), err);
    if (count != BLOCK || memcmp(block, back, BLOCK) != 0) {
        complain("what was written is not there", OK);
    }
}

void use_files(void)
{
    static const char path[] = "/used";
    uint64_t size;
    uint32_t kind;
    int err = 0;
    fs = rt_handle("fs");
    must("open", fs_open(fs, path, sizeof(path) - 1, FS_READ | FS_WRITE | FS_CREATE, 0644, &file, &size, &kind, &err), err);
    for (uint32_t round = 1;; round++) {
        one(round);
        if (round % TELL == 0) {
            log_info("files: %u rounds, %u wrong", round, wrong);
        }
        rt_sleep_until(rt_now_ns() + PAUSE_NS);
    }
}
