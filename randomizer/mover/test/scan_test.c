// SPDX-License-Identifier: MIT
// Memory without a type: which words are taken for pointers, where they may lie, what is counted.
#include "randomizer/mover/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum : uint64_t { OLD = 0x5a1234560000, NEW = 0x13579bdf0000, BYTES = 0x4000 };

// What plan.c needs of its neighbours, and memory without a type does not.
struct heap heap;

uint64_t object_place(struct mover *, const struct source *, uint32_t)
{
    fail();
    return 0;
}

void *move_alloc(struct mover *, size_t)
{
    fail();
    return nullptr;
}

void move_fail(struct mover *, enum move_error, const char *, ...)
{
    fail();
}

uint64_t address_of_checkpoint(struct mover *, uint64_t)
{
    fail();
    return 0;
}

handle_t handle_saved(handle_t)
{
    fail();
    return HANDLE_NONE;
}

handle_t handle_restored(const struct mover *, handle_t)
{
    fail();
    return HANDLE_NONE;
}

// A predecessor that has one mapping, and neither heap nor globals.
struct scene {
    struct mover m;
    struct move_report report;
    struct heap_entry no_heap;
    uint32_t no_sections;
    struct type_plan untyped;
};

static void scan(struct scene *s, uint32_t step, const void *from, void *to, uint64_t bytes)
{
    memset(s, 0, sizeof(*s));
    s->m.report = &s->report;
    s->m.heap_table = &s->no_heap;
    s->m.heads = &s->no_sections;
    s->m.mappings[0] = (struct region){OLD, NEW, BYTES};
    s->m.mapping_count = 1;
    s->m.scan_step = step;
    s->m.user_span = USER_MAX - USER_MIN;
    s->untyped.kind = PLAN_SCAN;
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
        cmocka_unit_test(test_only_at_the_step),      cmocka_unit_test(test_what_is_counted),
        cmocka_unit_test(test_short_ends),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
