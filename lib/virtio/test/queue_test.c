// SPDX-License-Identifier: MIT
// The virtqueue against a device that plays by the rules, and against several that do not.
#include "lib/virtio/queue.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four above first
#include <cmocka.h>

static struct virtq q;
static _Alignas(4096) uint8_t memory[2 * 4096];

static void start(uint16_t size)
{
    memset(memory, 0, sizeof memory);
    virtq_init(&q, size, memory);
}

// The device returns chain `id`.
static void device_returns(uint32_t id, uint32_t bytes)
{
    uint16_t idx = q.used->idx;
    q.used->ring[idx & (q.size - 1)].id = id;
    q.used->ring[idx & (q.size - 1)].bytes = bytes;
    q.used->idx = (uint16_t)(idx + 1);
}

static void test_places(void **)
{
    for (uint16_t size = 1; size <= 256; size *= 2) {
        struct virtq_places p = virtq_place(size);
        assert_true(p.avail >= p.desc + 16u * size);
        assert_true(p.used >= p.avail + 6u + 2u * size);
        assert_int_equal(p.used % 4, 0);
        assert_int_equal(p.avail / 4096, (p.used - 1) / 4096); // no part crosses a page
        assert_int_equal(p.used / 4096, (p.bytes - 1) / 4096);
        assert_true(p.bytes <= sizeof memory);
    }
    assert_true(virtq_place(64).bytes <= 4096); // a page is enough for the indirect queue
}

static void test_chain_layout(void **)
{
    struct virtq_part parts[] = {{0x1000, 16}, {0x2000, 512}, {0x3000, 1}};
    int cookie;

    start(8);
    assert_int_equal(virtq_add(&q, parts, 1, 2, &cookie), OK);
    assert_int_equal(q.avail->idx, 0); // not visible yet
    assert_true(virtq_publish(&q));
    assert_false(virtq_publish(&q)); // nothing new
    assert_int_equal(q.avail->idx, 1);
    uint16_t at = q.avail->ring[0];
    assert_int_equal(q.desc[at].address, 0x1000);
    assert_int_equal(q.desc[at].flags, VIRTQ_NEXT);
    at = q.desc[at].next;
    assert_int_equal(q.desc[at].bytes, 512);
    assert_int_equal(q.desc[at].flags, VIRTQ_NEXT | VIRTQ_WRITE);
    at = q.desc[at].next;
    assert_int_equal(q.desc[at].address, 0x3000);
    assert_int_equal(q.desc[at].flags, VIRTQ_WRITE);
}

static void test_indirect_layout(void **)
{
    struct virtq_part parts[] = {{0x1000, 16}, {0x2000, 512}, {0x3000, 1}};
    struct virtq_desc table[3];
    int cookie;

    start(8);
    assert_int_equal(virtq_add_indirect(&q, table, 0x9000, parts, 2, 1, &cookie), OK);
    uint16_t at = q.avail->ring[0];
    assert_int_equal(q.desc[at].address, 0x9000);
    assert_int_equal(q.desc[at].bytes, 48);
    assert_int_equal(q.desc[at].flags, VIRTQ_INDIRECT);
    assert_int_equal(table[1].flags, VIRTQ_NEXT);
    assert_int_equal(table[1].next, 2);
    assert_int_equal(table[2].flags, VIRTQ_WRITE);
    assert_int_equal(q.free_count, 7);
}

// Chains of random lengths come and go in random order for a long time; each comes back once, with
// its own cookie, and no descriptor is lost. The 16-bit indices run around several times.
static void test_endurance(void **)
{
    struct virtq_part parts[8];
    static int cookies[64];
    uint16_t heads[64], lengths[64];
    uint32_t under_way = 0, total = 0;

    srand(1);
    start(64);
    for (int i = 0; i < 8; i++) {
        parts[i] = (struct virtq_part){0x1000u * (unsigned)i, 100};
    }
    for (int round = 0; round < 300000; round++) {
        uint16_t length = (uint16_t)(1 + rand() % 8);
        if (rand() % 2) {
            uint16_t head = q.free_head;
            enum status status = virtq_add(&q, parts, 0, length, &cookies[head]);
            assert_int_equal(status, q.under_way == under_way ? ERR_AGAIN : OK);
            if (status == OK) {
                heads[under_way] = head;
                lengths[under_way++] = length;
                (void)virtq_publish(&q);
            }
        } else if (under_way > 0) {
            uint32_t pick = (uint32_t)rand() % under_way, written;
            void *cookie;
            device_returns(heads[pick], 7);
            assert_int_equal(virtq_take(&q, &cookie, &written), OK);
            assert_ptr_equal(cookie, &cookies[heads[pick]]);
            assert_int_equal(written, 7);
            heads[pick] = heads[--under_way];
            lengths[pick] = lengths[under_way];
            total++;
        }
        uint32_t used = 0;
        for (uint32_t i = 0; i < under_way; i++) {
            used += lengths[i];
        }
        assert_int_equal(q.free_count + used, 64);
    }
    assert_true(total > 2 * 65536 / 2);
}

