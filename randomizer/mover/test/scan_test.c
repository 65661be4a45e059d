// SPDX-License-Identifier: MIT
// Memory without a type: which words are taken for pointers, where they may lie, what is counted.
#include "randomizer/mover/test/no_neighbours.h"
#include <stdlib.h>
#include <string.h>

enum : uint64_t { OLD = 0x5a1234560000, NEW = 0x13579bdf0000, BYTES = 0x4000 };

// What plan.c needs of its neighbours, and memory without a type does not.

void *move_alloc(struct mover *, size_t)
{
    fail();
    return nullptr;
}

void move_fail(struct mover *, enum move_error, const char *, ...)
{
    fail();
}

// A predecessor that has one section, perhaps a mapping, and no heap.
enum : uint64_t { MAPPED = 0x2b0000000000 };
struct scene {
    struct mover m;
    struct move_report report;
    struct heap_entry no_heap;
    struct section sections[2];
    struct bucket buckets[2];
    uint32_t head;
    struct type_plan untyped;
};

static void set(struct scene *s, uint32_t step)
{
    memset(s, 0, sizeof(*s));
    s->m.report = &s->report;
    s->m.heap_table = &s->no_heap;
    s->head = 1;
    s->buckets[1].section = 1;
    s->sections[1] = (struct section){.from = OLD, .to = NEW, .bytes = BYTES};
    s->m.sections = s->sections;
    s->m.buckets = s->buckets;
    s->m.heads = &s->head;
    s->m.mappings[0] = (struct region){MAPPED, NEW + 2 * BYTES, BYTES, 0};
    s->m.mapping_count = 1;
    s->m.scan_step = step;
    s->m.user_span = USER_MAX - USER_MIN;
    s->untyped.kind = PLAN_SCAN;
}

static void scan(struct scene *s, uint32_t step, const void *from, void *to, uint64_t bytes)
{
    set(s, step);
    plan_copy(&s->m, &s->untyped, from, to, bytes);
}

static void put(uint8_t *at, uint64_t word)
{
    memcpy(at, &word, sizeof(word));
}

static uint64_t get(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

// As MuJS keeps the addresses of names in its byte code: at any multiple of two, beside opcodes.
static void test_pointers_in_byte_code(void **)
{
    static struct scene s;
    alignas(8) uint8_t from[128], to[128];
    for (uint32_t at = 0; at + 8 <= sizeof(from); at += 2) {
        memset(from, 0x5a, sizeof(from));
        put(from + at, OLD + 20);
        scan(&s, 2, from, to, sizeof(from));
        assert_int_equal(get(to + at), NEW + 20);
        put(from + at, NEW + 20);
        assert_memory_equal(from, to, sizeof(from));
        assert_int_equal(s.report.found, 1);
        assert_int_equal(s.report.doubtful, 0);
    }
}

// One behind the other, at odd places, and ones that look like the end of their neighbour.
static void test_neighbours(void **)
{
    static struct scene s;
    alignas(8) uint8_t from[64], to[64];
    memset(from, 0, sizeof(from));
    for (uint32_t i = 0; i < 6; i++) {
        put(from + 2 + 8 * i, OLD + i);
    }
    scan(&s, 2, from, to, sizeof(from));
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(get(to + 2 + 8 * i), NEW + i);
    }
    assert_int_equal(s.report.pointers, 6);
}

static void test_only_at_the_step(void **)
{
    static struct scene s;
    alignas(8) uint8_t from[32] = {0}, to[32];
    put(from + 8, OLD);
    put(from + 20, OLD);
    scan(&s, 8, from, to, sizeof(from));
    assert_int_equal(get(to + 8), NEW);
    assert_int_equal(get(to + 20), OLD);
    scan(&s, 4, from, to, sizeof(from));
    assert_int_equal(get(to + 20), NEW);
}

static uint64_t scanned(struct scene *s, uint64_t word)
{
    uint64_t to;
    plan_copy(&s->m, &s->untyped, &word, &to, sizeof(word));
    return to;
}

