// SPDX-License-Identifier: MIT
// What is kept over restarts of the machine: what was written is found, by the right boot and in order;
// what is damaged, old or never was anything is refused. The memory has exactly the size that it
// needs, so that the sanitizers see each step beyond it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rs/kept.h"
#include "rs/record.h"

enum { BYTES = 508 << 10 }; // as from the kernel

static uint8_t *memory;
static uint64_t salts = 1000;

static int begin(void **)
{
    memory = aligned_alloc(4096, BYTES);
    memset(memory, 0xa5, BYTES);
    return 0;
}

static int end(void **)
{
    free(memory);
    return 0;
}

static struct kept boot(void)
{
    struct kept k;
    assert_true(kept_begin(&k, memory, BYTES, salts++));
    return k;
}

static void put_event(struct kept *k, uint64_t sequence, const char *text)
{
    struct rs_event e = {.sequence = sequence, .kind = RS_DEATH, .cause = RS_HANG, .value = sequence * 3};
    copy_text(e.text, sizeof(e.text), text, sizeof(e.text));
    e.seed[31] = (uint8_t)sequence;
    kept_put(k, KEPT_EVENTS, &e);
}

// All that the boot before has left, oldest first; checks each.
static uint64_t count_events(const struct kept *k, uint32_t age, uint64_t *first, uint64_t *last)
{
    struct rs_event e;
    uint64_t n = 0;
    *first = *last = 0;
    while (kept_next(k, age, KEPT_EVENTS, *last, &e)) {
        assert_true(e.sequence > *last && e.value == e.sequence * 3 && e.cause == RS_HANG);
        assert_int_equal(e.seed[31], (uint8_t)e.sequence);
        *first = n++ == 0 ? e.sequence : *first;
        *last = e.sequence;
    }
    return n;
}

static uint64_t events_of(const struct kept *k, uint32_t age)
{
    uint64_t first, last;
    return count_events(k, age, &first, &last);
}

static void test_the_next_boot_finds_it(void **)
{
    char why[KEPT_WHY_BYTES];
    struct rs_event e;
    struct rs_death d = {.sequence = 7, .registers = {[16] = 0x1234}, .name = "fs"}, found;
    struct rs_letter l = {.sequence = 2, .words = {1, 2, 3}, .bytes = 5, .data = "data"}, letter;
    struct kept k = boot();
    assert_int_equal(k.boot, 1);
    assert_int_equal(kept_boot(&k, 1), 0);
    put_event(&k, 1, "one");
    put_event(&k, 2, "two");
    put_event(&k, 2, "two, and more");
    kept_put(&k, KEPT_DEATHS, &d);
    kept_put(&k, KEPT_LETTERS, &l);
    kept_put_why(&k, "first reason");
    kept_put_why(&k, "reason");
    k = boot();
    assert_int_equal(k.boot, 2);
    assert_int_equal(kept_boot(&k, 1), 1);
    assert_true(kept_why(&k, 1, why));
    assert_string_equal(why, "reason");
    assert_int_equal(events_of(&k, 1), 2);
    assert_true(kept_next(&k, 1, KEPT_EVENTS, 1, &e));
    assert_string_equal(e.text, "two, and more");
    assert_true(kept_next(&k, 1, KEPT_DEATHS, 0, &found));
    assert_memory_equal(&found, &d, sizeof(d));
    assert_true(kept_next(&k, 1, KEPT_LETTERS, 0, &letter));
    assert_memory_equal(&letter, &l, sizeof(l));
    assert_false(kept_next(&k, 1, KEPT_DEATHS, 7, &found));
    assert_false(kept_next(&k, 2, KEPT_EVENTS, 0, &e));
    assert_false(kept_next(&k, 0, KEPT_EVENTS, 0, &e));
    assert_int_equal(kept_boot(&k, UINT32_MAX), 0);
    assert_false(kept_why(&k, 2, why));
}

