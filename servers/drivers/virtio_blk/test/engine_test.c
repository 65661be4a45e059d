// SPDX-License-Identifier: MIT
// The driver's core between rings that tell lies and a device that may do anything.
#include "servers/drivers/virtio_blk/test/fake_disk.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four above first
#include <cmocka.h>

enum { BUFFER_PAGES = 256, ENTRIES = 200 };
static struct blk blk;
static struct blk_turn turn;
static uint64_t page_address[16 + BUFFER_PAGES];
static _Alignas(4096) uint8_t pages[BUFFER_PAGES][4096];
static uint8_t *page_of[BUFFER_PAGES]; // the buffer's pages, scattered
static _Alignas(256) uint8_t
    ring_memory[2][sizeof(struct block_ring) + ENTRIES * sizeof(struct block_entry)];

static struct block_ring *ring(int session)
{
    return (struct block_ring *)ring_memory[session];
}

static void open_session(uint32_t session)
{
    memset(ring_memory[session], 0, sizeof ring_memory[session]);
    blk.session[session].ring = ring((int)session);
    blk.session[session].entries = ENTRIES;
    blk.open |= 1u << session;
    blk.session[session].buffer[1] = (struct blk_buffer){BUFFER_PAGES * 4096, 16, BUFFER_PAGES, 9};
}

static void shuffle_pages(void)
{
    for (int i = 0; i < BUFFER_PAGES; i++) {
        page_of[i] = pages[i];
    }
    for (int i = BUFFER_PAGES - 1; i > 0; i--) {
        int j = rand() % (i + 1);
        uint8_t *t = page_of[i];
        page_of[i] = page_of[j];
        page_of[j] = t;
    }
    for (int i = 0; i < BUFFER_PAGES; i++) {
        page_address[16 + i] = (uint64_t)page_of[i];
    }
}

static void start(bool indirect)
{
    srand(7);
    memset(&blk, 0, sizeof blk);
    turn = (struct blk_turn){0};
    memset(pages, 0, sizeof pages);
    shuffle_pages();
    blk.page_address = page_address;
    blk.indirect = indirect;
    blk_engine_init(&blk);
    disk_connect(&blk);
    open_session(0);
}

static int start_indirect(void **)
{
    start(true);
    return 0;
}

static struct block_entry *fill(uint32_t i, uint32_t op, uint64_t sector, uint32_t offset,
                                uint32_t bytes)
{
    struct block_entry *e = &ring(0)->entry[i];

    e->op = op;
    e->sector = sector;
    e->segments = op == BLOCK_FLUSH ? 0 : 1;
    e->segment[0] = (struct block_segment){1, offset, bytes, 0};
    e->status = 999;
    return e;
}

static void submit(int session, uint32_t i)
{
    ring(session)->entry[i].state = BLOCK_SUBMITTED;
    ring(session)->submitted[i / 64] |= 1ull << (i % 64);
}

static uint32_t completions(uint64_t now)
{
    turn.now_ns = now;
    return blk_completions(&blk, &turn);
}

static void run(uint64_t now)
{
    turn.now_ns = now;
    blk_run(&blk, &turn);
    turn = (struct blk_turn){0};
}

static void ring_doorbell(uint64_t now)
{
    blk_take_submitted(&blk, 0);
    run(now);
}

static void round_trip(void)
{
    ring_doorbell(1);
    disk_work(&blk);
    completions(2);
    run(2);
}

static void expect(uint32_t i, enum status status)
{
    assert_int_equal(ring(0)->entry[i].state, BLOCK_DONE);
    assert_int_equal(ring(0)->entry[i].status, status);
}

static uint8_t buffer_byte(uint32_t offset)
{
    return page_of[offset / 4096][offset % 4096];
}

static void test_read(void **)
{
    fill(3, BLOCK_READ, 10, 4096 - 512, 8192); // over three scattered pages
    submit(0, 3);
    round_trip();
    expect(3, OK);
    for (uint32_t i = 0; i < 8192; i++) {
        assert_int_equal(buffer_byte(4096 - 512 + i), disk.data[10 * 512 + i]);
    }
    assert_int_equal(blk_under_way(&blk), 0);
}

static void test_write_and_flush(void **)
{
    for (uint32_t i = 0; i < 5120; i++) {
        page_of[(1024 + i) / 4096][(1024 + i) % 4096] = (uint8_t)(i * 3);
    }
    fill(0, BLOCK_WRITE, 100, 1024, 5120);
    fill(1, BLOCK_FLUSH, 0, 0, 0);
    submit(0, 0);
    submit(0, 1);
    round_trip();
    expect(0, OK);
    expect(1, OK);
    assert_int_equal(disk.flushes, 1);
    for (uint32_t i = 0; i < 5120; i++) {
        assert_int_equal(disk.data[100 * 512 + i], (uint8_t)(i * 3));
    }
}

