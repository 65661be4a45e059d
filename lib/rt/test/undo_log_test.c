// SPDX-License-Identifier: MIT
// The log by hand, as the pass and its hooks use it: ranges, what is left out, and a log that is full.
#include "lib/rt/undo_log.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static _Alignas(8) uint8_t memory[4096 + UNDO_SLACK], large[UNDO_APART_LOG + 64];
static uint8_t bytes[8192], before[8192];
static size_t asked;

static bool note_overflow(size_t wanted)
{
    asked = wanted;
    return false;
}

static void begin(void)
{
    for (size_t n = 0; n < sizeof(bytes); n++) {
        before[n] = bytes[n] = (uint8_t)(n * 7);
    }
    asked = 0;
    undo_init(memory, sizeof(memory), 0, 0, note_overflow);
}

static void overwrite(size_t at, size_t count)
{
    undo_range(bytes + at, count);
    memset(bytes + at, 0xee, count);
}

static void test_ranges_of_any_length_come_back(void **state)
{
    (void)state;
    begin();
    for (size_t count = 0; count < 40; count++) {
        overwrite(count * 50, count);
        overwrite(count * 50 + 3, count); // overlaps: the oldest bytes win
    }
    assert_int_equal(undo_rollback(), UNDO_DONE);
    assert_memory_equal(bytes, before, sizeof(bytes));
    assert_ptr_equal(undo_log.cursor, undo_log.base);
}

static void test_what_is_committed_stays(void **state)
{
    (void)state;
    begin();
    overwrite(100, 300);
    undo_commit();
    memcpy(before, bytes, sizeof(bytes));
    overwrite(100, 300); // held in the last transaction, not in this one
    bytes[100] = 1;
    assert_int_equal(undo_rollback(), UNDO_DONE);
    assert_memory_equal(bytes, before, sizeof(bytes));
}

static void test_a_held_range_is_logged_once(void **state)
{
    (void)state;
    begin();
    overwrite(0, 600);
    uint8_t *cursor = undo_log.cursor;
    overwrite(0, 600);
    overwrite(0, 200);
    undo_note_fresh(bytes + 1000, 1000);
    overwrite(1100, 900);
    assert_ptr_equal(undo_log.cursor, cursor);
    overwrite(1100, 901); // one byte more than what is fresh
    assert_ptr_not_equal(undo_log.cursor, cursor);
}

static void test_a_full_log_is_told_and_touches_nothing(void **state)
{
    (void)state;
    begin();
    overwrite(0, 5000);
    assert_int_equal(asked, 5000);
    assert_true(undo_log.overflowed);
    overwrite(6000, 10);
    memcpy(before, bytes, sizeof(bytes));
    assert_int_equal(undo_rollback(), UNDO_OVERFLOWED);
    assert_memory_equal(bytes, before, sizeof(bytes));
    // The next transaction is as good as any.
    overwrite(0, 100);
    assert_int_equal(undo_rollback(), UNDO_DONE);
    assert_memory_equal(bytes, before, sizeof(bytes));
}

static void test_many_small_ranges_fill_it(void **state)
{
    (void)state;
    begin();
    for (size_t at = 0; at + 20 < sizeof(bytes); at += 20) {
        overwrite(at, 20);
        assert_true(undo_log.cursor <= undo_log.end);
    }
    assert_true(undo_log.overflows > 0);
    assert_ptr_equal(undo_full(), undo_log.base);
    undo_commit();
    assert_false(undo_log.overflowed);
}

static void test_the_stack_is_left_out(void **state)
{
    (void)state;
    begin();
    overwrite(0, 8);
    undo_log.stack_low = (uintptr_t)bytes;
    undo_log.stack_high = (uintptr_t)bytes + 4096;
    memcpy(before, bytes, sizeof(bytes));
    assert_int_equal(undo_rollback(), UNDO_DONE);
    assert_memory_equal(bytes, before, sizeof(bytes));
}

// ---- What has changed ----

static bool changed[sizeof(bytes)];

static void note_change(void *, uintptr_t address, size_t count)
{
    size_t at = address - (uintptr_t)bytes;
    for (size_t i = at; i < at + count && i < sizeof(bytes); i++) {
        changed[i] = true;
    }
}

static bool since(struct undo_mark mark)
{
    memset(changed, 0, sizeof(changed));
    return undo_since(&undo_log, mark, note_change, nullptr);
}

static void commit_one(size_t at, size_t count)
{
    overwrite(at, count);
    undo_commit();
}

// As compiled code does it.
static void log_word(size_t at)
{
    uint64_t record[2] = {0, (uintptr_t)bytes + at};
    memcpy(undo_log.cursor, record, sizeof(record));
    undo_log.cursor += sizeof(record);
}

