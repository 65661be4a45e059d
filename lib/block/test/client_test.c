// SPDX-License-Identifier: MIT
// The client's half of the ring, with the test as the driver, as runtime and as death.
#include "lib/block/disk.h"
#include "lib/rt/sys.h"
#include "lib/rt/tx.h"
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

void disk_watch(struct disk *)
{
}

// ---- Transactions: what is deferred, and what memory was like at their beginning ----

static bool in_transaction;
static void (*deferred)(void *);
static struct disk disk_before;
static struct disk_request *request, request_before; // the one that tests with deaths use

bool rt_at_commit(void (*fn)(void *), void *arg)
{
    assert_ptr_equal(arg, &disk);
    if (in_transaction) {
        deferred = fn;
    } else {
        fn(arg);
    }
    return true;
}

static void begin(struct disk_request *r)
{
    in_transaction = true;
    deferred = nullptr;
    request = r;
    disk_before = disk;
    request_before = *r;
}

static void roll_back(void)
{
    disk = disk_before;
    *request = request_before;
    deferred = nullptr;
    in_transaction = false;
}

// Commits, then dies `deaths` times in the action that was deferred, at its end.
static void commit(int deaths)
{
    struct disk committed = disk;
    struct disk_request r = *request;
    in_transaction = false;
    for (int n = 0; n <= deaths && deferred != nullptr; n++) {
        disk = committed;
        *request = r;
        deferred(&disk);
    }
}

static int start(void **)
{
    in_transaction = false;
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
    assert_int_equal(disk_under_way(&disk), 0);
    assert_int_equal(disk_poll(&disk), 0); // a reborn driver may tell of it again
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
    assert_int_equal(disk_under_way(&disk), 0);
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
    assert_int_equal(disk_under_way(&disk), ENTRIES);
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
    assert_int_equal(disk_poll(&disk), 0);
    assert_true(r[0].under_way);
}

static void test_driver_gone(void **)
{
    struct disk_request a = make(BLOCK_READ, 0, 0, 0, 512), b = a;

    assert_int_equal(disk_submit(&disk, &a), OK);
    doorbell_says = ERR_DEAD;
    assert_int_equal(disk_submit(&disk, &b), OK);
    assert_false(b.under_way);
    assert_int_equal(b.status, ERR_DEAD);
    assert_int_equal(disk_under_way(&disk), 1);
    disk_fail_all(&disk, ERR_DEAD);
    assert_int_equal(a.status, ERR_DEAD);
    assert_int_equal(disk_under_way(&disk), 0);
}

// ---- Deaths ----

// Nobody hears of a request whose transaction was undone; it runs when it comes again.
static void test_undone_before_commit(void **)
{
    static struct disk_request r;
    r = make(BLOCK_WRITE, 17, 1, 4096, 1024);
    begin(&r);
    assert_int_equal(disk_submit(&disk, &r), OK);
    assert_int_equal(ring->entry[0].state, BLOCK_FREE);
    assert_int_equal(rings, 0);
    roll_back();
    assert_false(r.under_way);
    begin(&r);
    assert_int_equal(disk_submit(&disk, &r), OK);
    commit(0);
    assert_int_equal(ring->entry[0].state, BLOCK_SUBMITTED);
    assert_int_equal(rings, 1);
}

// Death in the middle of telling the driver, which is fast: the heir does not run it again.
static void test_told_twice(void **)
{
    static struct disk_request r;
    r = make(BLOCK_WRITE, 17, 1, 4096, 1024);
    begin(&r);
    assert_int_equal(disk_submit(&disk, &r), OK);
    commit(0);
    finish(0, OK);
    disk.queued[0] = 1; // as before its transaction
    ring->submitted[0] = 0;
    deferred(&disk);
    assert_int_equal(ring->entry[0].state, BLOCK_DONE);
    assert_int_equal(disk_poll(&disk), 1);
    assert_int_equal(r.status, OK);

    // Killed after the number and before the state: the driver has seen nothing.
    begin(&r);
    assert_int_equal(disk_submit(&disk, &r), OK);
    ring->entry[0].state = BLOCK_FREE;
    ring->entry[0].number = disk.entry[0].number;
    ring->entry[0].sector = 4711;
    commit(2);
    assert_int_equal(ring->entry[0].state, BLOCK_SUBMITTED);
    assert_int_equal(ring->entry[0].sector, 17);
}

// A completion that was taken in and undone is found again; the old one in the entry of a request
// that the driver has not heard of is not taken for its.
static void test_completion_undone(void **)
{
    static struct disk_request r;
    r = make(BLOCK_READ, 0, 0, 0, 512);
    assert_int_equal(disk_submit(&disk, &r), OK);
    finish(0, OK);
    begin(&r);
    assert_int_equal(disk_poll(&disk), 1);
    roll_back();
    assert_true(r.under_way);
    begin(&r);
    assert_int_equal(disk_poll(&disk), 1);
    assert_int_equal(disk_submit(&disk, &r), OK);
    assert_int_equal(ring->entry[0].state, BLOCK_DONE);
    assert_int_equal(disk_poll(&disk), 0);
    roll_back();
    assert_int_equal(disk_poll(&disk), 1);
    assert_int_equal(disk_under_way(&disk), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_submit, start),   cmocka_unit_test_setup(test_refused, start),
        cmocka_unit_test_setup(test_segments, start), cmocka_unit_test_setup(test_many, start),
        cmocka_unit_test_setup(test_driver_gone, start),
        cmocka_unit_test_setup(test_undone_before_commit, start),
        cmocka_unit_test_setup(test_told_twice, start),
        cmocka_unit_test_setup(test_completion_undone, start),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
