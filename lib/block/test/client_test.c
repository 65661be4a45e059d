// SPDX-License-Identifier: MIT
// The client's half of the ring, with the test as the driver.
#include "lib/block/disk.h"
#include "lib/rt/sys.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four above first
#include <cmocka.h>

enum { ENTRIES = 70, DOORBELL = 77 };
static _Alignas(
    256) uint8_t memory[sizeof(struct block_ring) + ENTRIES * sizeof(struct block_entry)];
static struct disk disk;
static struct block_ring *ring = (struct block_ring *)memory;
static uint32_t rings; // of the doorbell
static enum status doorbell_says;

enum status fake_trap(uint64_t number, const uint64_t args[6], uint64_t *)
{
    assert_int_equal(number, SYS_notify);
    assert_int_equal(args[0], DOORBELL);
    rings++;
    return doorbell_says;
}

enum status fake_ipc(uint64_t, uint64_t, struct ipc_message *, uint64_t, uint64_t)
{
    fail();
    return ERR_HANDLE;
}

static int start(void **)
{
    memset(memory, 0, sizeof memory);
    disk = (struct disk){.sectors = 1000,
                         .max_bytes = 65536,
                         .entries = ENTRIES,
                         .doorbell = DOORBELL,
                         .buffers = 2,
                         .buffer_bytes = {8192, 1 << 20},
                         .free = {UINT64_MAX, (1ull << (ENTRIES - 64)) - 1},
                         .ring = ring};
    rings = 0;
    doorbell_says = OK;
    return 0;
}

static void finish(uint32_t i, uint32_t status)
{
    ring->entry[i].status = status;
    ring->entry[i].state = BLOCK_DONE;
    ring->completed[i / 64] |= 1ull << (i % 64);
}

static struct disk_request make(enum block_op op, uint64_t sector, uint32_t buffer, uint32_t offset,
                                uint32_t bytes)
{
    struct disk_request r;
    disk_request_init(&r, op, sector);
    if (bytes > 0) {
        assert_int_equal(disk_request_add(&r, buffer, offset, bytes), OK);
    }
    return r;
}

static void test_submit(void **)
{
    struct disk_request r = make(BLOCK_WRITE, 17, 1, 4096, 1024);

    assert_int_equal(disk_request_add(&r, 1, 5120, 512), OK); // joined
    assert_int_equal(disk_request_add(&r, 0, 512, 512), OK);
    assert_int_equal(r.segments, 2);
    assert_int_equal(disk_submit(&disk, &r), OK);
    assert_true(r.under_way);
    assert_int_equal(rings, 1);
    assert_int_equal(ring->submitted[0], 1);
    struct block_entry *e = &ring->entry[0];
    assert_int_equal(e->state, BLOCK_SUBMITTED);
    assert_int_equal(e->op, BLOCK_WRITE);
    assert_int_equal(e->sector, 17);
    assert_int_equal(e->segments, 2);
    assert_int_equal(e->segment[0].bytes, 1536);
    assert_int_equal(disk_submit(&disk, &r), ERR_STATE);

    assert_int_equal(disk_poll(&disk), 0);
    finish(0, OK);
    assert_int_equal(disk_poll(&disk), 1);
    assert_false(r.under_way);
    assert_int_equal(r.status, OK);
    assert_int_equal(disk.under_way, 0);
    assert_int_equal(e->state, BLOCK_FREE);
    finish(0, OK); // a reborn driver tells of it again
    assert_int_equal(disk_poll(&disk), 0);
}