static void test_changes_since_a_mark_are_told(void **state)
{
    (void)state;
    begin();
    commit_one(0, 8);
    struct undo_mark mark = undo_mark_of(&undo_log);
    commit_one(100, 8);
    overwrite(200, 8);
    (void)undo_rollback(); // undone is changed, too
    overwrite(300, 8);     // and so is what is open
    assert_true(since(mark));
    assert_true(!changed[0] && changed[100] && changed[200] && changed[300]);
    assert_int_equal(undo_bytes_since(&undo_log, undo_mark_here(&undo_log)), 0);
    undo_commit();
    mark = undo_mark_of(&undo_log);
    log_word(400);
    assert_int_equal(undo_bytes_since(&undo_log, mark), 16);
    assert_true(since(mark));
    assert_true(!changed[399] && changed[400] && changed[407] && !changed[408]);
}

static void test_changes_over_two_laps_are_told(void **state)
{
    (void)state;
    begin();
    commit_one(0, 1000);
    struct undo_mark mark = undo_mark_of(&undo_log);
    commit_one(2000, 1500); // beyond the middle
    assert_int_equal(undo_log.lap, mark.lap + 2);
    commit_one(4000, 100);
    assert_true(since(mark));
    assert_true(!changed[0] && changed[2000] && changed[3499] && changed[4000]);
    assert_true(undo_bytes_since(&undo_log, mark) > 1600 && undo_bytes_since(&undo_log, mark) < 2000);
    overwrite(5000, 500);
    assert_false(since(mark)); // a group of records could have reached the mark
    assert_true(undo_bytes_since(&undo_log, mark) == UINT64_MAX);
}

// What another processor may see in the middle of a store.
static void test_what_is_being_written_is_not_relied_on(void **state)
{
    (void)state;
    begin();
    commit_one(0, 1500);
    struct undo_mark mark = undo_mark_of(&undo_log);
    commit_one(2000, 1500);
    assert_true(since(mark));
    undo_log.reach = undo_log.start + 1600;
    assert_false(since(mark));
    undo_log.reach = undo_log.start;
    undo_log.lap++;
    assert_false(since(mark));
    struct undo_mark odd = undo_mark_of(&undo_log);
    undo_log.lap++;
    assert_false(since(odd));
}

static void test_what_cannot_be_a_record_is_not_followed(void **state)
{
    (void)state;
    begin();
    commit_one(0, 100);
    uint64_t tag = UNDO_TAG_RANGE | (uintptr_t)bytes, length = UINT64_MAX - 6;
    memcpy(undo_log.cursor - 16, &length, 8);
    memcpy(undo_log.cursor - 8, &tag, 8);
    assert_false(since((struct undo_mark){0}));
}

// As the pass writes it, and as an allocator says that there is nothing to be undone.
static void test_words_and_fresh_memory(void **state)
{
    (void)state;
    begin();
    struct undo_mark mark = undo_mark_of(&undo_log);
    uint64_t tag = 3 * UNDO_TAG_WORD | (uintptr_t)(bytes + 40);
    memcpy(undo_log.cursor, bytes + 40, 24);
    memcpy(undo_log.cursor + 24, &tag, 8);
    undo_log.cursor += 32;
    memset(bytes + 40, 0xee, 24);
    undo_note_change(bytes + 4000, 1000);
    memset(bytes + 4000, 0xdd, 1000);
    overwrite(10, 3);
    assert_true(since(mark));
    assert_int_equal(undo_rollback(), UNDO_DONE);
    assert_memory_equal(bytes, before, 4000);
    assert_int_equal(bytes[4500], 0xdd);
}

static void test_a_range_leaves_room_for_records(void **state)
{
    (void)state;
    begin();
    overwrite(0, 4080);
    assert_int_equal(asked, 0);
    assert_true(undo_log.cursor <= undo_log.limit);
    overwrite(5000, 1);
    assert_int_equal(asked, 1);
}

// ---- Long ranges are kept apart ----

enum { HALF = UNDO_APART_LOG / 2, GONE_ON = 2 * 8 };

static void begin_large(void)
{
    begin();
    memset(large, 0xaa, sizeof(large));
    undo_init(large, UNDO_APART_LOG, 0, 0, note_overflow);
}

static size_t logged(void)
{
    return (size_t)(undo_log.cursor - undo_log.base);
}