static void test_the_last_ones_are_kept(void **)
{
    uint64_t first, last, room = kept_room(KEPT_EVENTS);
    struct kept k = boot();
    for (uint64_t i = 1; i <= 3 * room + 5; i++) {
        put_event(&k, i, "x");
    }
    k = boot();
    assert_int_equal(count_events(&k, 1, &first, &last), room);
    assert_int_equal(first, 2 * room + 6);
    assert_int_equal(last, 3 * room + 5);
}

// Each boot's own are found, by age; what older ones have left in the same bank is not.
static void test_many_boots(void **)
{
    for (uint32_t n = 1; n < 20; n++) {
        struct kept k = boot();
        assert_int_equal(k.boot, n);
        for (uint32_t age = 1; age <= RS_BOOTS_KEPT + 1; age++) {
            bool there = age < n && age <= RS_BOOTS_KEPT;
            assert_int_equal(kept_boot(&k, age), there ? n - age : 0);
            assert_int_equal(events_of(&k, age), there ? 20 - (n - age) : 0);
        }
        for (uint64_t i = 1; i <= 20 - n; i++) {
            put_event(&k, i, "x");
        }
    }
}

static void test_another_joins(void **)
{
    struct kept other;
    char why[KEPT_WHY_BYTES];
    assert_false(kept_join(&other, memory, BYTES));
    struct kept k = boot();
    k = boot();
    assert_true(kept_join(&other, memory, BYTES));
    assert_ptr_equal(other.bank, k.bank);
    kept_put_why(&other, "the supervisor is gone\n");
    k = boot();
    assert_true(kept_why(&k, 1, why));
    assert_string_equal(why, "the supervisor is gone?");
    assert_false(kept_why(&k, 2, why));
}

static void test_no_memory(void **)
{
    struct kept k;
    struct rs_event e = {.sequence = 1};
    char why[KEPT_WHY_BYTES];
    assert_false(kept_begin(&k, nullptr, BYTES, 1));
    assert_false(kept_begin(&k, memory, 64 << 10, 1));
    assert_false(kept_begin(&k, memory + 1, BYTES - 1, 1));
    assert_false(kept_join(&k, memory, 0));
    kept_put(&k, KEPT_EVENTS, &e);
    kept_put_why(&k, "why");
    assert_int_equal(kept_boot(&k, 1), 0);
    assert_false(kept_next(&k, 1, KEPT_EVENTS, 0, &e));
    assert_false(kept_why(&k, 1, why));
}

// ---- Hostile memory ----

// Whatever lies there: what is read is within bounds, texts end, and it comes to an end.
static void read_everything(void)
{
    struct kept k;
    struct rs_event e;
    struct rs_death d;
    struct rs_letter l;
    char why[KEPT_WHY_BYTES];
    assert_true(kept_begin(&k, memory, BYTES, salts++));
    for (uint32_t age = 1; age <= RS_BOOTS_KEPT; age++) {
        uint64_t last = 0, n = 0;
        for (; kept_next(&k, age, KEPT_EVENTS, last, &e); last = e.sequence, n++) {
            assert_true(strlen(e.text) < sizeof(e.text) && strlen(e.name) < sizeof(e.name));
            assert_true(e.sequence > last);
        }
        assert_true(n <= kept_room(KEPT_EVENTS));
        for (last = 0; kept_next(&k, age, KEPT_DEATHS, last, &d); last = d.sequence) {
            assert_true(d.frame_count <= RS_FRAMES && d.message_count <= RS_MESSAGES);
            assert_true(strlen(d.assertion) < sizeof(d.assertion) && d.sequence > last);
        }
        for (last = 0; kept_next(&k, age, KEPT_LETTERS, last, &l); last = l.sequence) {
            assert_true(l.bytes <= sizeof(l.data) && l.sequence > last);
        }
        if (kept_why(&k, age, why)) {
            assert_true(strlen(why) < sizeof(why));
        }
    }
}

static void fill(struct kept *k)
{
    for (uint64_t i = 1; i <= 10; i++) {
        struct rs_death d = {.sequence = i};
        struct rs_letter l = {.sequence = i};
        put_event(k, i, "text");
        kept_put(k, KEPT_DEATHS, &d);
        kept_put(k, KEPT_LETTERS, &l);
    }
    kept_put_why(k, "why");
}