static void test_flush_without_cache(void **)
{
    blk.can_flush = false; // the device writes through
    fill(1, BLOCK_FLUSH, 0, 0, 0);
    submit(0, 1);
    round_trip();
    expect(1, OK);
    assert_int_equal(disk.flushes, 0);
}

// More requests than slots, answered in random order, with and without indirect descriptors.
static void flood(bool indirect)
{
    start(indirect);
    if (!indirect) {
        blk.parts_max = BLK_QUEUE_DIRECT / 4 - 2;
        blk.max_bytes = 32 * 4096;
    }
    disk.shuffles = true;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        fill(i, BLOCK_READ, i * 3, i * 4096, 1536);
        submit(0, i);
    }
    ring_doorbell(1);
    assert_int_equal(blk_under_way(&blk), BLK_SLOTS);
    for (int i = 0; i < 20; i++) {
        disk_work(&blk);
        completions(2);
        run(2);
    }
    for (uint32_t i = 0; i < ENTRIES; i++) {
        expect(i, OK);
        for (uint32_t k = 0; k < 1536; k++) {
            assert_int_equal(buffer_byte(i * 4096 + k), disk.data[i * 3 * 512 + k]);
        }
    }
    assert_int_equal(disk.reads, ENTRIES);
    assert_int_equal(blk.queue.free_count, blk.queue.size);
}

static void test_flood_indirect(void **)
{
    flood(true);
}

static void test_flood_direct(void **)
{
    flood(false);
}

// One client that always has requests does not starve another.
static void test_fairness(void **)
{
    open_session(1);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        fill(i, BLOCK_READ, i, i * 4096, 512);
        submit(0, i);
    }
    ring(1)->entry[5] = ring(0)->entry[5];
    submit(1, 5);
    blk_take_submitted(&blk, 0);
    blk_take_submitted(&blk, 1);
    round_trip();
    assert_int_equal(ring(1)->entry[5].state, BLOCK_DONE);
    assert_int_equal(ring(0)->entry[ENTRIES - 1].state, BLOCK_SUBMITTED);
}

struct lie {
    uint32_t op;
    uint64_t sector;
    uint32_t segments;
    struct block_segment segment;
    enum status expected;
};

static void test_lies(void **)
{
    static const uint32_t end = BUFFER_PAGES * 4096;
    static const struct lie lies[] = {
        {3, 0, 1, {1, 0, 512, 0}, ERR_ARG},
        {0xffffffff, 0, 1, {1, 0, 512, 0}, ERR_ARG},
        {BLOCK_READ, 0, 0, {1, 0, 512, 0}, ERR_RANGE},
        {BLOCK_READ, 0, BLOCK_SEGMENTS + 1, {1, 0, 512, 0}, ERR_RANGE},
        {BLOCK_READ, 0, 0xffffffff, {1, 0, 512, 0}, ERR_RANGE},
        {BLOCK_READ, 0, 1, {0, 0, 512, 0}, ERR_RANGE}, // a buffer that was never given
        {BLOCK_READ, 0, 1, {BLOCK_BUFFERS, 0, 512, 0}, ERR_RANGE},
        {BLOCK_READ, 0, 1, {0xffffffff, 0, 512, 0}, ERR_RANGE},
        {BLOCK_READ, 0, 1, {1, 1, 512, 0}, ERR_ALIGN},
        {BLOCK_READ, 0, 1, {1, 0, 511, 0}, ERR_ALIGN},
        {BLOCK_READ, 0, 1, {1, 0, 0, 0}, ERR_ALIGN},
        {BLOCK_READ, 0, 1, {1, end, 512, 0}, ERR_RANGE},
        {BLOCK_READ, 0, 1, {1, end - 512, 1024, 0}, ERR_RANGE},
        {BLOCK_READ, 0, 1, {1, 0xfffffe00, 1024, 0}, ERR_RANGE}, // runs around
        {BLOCK_READ, 0, 1, {1, 512, 0xfffffe00, 0}, ERR_RANGE},
        {BLOCK_READ, 0, 1, {1, 0, BLK_MAX_BYTES + 512, 0}, ERR_RANGE},
        {BLOCK_READ, DISK_SECTORS, 1, {1, 0, 512, 0}, ERR_RANGE},
        {BLOCK_READ, DISK_SECTORS - 1, 1, {1, 0, 1024, 0}, ERR_RANGE},
        {BLOCK_WRITE, UINT64_MAX, 1, {1, 0, 512, 0}, ERR_RANGE},
        {BLOCK_WRITE, UINT64_MAX - 1, 1, {1, 0, 1024, 0}, ERR_RANGE},
        {BLOCK_FLUSH, 0, 1, {1, 0, 512, 0}, ERR_RANGE},
    };

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct block_entry *e = fill(0, lies[i].op, lies[i].sector, 0, 512);
        e->segments = lies[i].segments;
        e->segment[0] = lies[i].segment;
        submit(0, 0);
        round_trip();
        expect(0, lies[i].expected);
    }
    assert_int_equal(disk.reads + disk.writes + disk.flushes, 0); // the device saw none of it
}

