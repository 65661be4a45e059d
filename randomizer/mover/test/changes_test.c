// SPDX-License-Identifier: MIT
// The second look at a heap: what was stored to since the first is looked at again, once, however often that was.
#include "randomizer/mover/test/no_neighbours.h"
#include <stdlib.h>
#include <string.h>

enum : uint64_t { SLAB = 0x5a1234560000, LARGE = 0x5b1234560000, SLAB_TO = 0x13579bdf0000, LARGE_TO = 0x2468ace00000 };
enum { SLOTS = 40, LARGE_BYTES = 4000, TABLE = 4, LOG_BYTES = 1 << 20, COPIES = 16 };

static const struct slab_shape shape = {48, 256, 5, 16777216, 89478486}; // 2^32 over 256, over 48

static struct mover m;
static struct move_report report;
static struct source sources[2];
static struct source *by_place[TABLE];
static struct heap_entry table[TABLE];
static struct large large = {.record = {LARGE, GRANULE, RECORD_LARGE}, .bytes = LARGE_BYTES};
static struct slab slab = {.record = {SLAB, GRANULE, RECORD_SLAB}};
static uint32_t info[SLOTS], seen[SLOTS], queued[SLOTS + 1];
static uint64_t to[SLOTS], large_to = LARGE_TO;
static struct visit stack[256];
static struct type_plan plan = {.kind = PLAN_PLAIN};
static _Alignas(8) uint8_t log_memory[LOG_BYTES];

static struct copy {
    uint64_t from, to, bytes;
} copies[COPIES];
static uint32_t copied;

void *move_alloc(struct mover *, size_t bytes)
{
    static _Alignas(16) uint8_t room[64 << 10];
    static size_t used;
    void *p = room + used;
    used += (bytes + 15) & ~(size_t)15;
    assert_true(used <= sizeof(room));
    return p;
}

const struct type_plan *plan_of_type(struct mover *, uint32_t)
{
    return &plan;
}

void plan_copy(struct mover *, const struct type_plan *, const uint64_t *from, uint64_t *where, uint64_t bytes)
{
    assert_true(copied < COPIES);
    copies[copied++] = (struct copy){(uint64_t)from, (uint64_t)where, bytes};
}

void *address_old(const struct mover *, const void *)
{
    return &undo_log;
}

void objects_drain(struct mover *)
{
    m.depth = 0;
}

void heap_displace(void *)
{
    fail();
}

void heap_change(void *, size_t, uint32_t)
{
    fail();
}

static void enter(uint64_t address, struct source *s)
{
    size_t at = (size_t)(((address >> GRANULE_SHIFT) * 0x9e3779b97f4a7c15) >> 32) & (TABLE - 1);
    while (table[at].granule != 0) {
        at = (at + 1) & (TABLE - 1);
    }
    table[at].granule = address >> GRANULE_SHIFT;
    by_place[at] = s;
}

static int begin(void **)
{
    memset(&m, 0, sizeof(m));
    memset(table, 0, sizeof(table));
    memset(queued, 0, sizeof(queued));
    memset(by_place, 0, sizeof(by_place));
    report = (struct move_report){.objects = 20000, .bytes = 1 << 20}; // so that a look at all is dear
    for (uint32_t i = 0; i < SLOTS; i++) {
        info[i] = seen[i] = INFO_LIVING | 40;
        to[i] = SLAB_TO + slot_offset(&shape, i);
    }
    heap.type_count = 1;
    sources[0] = (struct source){.record = &slab.record, .start = SLAB, .slots = SLOTS, .slot_bytes = 48, .shape = &shape,
                                 .info = info, .seen = seen, .queued = queued, .to = to};
    sources[1] = (struct source){.record = &large.record, .start = LARGE, .slots = 1, .to = &large_to, .seen = seen,
                                 .queued = queued + SLOTS, .large_bytes = LARGE_BYTES, .large_room = GRANULE};
    m.report = &report;
    m.scan_step = 8;
    m.heap_table = table;
    m.heap_mask = TABLE - 1;
    m.sources = by_place;
    m.source_list = sources;
    m.source_count = 2;
    m.stack = stack;
    m.depth_max = sizeof(stack) / sizeof(stack[0]);
    enter(SLAB, &sources[0]);
    enter(LARGE, &sources[1]);
    undo_init(log_memory, sizeof(log_memory), 0, 0, nullptr);
    m.mark = undo_mark_of(&undo_log);
    return 0;
}