// The largest targets of all are no targets; a pointer that is known to be one finds them.
static void test_mappings_are_for_typed_pointers(void **)
{
    static struct scene s;
    struct plan_slot pointer = {.kind = TYPE_POINTER};
    struct type_plan typed = {.kind = PLAN_SLOTS, .element = 8, .count = 1, .slots = &pointer};
    uint64_t word = MAPPED + 16, to;
    set(&s, 8);
    assert_int_equal(scanned(&s, word), word);
    plan_copy(&s.m, &typed, &word, &to, sizeof(word));
    assert_int_equal(to, NEW + 2 * BYTES + 16);
}

static void test_only_the_begin_of_a_function(void **)
{
    static struct scene s;
    set(&s, 8);
    s.sections[1].code = true;
    assert_int_equal(scanned(&s, OLD), NEW);
    assert_int_equal(scanned(&s, OLD + 8), OLD + 8);
    assert_int_equal(scanned(&s, OLD + BYTES), OLD + BYTES);
}

// What follows a type with a flexible array is no second one of it.
static void test_behind_a_single_one(void **)
{
    static struct scene s;
    struct plan_slot pointer = {.kind = TYPE_POINTER};
    struct type_plan typed = {.kind = PLAN_SLOTS, .element = 8, .count = 1, .slots = &pointer, .single = true};
    const uint64_t from[3] = {OLD + 1, OLD + 2, OLD + 3};
    uint64_t to[3];
    set(&s, 8);
    plan_copy(&s.m, &typed, from, to, sizeof(from));
    assert_int_equal(to[0], NEW + 1);
    assert_int_equal(to[1], OLD + 2);
    assert_int_equal(to[2], OLD + 3);
}

// A number is noted by where it would lie; where the predecessor knew of it and left room, it is not doubtful.
static void test_numbers_are_noted(void **)
{
    static struct scene s;
    const uint64_t number = 0x123456789abc;
    set(&s, 8);
    memset(&heap_numbers, 0, sizeof(heap_numbers));
    assert_int_equal(scanned(&s, number), number);
    assert_int_equal(s.report.doubtful, 1);
    static struct heap_numbers theirs;
    s.m.numbers = &theirs;
    memcpy(theirs.found, heap_numbers.found, sizeof(theirs.found)); // noted too late: its heap may lie there
    assert_int_equal(scanned(&s, number), number);
    assert_int_equal(s.report.doubtful, 2);
    memcpy(theirs.before, heap_numbers.found, sizeof(theirs.before));
    assert_true(heap_avoided(&theirs, number + 1));
    assert_false(heap_avoided(&theirs, number + (1ull << HEAP_WINDOW_SHIFT)));
    assert_int_equal(scanned(&s, number), number);
    assert_int_equal(s.report.doubtful, 2);
    memset(&heap_numbers, 0, sizeof(heap_numbers));
}

// Below the lowest and above the highest address nothing is doubtful; beside the mapping it is.
static void test_what_is_counted(void **)
{
    static struct scene s;
    alignas(8) const uint64_t words[] = {0,  1,   USER_MIN - 1, USER_MIN, USER_MAX - 1, USER_MAX, OLD - 1, OLD,
                             OLD + BYTES, OLD + BYTES + 1, ~0ull};
    uint64_t to[sizeof(words) / 8];
    scan(&s, 8, words, to, sizeof(words));
    assert_int_equal(s.report.tried, 11);
    assert_int_equal(s.report.found, 2); // one past the end included
    assert_int_equal(s.report.doubtful, 4);
}

static void test_short_ends(void **)
{
    static struct scene s;
    alignas(8) uint8_t from[16] = {0}, to[16];
    put(from, OLD);
    for (uint64_t bytes = 0; bytes <= 16; bytes++) {
        memset(to, 0xee, sizeof(to));
        scan(&s, 2, from, to, bytes);
        assert_int_equal(s.report.found, bytes >= 8);
        assert_true(bytes == 0 || get(to) == (bytes >= 8 ? NEW : OLD));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointers_in_byte_code), cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_only_at_the_step),
        cmocka_unit_test(test_mappings_are_for_typed_pointers),
        cmocka_unit_test(test_only_the_begin_of_a_function),
        cmocka_unit_test(test_behind_a_single_one),
        cmocka_unit_test(test_numbers_are_noted),
        cmocka_unit_test(test_what_is_counted),
        cmocka_unit_test(test_short_ends),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