static void test_long_ranges_are_short_records(void **state)
{
    (void)state;
    begin_large();
    struct undo_mark mark = undo_mark_of(&undo_log);
    overwrite(0, 4096);
    overwrite(4400, UNDO_APART_FROM + 1); // no whole words
    overwrite(4096, 100);
    overwrite(6000, UNDO_APART_FROM);
    assert_int_equal(logged(), 3 * 24 + 104 + 16);
    overwrite(0, 2000); // is held
    assert_int_equal(logged(), 3 * 24 + 104 + 16);
    assert_true(since(mark));
    assert_true(changed[0] && changed[4195] && !changed[4196] && changed[5424] && !changed[5425] && changed[6000]);
    assert_int_equal(undo_rollback(), UNDO_DONE);
    assert_memory_equal(bytes, before, sizeof(bytes));
    assert_int_equal(undo_log.largest, 3 * 24 + 104 + 16 + 4096 + 1032 + 1024);
}

// What is kept apart is of no use after the commit; the records stay.
static void test_a_lap_is_of_records(void **state)
{
    (void)state;
    begin_large();
    struct undo_mark mark = undo_mark_of(&undo_log);
    for (int n = 0; n < 100; n++) {
        commit_one(0, 4096);
    }
    assert_int_equal(undo_log.lap, mark.lap);
    assert_int_equal(undo_bytes_since(&undo_log, mark), 100 * 24);
    assert_true(since(mark));
    assert_true(changed[0] && changed[4095] && !changed[4096]);
    assert_true(undo_log.apart_end == large + HALF);
}

static void fill_apart(void)
{
    for (int n = 0; n < HALF / 4096; n++) {
        overwrite(n % 2 ? 4096 : 0, 4096);
        memset(undo_log.logged, 0, sizeof(undo_log.logged)); // each of them again
    }
    assert_ptr_equal(undo_log.apart_end, large + 2 * HALF);
}

static void test_no_room_apart(void **state)
{
    (void)state;
    begin_large();
    fill_apart();
    overwrite(10, 4000);
    assert_int_equal(asked, 0);
    assert_true(logged() > 4000);
    assert_int_equal(undo_rollback(), UNDO_DONE);
    assert_memory_equal(bytes, before, sizeof(bytes));
}

static void fill_records(size_t up_to)
{
    for (size_t at = 0; logged() < up_to; at = (at + 8) % (sizeof(bytes) - 8)) {
        overwrite(at, 8);
    }
}

static void go_on_behind(int more)
{
    begin_large();
    memset(large, 0, sizeof(large)); // looks like records
    fill_records(2 * UNDO_GROUP_MAX);
    undo_commit();
    memcpy(before, bytes, sizeof(bytes));
    struct undo_mark mark = undo_mark_of(&undo_log);
    overwrite(100, 3000);
    fill_records(HALF - UNDO_SLACK - 2 * UNDO_GROUP_MAX + 16);
    assert_true(undo_log.cursor > undo_log.apart + 3000);
    assert_int_equal(asked, 0);
    overwrite(7000, (size_t)more);
    overwrite(4100, 2000); // goes where records go
    assert_true(undo_log.cursor > undo_log.apart + 5000 && undo_log.cursor <= undo_log.limit);
    assert_true(since(mark));
    assert_true(changed[100] && changed[0] && changed[6099]);
    assert_int_equal(undo_rollback(), UNDO_DONE);
    assert_memory_equal(bytes, before, sizeof(bytes));
    // A lap that reached the upper half may have been overwritten by what the next one keeps there.
    assert_int_equal(undo_log.lap, mark.lap + 2);
    memset(bytes, 0, sizeof(bytes));
    overwrite(0, 5200);
    assert_true(undo_log.cursor + UNDO_GROUP_MAX < undo_log.start + mark.at);
    assert_false(since(mark));
    undo_commit();
    assert_ptr_equal(undo_log.limit, undo_log.apart - UNDO_SLACK);
}

// Zeros look like records of two words: however what is there is read, its end is met once.
static void test_records_go_on_behind_what_is_apart(void **state)
{
    (void)state;
    go_on_behind(0);
    go_on_behind(1);
}

static void test_emitted_code_goes_on_behind_what_is_apart(void **state)
{
    (void)state;
    begin_large();
    overwrite(100, 3000);
    fill_records(HALF - UNDO_SLACK - 16);
    uint8_t *cursor = undo_full();
    assert_ptr_equal(cursor, undo_log.apart + 3000 + GONE_ON);
    assert_int_equal(asked, 0);
    assert_true(undo_rollback() == UNDO_DONE);
    assert_memory_equal(bytes, before, sizeof(bytes));
}

static bool make_room(size_t wanted)
{
    asked = wanted;
    undo_extend(64);
    return asked < 10000;
}

static void test_both_halves_are_full(void **state)
{
    (void)state;
    begin_large();
    fill_apart();
    fill_records(HALF - UNDO_SLACK - 16);
    memcpy(before, bytes, sizeof(bytes));
    overwrite(0, 2000);
    assert_int_equal(asked, 2000);
    assert_int_equal(undo_rollback(), UNDO_OVERFLOWED);
    overwrite(0, 2000);
    assert_int_equal(logged(), 24);
}