// Random bytes over the whole ring, again and again: every answer is in order, nothing is left
// over.
static void test_random_ring(void **)
{
    for (int round = 0; round < 3000; round++) {
        uint8_t *bytes = ring_memory[0];
        for (int k = 0; k < 40; k++) {
            bytes[(size_t)rand() % sizeof ring_memory[0]] = (uint8_t)rand();
        }
        for (int k = 0; k < 10; k++) {
            struct block_entry *e =
                fill((uint32_t)rand() % ENTRIES, (uint32_t)rand() % 4,
                     (uint64_t)rand() % (DISK_SECTORS + 10), (uint32_t)(rand() % 3000) * 512,
                     (uint32_t)(rand() % 600) * 512);
            e->segments = (uint32_t)rand() % 16;
            for (int s = 0; s < BLOCK_SEGMENTS; s++) {
                e->segment[s] = (struct block_segment){rand() % 20 ? 1 : (uint32_t)rand() % 6,
                                                       (uint32_t)(rand() % 2050) * 512,
                                                       (uint32_t)(rand() % 32) * 512, 0};
            }
            e->state = BLOCK_SUBMITTED;
        }
        ring(0)->submitted[rand() % BLOCK_WORDS] = UINT64_MAX;
        round_trip();
        round_trip();
    }
    for (int i = 0; i < 20; i++) {
        round_trip();
    }
    assert_int_equal(blk_under_way(&blk), 0);
    assert_int_equal(blk.queue.free_count, blk.queue.size);
    assert_int_equal(disk.resets, 0);
    assert_true(disk.reads > 500);
}

// Taking an entry back, or submitting it a second time while it is under way, harms nobody else.
static void test_fickle_client(void **)
{
    fill(0, BLOCK_READ, 5, 0, 512);
    submit(0, 0);
    ring_doorbell(1);
    assert_int_equal(blk_under_way(&blk), 1);
    submit(0, 0);
    ring_doorbell(1);
    assert_int_equal(blk_under_way(&blk), 1); // once is enough
    ring(0)->entry[0].state = BLOCK_FREE;
    ring(0)->entry[0].segments = 0xffffffff;
    disk_work(&blk);
    assert_int_equal(completions(2), 1);
    expect(0, OK);
    assert_int_equal(blk_under_way(&blk), 0);
}

static void test_device_errors(void **)
{
    fill(0, BLOCK_READ, DISK_BAD_SECTOR, 0, 512);
    fill(1, BLOCK_READ, DISK_STRANGE_SECTOR, 4096, 512);
    fill(2, BLOCK_READ, 7, 8192, 512);
    submit(0, 0);
    submit(0, 1);
    submit(0, 2);
    round_trip();
    expect(0, ERR_IO);
    expect(1, ERR_IO);
    expect(2, OK);
    assert_int_equal(blk.count.failed, 2);
    disk.shortens = true; // claims success but less than was asked for
    fill(3, BLOCK_READ, 7, 8192, 512);
    submit(0, 3);
    round_trip();
    expect(3, ERR_IO);
}

static void test_read_only(void **)
{
    blk.read_only = true;
    fill(0, BLOCK_WRITE, 5, 0, 512);
    submit(0, 0);
    round_trip();
    expect(0, ERR_READ_ONLY);
    assert_int_equal(disk.writes, 0);
}

static void test_deaf_device_recovers(void **)
{
    disk.deaf = true;
    disk.deaf_resets = 1;
    fill(0, BLOCK_READ, 5, 0, 512);
    submit(0, 0);
    ring_doorbell(100);
    assert_true(blk_check_time(&blk, 500, false) > 500);
    assert_int_equal(disk.resets, 0); // patience
    blk_check_time(&blk, 1200, false);
    assert_int_equal(disk.resets, 1);
    disk_work(&blk);
    completions(1300);
    expect(0, OK);
    assert_int_equal(blk.count.resets, 1);
    assert_int_equal(blk_check_time(&blk, 1300, false), 0); // nothing to wait for
}

static void test_deaf_for_ever(void **)
{
    uint64_t now = 100, next;

    disk.deaf = true;
    disk.deaf_resets = UINT32_MAX;
    fill(0, BLOCK_WRITE, 5, 0, 512);
    submit(0, 0);
    ring_doorbell(now);
    for (int i = 0; i < 100 && (next = blk_check_time(&blk, now, false)) != 0; i++) {
        assert_true(next > now);
        now = next;
    }
    expect(0, ERR_IO); // never a hang
    assert_int_equal(disk.resets, BLK_TRIES);
    assert_int_equal(blk_under_way(&blk), 0);
}