// Damage of any one bit costs at the most what it lies in.
static void test_single_bits(void **)
{
    struct kept before = boot();
    fill(&before);
    uint8_t *copy = malloc(BYTES);
    memcpy(copy, memory, BYTES);
    size_t bank = (size_t)((uint8_t *)before.bank - memory);
    for (size_t i = 0; i < 6000; i++) {
        memcpy(memory, copy, BYTES);
        memory[bank + i] ^= (uint8_t)(1 << rand() % 8);
        struct kept k = boot();
        uint64_t n = events_of(&k, 1);
        assert_true(n >= 9 || kept_boot(&k, 1) == 0);
    }
    free(copy);
}

static void test_garbage(void **)
{
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < BYTES; i++) {
            memory[i] = (uint8_t)rand();
        }
        struct kept k = boot();
        assert_int_equal(k.boot, 1);
        read_everything();
    }
    memset(memory, 0, BYTES);
    read_everything();
    memset(memory, 0xff, BYTES);
    read_everything();
}

// Good memory in which words were overwritten, as by a firmware that needed some.
static void test_overwritten(void **)
{
    for (int round = 0; round < 300; round++) {
        struct kept k = boot();
        fill(&k);
        for (int hits = rand() % 8; hits > 0; hits--) {
            size_t at = (size_t)rand() % BYTES, n = (size_t)rand() % (BYTES - at);
            memset(memory + at, rand(), n < 5000 ? n : 5000);
        }
        read_everything();
    }
}

// Whoever knows the form can write anything with a right checksum; it still cannot do harm. The
// supervisor of another version is such a one.
static void test_right_checksums_over_nonsense(void **)
{
    for (int round = 0; round < 100; round++) {
        struct kept k = boot();
        for (uint64_t i = 1; i <= 10; i++) {
            struct rs_event e;
            struct rs_death d;
            struct rs_letter l;
            memset(&e, 'x', sizeof(e));
            memset(&d, 0xff, sizeof(d));
            memset(&l, 0xff, sizeof(l));
            e.sequence = d.sequence = l.sequence = i + (uint64_t)rand() * (uint64_t)rand();
            kept_put(&k, KEPT_EVENTS, &e);
            kept_put(&k, KEPT_DEATHS, &d);
            kept_put(&k, KEPT_LETTERS, &l);
        }
        read_everything();
    }
}

// The machine stops at any point of a write: the entry is whole, or it is not there.
static void test_half_written(void **)
{
    struct kept k = boot();
    fill(&k);
    uint8_t *before = malloc(BYTES), *after = malloc(BYTES);
    memcpy(before, memory, BYTES);
    put_event(&k, 11, "a new one");
    memcpy(after, memory, BYTES);
    size_t first = 0, last = BYTES;
    while (before[first] == after[first]) {
        first++;
    }
    while (before[last - 1] == after[last - 1]) {
        last--;
    }
    for (size_t at = first; at <= last; at++) { // and in whatever order the stores arrive
        bool upwards = at % 2 == 0;
        memcpy(memory, upwards ? after : before, at);
        memcpy(memory + at, (upwards ? before : after) + at, BYTES - at);
        struct kept next = boot();
        uint64_t n = events_of(&next, 1);
        bool nothing = at == (upwards ? first : last), everything = at == (upwards ? last : first);
        assert_int_equal(n, everything ? 11 : nothing ? 10 : n);
        assert_in_range(n, 10, 11);
    }
    free(before);
    free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_next_boot_finds_it, begin, end),
        cmocka_unit_test_setup_teardown(test_the_last_ones_are_kept, begin, end),
        cmocka_unit_test_setup_teardown(test_many_boots, begin, end),
        cmocka_unit_test_setup_teardown(test_another_joins, begin, end),
        cmocka_unit_test_setup_teardown(test_no_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_single_bits, begin, end),
        cmocka_unit_test_setup_teardown(test_garbage, begin, end),
        cmocka_unit_test_setup_teardown(test_overwritten, begin, end),
        cmocka_unit_test_setup_teardown(test_right_checksums_over_nonsense, begin, end),
        cmocka_unit_test_setup_teardown(test_half_written, begin, end),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