static void test_more_room_is_for_records(void **state)
{
    (void)state;
    begin_large();
    undo_init(large, UNDO_APART_LOG - UNDO_SLACK, 0, 0, note_overflow);
    assert_null(undo_log.apart); // too small
    static _Alignas(8) uint8_t more[UNDO_APART_LOG + 8192];
    undo_init(more, UNDO_APART_LOG, 0, 0, make_room);
    memset(bytes, 1, sizeof(bytes));
    while ((size_t)(undo_log.end - undo_log.apart_end) >= 4096) {
        overwrite(0, 4096);
        memset(undo_log.logged, 0, sizeof(undo_log.logged));
    }
    fill_records(HALF - UNDO_SLACK - 16);
    overwrite(4096, 100); // asks, again and again, until the records are behind
    assert_int_equal(asked, 100);
    assert_true(undo_log.cursor > undo_log.apart + HALF);
    assert_int_equal(undo_rollback(), UNDO_DONE);
    for (size_t n = 0; n < sizeof(bytes); n++) {
        assert_int_equal(bytes[n], 1);
    }
}

// ---- Anything, in any order ----

static uint64_t seed;

static uint32_t below(uint32_t limit)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)((seed >> 33) % limit);
}

static uint8_t committed[sizeof(bytes)];
static bool stored[sizeof(bytes)]; // since the mark

static void store_somewhere(void)
{
    size_t longest = below(4) ? 40 : sizeof(bytes);
    size_t count = 1 + below((uint32_t)longest), at = below((uint32_t)(sizeof(bytes) - count + 1));
    undo_range(bytes + at, count);
    memset(bytes + at, (int)below(256), count);
    memset(stored + at, true, count);
}

static void end_transaction(void)
{
    bool full = undo_log.overflowed;
    if (!full && below(3) == 0) {
        assert_int_equal(undo_rollback(), UNDO_DONE);
    } else {
        undo_commit();
        memcpy(committed, bytes, sizeof(bytes));
    }
    assert_memory_equal(bytes, committed, sizeof(bytes));
    assert_true(undo_log.base == undo_log.cursor && undo_log.cursor <= undo_log.limit);
}

// Whatever was stored to since a mark is told, or that not all is known.
static uint32_t look_since(struct undo_mark *mark)
{
    bool known = since(*mark);
    for (size_t n = 0; known && n < sizeof(bytes); n++) {
        assert_true(changed[n] || !stored[n]);
    }
    *mark = undo_mark_of(&undo_log);
    memset(stored, 0, sizeof(stored));
    return known;
}

static void test_any_order(void **state)
{
    (void)state;
    uint32_t known = 0, looks = 0;
    begin_large();
    seed = 1;
    memset(stored, 0, sizeof(stored));
    memcpy(committed, bytes, sizeof(bytes));
    struct undo_mark mark = undo_mark_of(&undo_log);
    for (int n = 0; n < 20000; n++) {
        for (uint32_t stores = below(24); stores > 0; stores--) {
            store_somewhere();
        }
        end_transaction();
        if (below(8) == 0) {
            known += look_since(&mark);
            looks++;
        }
    }
    assert_true(undo_log.overflows > 10 && undo_log.rollbacks > 1000 && undo_log.lap > 100);
    assert_true(known > looks / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_of_any_length_come_back),
        cmocka_unit_test(test_what_is_committed_stays),
        cmocka_unit_test(test_a_held_range_is_logged_once),
        cmocka_unit_test(test_a_full_log_is_told_and_touches_nothing),
        cmocka_unit_test(test_many_small_ranges_fill_it),
        cmocka_unit_test(test_the_stack_is_left_out),
        cmocka_unit_test(test_changes_since_a_mark_are_told),
        cmocka_unit_test(test_changes_over_two_laps_are_told),
        cmocka_unit_test(test_what_is_being_written_is_not_relied_on),
        cmocka_unit_test(test_what_cannot_be_a_record_is_not_followed),
        cmocka_unit_test(test_words_and_fresh_memory),
        cmocka_unit_test(test_a_range_leaves_room_for_records),
        cmocka_unit_test(test_long_ranges_are_short_records),
        cmocka_unit_test(test_a_lap_is_of_records),
        cmocka_unit_test(test_no_room_apart),
        cmocka_unit_test(test_records_go_on_behind_what_is_apart),
        cmocka_unit_test(test_emitted_code_goes_on_behind_what_is_apart),
        cmocka_unit_test(test_both_halves_are_full),
        cmocka_unit_test(test_more_room_is_for_records),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
