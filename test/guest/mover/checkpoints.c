// SPDX-License-Identifier: MIT
// The moved one is restored: by command, and by the ladder when no heir can live with its state. What
// it was told after the checkpoint must be gone; all before it must be there, and it must go on like
// its twin, which was told neither.
#include "lib/rt/rt.h"
#include "test/guest/mover/mover.h"
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 4 << 20, PATIENCE_MS = 10000, ROUNDS = 6 };

static uint64_t newest(void)
{
    uint64_t sequence, total;
    uint32_t got;
    uint8_t first;
    enum status status = rs_read_checkpoint(H_RS, number, 0, 0, &first, 1, &sequence, &total, &got);
    return status == OK ? sequence : 0;
}

static void take(void)
{
    uint64_t before = newest();
    enum status status = rs_checkpoint(H_RS, number);
    for (int ms = 0; status == OK && newest() <= before; ms++) {
        status = ms < PATIENCE_MS ? OK : ERR_AGAIN;
        rt_sleep_until(rt_now_ns() + 1000000);
    }
    if (status != OK) {
        complain("taking a checkpoint", status);
    }
}

static uint64_t read_all(uint8_t *file)
{
    uint64_t sequence = 0, total = 1, at = 0;
    uint32_t got = 1;
    enum status status = OK;
    while (status == OK && at < total && got > 0 && at < FILE_MAX) {
        status = rs_read_checkpoint(H_RS, number, sequence, at, file + at, 65536, &sequence, &total, &got);
        at += got;
    }
    if (status != OK || at != total) {
        complain("reading a checkpoint", status);
    }
    return at;
}

static void only_moved(uint32_t seed)
{
    uint64_t done;
    enum status status = hoard_churn(moved, seed, 200, &done);
    if (status != OK) {
        complain("churn of the moved one", status);
    }
}

static void restore(const uint8_t *file, uint64_t bytes, enum status expected)
{
    uint32_t incarnation = state_of().incarnation;
    enum status status = rs_restore(H_RS, number, file, bytes);
    if (status != expected) {
        complain("restoring", status);
    }
    if (status == OK) {
        await_incarnation(incarnation);
    }
}

static void by_command(uint8_t *file, uint32_t round)
{
    take();
    uint64_t bytes = read_all(file), done;
    log_info("checkpoint: %llu bytes", (unsigned long long)bytes);
    only_moved(round);
    file[bytes / 2] ^= 4; // damaged, and then cut off
    restore(file, bytes, ERR_CORRUPT);
    file[bytes / 2] ^= 4;
    restore(file, bytes - 64, ERR_CORRUPT);
    restore(file, bytes, OK);
    compare(round);
    change(100 + round, 100);
    compare(round);
    (void)hoard_churn(still, 7, 1, &done); // told the same by another way
    (void)hoard_churn(moved, 7, 1, &done);
    compare(round);
}

static void spoil(uint32_t how)
{
    enum status status = hoard_spoil(moved, how);
    if (status != OK) {
        complain("spoiling", status);
    }
}

static void die(void)
{
    uint32_t incarnation = state_of().incarnation;
    enum status status = rs_kill(H_RS, number, RS_NULL_POINTER);
    if (status != OK) {
        complain("killing", status);
    }
    await_incarnation(incarnation);
}

// Heirs refuse the state, or fail at it, and the ladder goes up: to the last checkpoint, and if its
// heirs fail, too, to the one before.
static void by_ladder(uint32_t round)
{
    take();
    only_moved(round);
    if (round % 2 == 0) {
        spoil(1);
    } else {
        spoil(2);
        take(); // with the fault inside
    }
    die();
    compare(round);
    change(200 + round, 100);
    compare(round);
}

uint32_t try_checkpoints(void)
{
    uint8_t *file = malloc(FILE_MAX);
    if (!file) {
        complain("memory", ERR_MEMORY);
        return 0;
    }
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        change(round, 50);
        if (round % 3 == 1) {
            by_command(file, round);
        } else {
            by_ladder(round);
        }
    }
    return ROUNDS;
}

void watch_contents(void)
{
    uint64_t last[3] = {0}, now[3];
    for (;;) {
        enum status status = hoard_check(moved, &now[0], &now[1], &now[2]);
        if (status != OK) {
            complain("check", status);
        } else if (memcmp(now, last, sizeof(now)) != 0) {
            memcpy(last, now, sizeof(now));
            log_info("holds: %llu objects after %llu changes, sum %#llx", (unsigned long long)now[1],
                     (unsigned long long)now[2], (unsigned long long)now[0]);
        }
        rt_sleep_until(rt_now_ns() + 50000000);
    }
}