static void test_refused(void **)
{
    struct { struct disk_request r; enum status status; } cases[] = {
        {make(BLOCK_READ, 0, 0, 0, 0), ERR_RANGE},
        {make(BLOCK_READ, 0, 2, 0, 512), ERR_RANGE},
        {make(BLOCK_READ, 0, 0, 8192, 512), ERR_RANGE},
        {make(BLOCK_READ, 0, 0, 7680, 1024), ERR_RANGE},
        {make(BLOCK_READ, 0, 0, 0xfffffe00, 1024), ERR_RANGE},
        {make(BLOCK_READ, 0, 1, 0, 65536 + 512), ERR_RANGE},
        {make(BLOCK_READ, 999, 0, 0, 1024), ERR_RANGE},
        {make(BLOCK_READ, 1000, 0, 0, 512), ERR_RANGE},
        {make(BLOCK_READ, UINT64_MAX, 0, 0, 512), ERR_RANGE},
        {make(BLOCK_READ, 0, 0, 100, 512), ERR_ALIGN},
        {make(BLOCK_READ, 0, 0, 0, 100), ERR_ALIGN},
        {make(BLOCK_FLUSH, 0, 0, 0, 512), ERR_RANGE},
        {make((enum block_op)9, 0, 0, 0, 512), ERR_ARG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(disk_submit(&disk, &cases[i].r), cases[i].status);
        assert_false(cases[i].r.under_way);
    }
    disk.read_only = true;
    struct disk_request write = make(BLOCK_WRITE, 0, 0, 0, 512);
    assert_int_equal(disk_submit(&disk, &write), ERR_READ_ONLY);
    assert_int_equal(rings, 0);
    assert_int_equal(disk.under_way, 0);
}

static void test_segments(void **)
{
    struct disk_request r = make(BLOCK_READ, 0, 0, 0, 0);

    for (uint32_t i = 0; i < BLOCK_SEGMENTS; i++) {
        assert_int_equal(disk_request_add(&r, 1, i * 8192, 512), OK);
    }
    assert_int_equal(disk_request_add(&r, 1, 1 << 19, 512), ERR_RANGE);
    assert_int_equal(disk_request_add(&r, 1, 13 * 8192 + 512, 512), OK); // still joins the last one
}

static uint32_t calls;
static struct disk_request chained;

static void done(struct disk *d, struct disk_request *r)
{
    calls++;
    assert_false(r->under_way);
    if (r->arg != nullptr) { // submits another from inside
        assert_int_equal(disk_submit(d, r->arg), OK);
    }
}

static void test_many(void **)
{
    static struct disk_request r[ENTRIES + 1];

    calls = 0;
    for (int i = 0; i <= ENTRIES; i++) {
        r[i] = make(BLOCK_READ, (uint64_t)i, 1, (uint32_t)i * 512, 512);
        r[i].done = done;
        assert_int_equal(disk_submit(&disk, &r[i]), i < ENTRIES ? OK : ERR_AGAIN);
    }
    assert_int_equal(disk.under_way, ENTRIES);
    chained = make(BLOCK_FLUSH, 0, 0, 0, 0);
    r[66].arg = &chained;
    finish(66, ERR_IO);
    finish(3, 4711); // no such status
    assert_int_equal(disk_poll(&disk), 2);
    assert_int_equal(calls, 2);
    assert_int_equal(r[66].status, ERR_IO);
    assert_int_equal(r[3].status, ERR_IO);
    assert_true(chained.under_way);
    assert_int_equal(disk_submit(&disk, &r[ENTRIES]), OK);
    ring->completed[1] |= 1ull << 60; // beyond the entries: nobody's
    ring->completed[0] |= 1; // not done at all
    assert_int_equal(disk_poll(&disk), 0);
    assert_true(r[0].under_way);
}

static void test_driver_gone(void **)
{
    struct disk_request a = make(BLOCK_READ, 0, 0, 0, 512), b = a;

    assert_int_equal(disk_submit(&disk, &a), OK);
    doorbell_says = ERR_DEAD;
    assert_int_equal(disk_submit(&disk, &b), ERR_DEAD);
    assert_false(b.under_way);
    assert_int_equal(disk.under_way, 1);
    disk_fail_all(&disk, ERR_DEAD);
    assert_int_equal(a.status, ERR_DEAD);
    assert_int_equal(disk.under_way, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_submit, start),   cmocka_unit_test_setup(test_refused, start),
        cmocka_unit_test_setup(test_segments, start), cmocka_unit_test_setup(test_many, start),
        cmocka_unit_test_setup(test_driver_gone, start),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