static void test_full_queue(void **)
{
    struct virtq_part parts[5] = {{0x1000, 1}};
    int cookie;

    start(8);
    assert_int_equal(virtq_add(&q, parts, 5, 0, &cookie), OK);
    assert_int_equal(virtq_add(&q, parts, 4, 0, &cookie), ERR_AGAIN);
    assert_int_equal(virtq_add(&q, parts, 3, 0, &cookie), OK);
    assert_int_equal(virtq_add(&q, parts, 1, 0, &cookie), ERR_AGAIN);
    assert_int_equal(virtq_add(&q, parts, 0, 0, &cookie), ERR_AGAIN);
}

static void one_under_way(uint16_t *head)
{
    struct virtq_part part = {0x1000, 512};
    static int cookie;

    start(8);
    *head = q.free_head;
    assert_int_equal(virtq_add(&q, &part, 0, 1, &cookie), OK);
    (void)virtq_publish(&q);
}

static void expect_broken(void)
{
    void *cookie;
    uint32_t written;

    assert_int_equal(virtq_take(&q, &cookie, &written), ERR_IO);
    assert_true(q.broken);
    assert_int_equal(virtq_take(&q, &cookie, &written), ERR_IO); // stays so
    virtq_init(&q, 8, memory);
    assert_false(q.broken);
}

static void test_hostile_id(void **)
{
    static const uint32_t ids[] = {8, 255, 256, 65535, 65536, 0x80000000, 0xffffffff, 3};
    uint16_t head;

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        one_under_way(&head);
        assert_int_not_equal(head, ids[i]); // 3 is in the queue, but not under way
        device_returns(ids[i], 0);
        expect_broken();
    }
}

static void test_hostile_index(void **)
{
    static const uint16_t jumps[] = {2, 7, 8, 9, 0x7fff, 0xffff};
    uint16_t head;

    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        one_under_way(&head);
        q.used->ring[0].id = head;
        q.used->idx = jumps[i];
        expect_broken();
    }
}

static void test_returned_twice(void **)
{
    uint16_t head;
    void *cookie;
    uint32_t written;

    one_under_way(&head);
    device_returns(head, 0);
    assert_int_equal(virtq_take(&q, &cookie, &written), OK);
    assert_int_equal(virtq_take(&q, &cookie, &written), ERR_AGAIN);
    device_returns(head, 0);
    expect_broken();
}

static void test_hostile_length(void **)
{
    uint16_t head;
    void *cookie;
    uint32_t written;

    one_under_way(&head);
    device_returns(head, 0xffffffff);
    assert_int_equal(virtq_take(&q, &cookie, &written), OK);
    assert_int_equal(written, 512); // no more than there was room
}

static void test_no_notify(void **)
{
    uint16_t head;

    one_under_way(&head);
    struct virtq_part part = {0x1000, 512};
    int cookie;
    q.used->flags = VIRTQ_USED_NO_NOTIFY;
    assert_int_equal(virtq_add(&q, &part, 0, 1, &cookie), OK);
    assert_false(virtq_publish(&q));
    assert_int_equal(q.avail->idx, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),         cmocka_unit_test(test_chain_layout),
        cmocka_unit_test(test_indirect_layout), cmocka_unit_test(test_endurance),
        cmocka_unit_test(test_full_queue),     cmocka_unit_test(test_hostile_id),
        cmocka_unit_test(test_hostile_index),  cmocka_unit_test(test_returned_twice),
        cmocka_unit_test(test_hostile_length), cmocka_unit_test(test_no_notify),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