// As compiled code does it.
static void log_word(uint64_t address)
{
    uint64_t record[2] = {0, address};
    memcpy(undo_log.cursor, record, sizeof(record));
    undo_log.cursor += sizeof(record);
}

static uint64_t slot(uint32_t n)
{
    return SLAB + slot_offset(&shape, n);
}

// A pass: what it put on the work list is done.
static uint32_t look(void)
{
    copied = 0;
    m.depth = 0;
    objects_update(&m);
    m.mark = undo_mark_of(&undo_log);
    uint32_t count = m.depth;
    m.depth = 0;
    return count;
}

static void store_often(uint32_t how_often)
{
    for (uint32_t i = 0; i < how_often; i++) {
        log_word(slot(3));
        log_word(slot(3) + 8);
        log_word(slot(17) + 32);
        log_word(LARGE + 640);
        log_word(0x7000);
    }
    undo_commit();
}

static void assert_that_was_seen(void)
{
    assert_int_equal(look(), 2);
    assert_true((stack[0].from == (uint64_t *)slot(3) && stack[1].from == (uint64_t *)slot(17)) ||
                (stack[1].from == (uint64_t *)slot(3) && stack[0].from == (uint64_t *)slot(17)));
    assert_int_equal(stack[0].bytes, 40);
    assert_int_equal(copied, 1);
    assert_int_equal(copies[0].from, LARGE + 640);
    assert_int_equal(copies[0].to, LARGE_TO + 640);
    assert_int_equal(copies[0].bytes, 64);
}

static void test_each_object_once(void **)
{
    store_often(1);
    assert_that_was_seen();
    store_often(1000);
    assert_that_was_seen();
}

// What one pass has seen is no excuse for the next one.
static void test_the_same_words_again(void **)
{
    store_often(1000);
    assert_that_was_seen();
    assert_int_equal(look(), 0);
    assert_int_equal(copied, 0);
    store_often(1000);
    assert_that_was_seen();
    store_often(1);
    assert_that_was_seen();
}

// A short store and a word at the same address: the word may reach into the next part.
static void test_a_word_after_a_byte(void **)
{
    store_often(1000);
    uint64_t byte[2] = {0, (LARGE + 1020) | UNDO_TAG_1};
    log_word(LARGE + 1020);
    memcpy(undo_log.cursor, byte, sizeof(byte));
    undo_log.cursor += sizeof(byte);
    undo_commit();
    assert_int_equal(look(), 2);
    assert_int_equal(copied, 2);
    assert_int_equal(copies[1].from, LARGE + 960);
    assert_int_equal(copies[1].bytes, 128);
}

static void test_neighbours_at_once_up_to_the_end(void **)
{
    for (uint64_t at = 3000; at + 8 <= LARGE_BYTES; at += 16) {
        log_word(LARGE + at);
    }
    log_word(LARGE);
    undo_commit();
    assert_int_equal(look(), 0);
    assert_int_equal(copied, 2);
    assert_int_equal(copies[0].from, LARGE);
    assert_int_equal(copies[0].bytes, 64);
    assert_int_equal(copies[1].from, LARGE + 2944);
    assert_int_equal(copies[1].bytes, LARGE_BYTES - 2944);
}

static void test_a_range_over_slots(void **)
{
    undo_note_change((void *)(slot(5) + 40), 100); // from slot 5 into 6 and, over the gap, none else
    undo_note_change((void *)(slot(9) + 47), 1);
    undo_commit();
    assert_int_equal(look(), 4); // 5, 6, 7 and 9
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_object_once, begin),
        cmocka_unit_test_setup(test_the_same_words_again, begin),
        cmocka_unit_test_setup(test_a_word_after_a_byte, begin),
        cmocka_unit_test_setup(test_neighbours_at_once_up_to_the_end, begin),
        cmocka_unit_test_setup(test_a_range_over_slots, begin),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