// A device that answers others is slow, not dead.
static void test_slow_device(void **)
{
    fill(0, BLOCK_READ, 5, 0, 512);
    submit(0, 0);
    ring_doorbell(100);
    blk.last_answer_ns = 900;
    blk_check_time(&blk, 1500, false);
    assert_int_equal(disk.resets, 0);
    blk_check_time(&blk, 1900, false);
    assert_int_equal(disk.resets, 1);
}

static void test_dead_device(void **)
{
    disk.deaf = disk.dead = true;
    fill(0, BLOCK_READ, 5, 0, 512);
    submit(0, 0);
    ring_doorbell(100);
    blk_check_time(&blk, 2000, false);
    expect(0, ERR_IO);
    fill(1, BLOCK_READ, 5, 0, 512);
    submit(0, 1);
    ring_doorbell(2100); // at once, without waiting for a device that is gone
    expect(1, ERR_IO);
    disk.dead = disk.deaf = false;
    blk_check_time(&blk, 4000, true); // it is tried again
    fill(2, BLOCK_READ, 5, 0, 512);
    submit(0, 2);
    round_trip();
    expect(2, OK);
}

static void test_broken_queue(void **)
{
    fill(0, BLOCK_READ, 5, 0, 512);
    fill(1, BLOCK_WRITE, 9, 4096, 512);
    submit(0, 0);
    submit(0, 1);
    ring_doorbell(100);
    blk.queue.used->ring[0].id = 0xdead;
    blk.queue.used->idx = 1;
    assert_int_equal(completions(100), 0);
    assert_true(blk.queue.broken);
    blk_check_time(&blk, 101, false);
    assert_int_equal(disk.resets, 1);
    disk_work(&blk);
    assert_int_equal(completions(102), 2);
    expect(0, OK);
    expect(1, OK);
}

// The heir of a driver that crashed: its last transaction was undone, here as if the first slots had
// not ended. What was submitted runs, what was done does not.
static void test_crash(void **)
{
    for (uint32_t i = 0; i < 100; i++) {
        fill(i, BLOCK_READ, i, i * 4096, 512);
        submit(0, i);
    }
    ring_doorbell(1);
    struct blk before = blk;
    disk_work(&blk);
    completions(2);
    uint32_t done = disk.reads;
    assert_int_equal(done, BLK_SLOTS);

    blk = before;
    disk_reset(&blk);
    turn = (struct blk_turn){0};
    blk_begin_again(&blk, &turn);
    assert_int_equal(blk_under_way(&blk), 0);
    assert_int_equal(turn.tell, 1); // it may have died between ending a request and telling
    blk.repeating = true;
    for (int i = 0; i < 10; i++) {
        run(3);
        disk_work(&blk);
        completions(3);
    }
    for (uint32_t i = 0; i < 100; i++) {
        expect(i, OK);
    }
    assert_int_equal(disk.reads, 100 - done);
    assert_int_equal(blk.count.completed, 100 - done); // what was undone was not counted
}

static void test_learn_limits(void **)
{
    assert_true(BLK_MAX_BYTES / 4096 + 2 * BLOCK_SEGMENTS <= BLK_PARTS);
    // The worst a client can do: every segment begins and ends inside a page.
    struct block_entry *e = fill(0, BLOCK_READ, 0, 0, 512);
    uint32_t each = BLK_MAX_BYTES / BLOCK_SEGMENTS / 512 * 512;
    e->segments = BLOCK_SEGMENTS;
    for (uint32_t s = 0; s < BLOCK_SEGMENTS; s++) {
        e->segment[s] = (struct block_segment){1, s * 8 * 8192 + 3584, each, 0};
    }
    submit(0, 0);
    round_trip();
    expect(0, OK);
    assert_int_equal(disk.last_in, BLOCK_SEGMENTS * each);
    blk.parts_max = 20; // a device that takes fewer
    e->state = BLOCK_FREE;
    submit(0, 0);
    round_trip();
    expect(0, ERR_UNSUPPORTED);
}

#define TEST(name) cmocka_unit_test_setup(name, start_indirect)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_read),           TEST(test_write_and_flush), TEST(test_flush_without_cache),
        TEST(test_flood_indirect), TEST(test_flood_direct),    TEST(test_fairness),
        TEST(test_lies),           TEST(test_random_ring),     TEST(test_fickle_client),
        TEST(test_device_errors),  TEST(test_read_only),       TEST(test_deaf_device_recovers),
        TEST(test_deaf_for_ever),  TEST(test_slow_device),     TEST(test_dead_device),
        TEST(test_broken_queue),   TEST(test_crash),           TEST(test_learn_limits),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
