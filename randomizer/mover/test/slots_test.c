// SPDX-License-Identifier: MIT
// Types as lists of slots: what they find in an object is what a walk through its map finds.
#include "randomizer/mover/test/no_neighbours.h"
#include <stdlib.h>
#include <string.h>

enum : uint64_t { OLD = 0x5a1234560000, NEW = 0x13579bdf0000, BYTES = 0x4000 };

static void *given[16];
static int given_count;

void *move_alloc(struct mover *, size_t bytes)
{
    assert_true(given_count < 16);
    return given[given_count++] = calloc(1, bytes);
}

static bool may_fail;
static int failures;

void move_fail(struct mover *, enum move_error error, const char *, ...)
{
    assert_true(may_fail);
    assert_int_equal(error, MOVE_STALE);
    failures++;
}

// struct { struct { u32 tag; u32; union { u64; void *[2]; fn } by tag; void *p; handle h; u32; scan 16 } cell[5];
//          struct { void *p; u32 n; } odd[3] }, the latter of 12 bytes.
enum { LIVE = TYPE_LIVE, CELLS = 5, CELL_BYTES = 56, ODD = 3, ODD_BYTES = 12 };
enum { OBJECT = (CELLS * CELL_BYTES + ODD * ODD_BYTES + 7) & ~7 };
static const struct type_map_entry sample[] = {
    {.bytes = OBJECT, .count = 1, .below = 12, .kind = TYPE_STRUCT, .flags = LIVE},
    {.bytes = CELL_BYTES, .count = CELLS, .below = 8, .kind = TYPE_STRUCT, .flags = LIVE},
    {.bytes = 4, .count = 1, .kind = TYPE_PLAIN},
    {.offset = 8, .bytes = 16, .count = 1, .below = 3, .kind = TYPE_UNION, .flags = LIVE | TYPE_TAGGED, .aux = 2},
    {.bytes = 8, .count = 1, .kind = TYPE_PLAIN, .flags = TYPE_WHEN, .aux = 1},
    {.bytes = 8, .count = 2, .kind = TYPE_POINTER, .flags = LIVE | TYPE_WHEN, .aux = 2},
    {.bytes = 8, .count = 1, .kind = TYPE_FUNCTION, .flags = LIVE | TYPE_WHEN, .aux = 3},
    {.offset = 24, .bytes = 8, .count = 1, .kind = TYPE_POINTER, .flags = LIVE},
    {.offset = 32, .bytes = 4, .count = 1, .kind = TYPE_HANDLE, .flags = LIVE},
    {.offset = 40, .bytes = 16, .count = 1, .kind = TYPE_SCAN, .flags = LIVE},
    {.offset = CELLS * CELL_BYTES, .bytes = ODD_BYTES, .count = ODD, .below = 2, .kind = TYPE_STRUCT, .flags = LIVE},
    {.bytes = 8, .count = 1, .kind = TYPE_POINTER, .flags = LIVE},
    {.offset = 8, .bytes = 4, .count = 1, .kind = TYPE_PLAIN},
};
enum { MAP_BYTES = sizeof(struct type_map_header) + sizeof(sample) + 8 };

static void make_map(uint8_t *map, uint32_t entries)
{
    uint32_t bytes = (uint32_t)(sizeof(struct type_map_header) + entries * sizeof(sample[0]) + 8);
    struct type_map_header h = {TYPE_MAP_MAGIC, TYPE_MAP_VERSION, bytes, entries, 8, 0, 0};
    memcpy(map, &h, sizeof(h));
    uint64_t sum = type_map_sum(TYPE_MAP_SUM_START, map, offsetof(struct type_map_header, checksum));
    sum = type_map_sum(sum, map + sizeof(h), bytes - sizeof(h));
    memcpy(map + offsetof(struct type_map_header, checksum), &sum, 8);
}

struct scene {
    struct mover m;
    struct move_report report;
    struct heap_entry no_heap;
    struct section section;
};

static void set(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    s->m.report = &s->report;
    s->m.heap_table = &s->no_heap;
    s->section = (struct section){.from = OLD, .to = NEW, .bytes = BYTES};
    s->m.large[0] = &s->section;
    s->m.large_count = 1;
    static uint32_t no_head;
    s->m.heads = &no_head;
    s->m.scan_step = 8;
    s->m.user_span = USER_MAX - USER_MIN;
}

static void fill(uint8_t *object)
{
    for (int i = 0; i < OBJECT / 4; i++) { // pointers, zeros and numbers at all places
        uint32_t half = (uint32_t)rand();
        memcpy(object + 4 * i, &half, 4);
    }
    for (int i = 0; i + 8 <= OBJECT; i += 4) {
        uint64_t word = rand() % 3 == 0 ? 0 : OLD + (uint64_t)rand() % BYTES;
        memcpy(object + i, &word, rand() % 2 ? 8 : 0);
    }
    for (int i = 0; i < CELLS; i++) {
        uint32_t tag = 1 + (uint32_t)rand() % 3;
        memcpy(object + i * CELL_BYTES, &tag, 4);
    }
}

// Handles are noted as named, wherever they are found.
static void copy(struct scene *s, struct type_plan *plan, enum plan_kind kind, const uint64_t *from, uint64_t *to)
{
    set(s);
    plan->kind = kind;
    plan_copy(&s->m, plan, from, to, OBJECT);
}

// What slots find in objects of the type is what a walk finds. Returns the plan.
static struct type_plan compare(const struct type_map_entry *entries, uint32_t count, int rounds)
{
    static struct scene a, b;
    alignas(8) static uint8_t map[MAP_BYTES]; // the plan goes on reading it
    alignas(8) uint64_t from[OBJECT / 8], by_slots[OBJECT / 8], by_walk[OBJECT / 8];
    struct type_plan plan = {0};
    memset(map, 0, sizeof(map));
    memcpy(map + sizeof(struct type_map_header), entries, count * sizeof(*entries));
    make_map(map, count);
    set(&a);
    assert_true(plan_of_map(&a.m, &plan, map));
    assert_int_equal(plan.kind, PLAN_SLOTS);
    for (int round = 0; round < rounds; round++) {
        fill((uint8_t *)from);
        copy(&a, &plan, PLAN_SLOTS, from, by_slots);
        copy(&b, &plan, PLAN_WALK, from, by_walk);
        assert_memory_equal(by_slots, by_walk, OBJECT);
        assert_memory_equal(a.m.named, b.m.named, sizeof(a.m.named));
        assert_int_equal(a.report.pointers, b.report.pointers);
    }
    return plan;
}

static void test_slots_are_what_a_walk_finds(void **)
{
    struct type_plan plan = compare(sample, sizeof(sample) / sizeof(sample[0]), 20000);
    assert_false(plan.bare);
}

// Nothing but pointers, too few of a kind for a run.
static void test_bare(void **)
{
    const struct type_map_entry bare[] = {
        {.bytes = OBJECT, .count = 1, .below = 2, .kind = TYPE_STRUCT, .flags = LIVE},
        {.offset = 8, .bytes = 8, .count = 3, .kind = TYPE_POINTER, .flags = LIVE},
        {.offset = OBJECT - 12, .bytes = 8, .count = 1, .kind = TYPE_FUNCTION, .flags = LIVE},
    };
    struct type_plan plan = compare(bare, sizeof(bare) / sizeof(bare[0]), 2000);
    assert_true(plan.bare);
    assert_int_equal(plan.count, 4);
}

static void test_a_table_is_a_run(void **)
{
    const struct type_map_entry table[] = {
        {.bytes = OBJECT, .count = 1, .below = 1, .kind = TYPE_STRUCT, .flags = LIVE},
        {.bytes = 8, .count = OBJECT / 8, .kind = TYPE_POINTER, .flags = LIVE},
    };
    struct type_plan plan = compare(table, sizeof(table) / sizeof(table[0]), 2000);
    assert_false(plan.bare);
    assert_int_equal(plan.count, 2);
}

// struct { struct { void *p; u64 n; handle h; u32; fn } row[6]; struct { void *p[5]; u64 n[3]; } outer[2]; }, and an array of
// outer that is long enough for a run itself: in there are runs, so it is none.
static void test_runs_and_arrays_of_runs(void **)
{
    enum { ROW = 32, ROWS = 6, OUTER = 64, OUTERS = 2 };
    static_assert(ROWS * ROW + OUTERS * OUTER == OBJECT);
    const struct type_map_entry rows[] = {
        {.bytes = OBJECT, .count = 1, .below = 6, .kind = TYPE_STRUCT, .flags = LIVE},
        {.bytes = ROW, .count = ROWS, .below = 3, .kind = TYPE_STRUCT, .flags = LIVE},
        {.bytes = 8, .count = 1, .kind = TYPE_POINTER, .flags = LIVE},
        {.offset = 16, .bytes = 4, .count = 1, .kind = TYPE_HANDLE, .flags = LIVE},
        {.offset = 24, .bytes = 8, .count = 1, .kind = TYPE_FUNCTION, .flags = LIVE},
        {.offset = ROWS * ROW, .bytes = OUTER, .count = OUTERS, .below = 1, .kind = TYPE_STRUCT, .flags = LIVE},
        {.bytes = 8, .count = 5, .kind = TYPE_POINTER, .flags = LIVE},
    };
    struct type_plan plan = compare(rows, sizeof(rows) / sizeof(rows[0]), 5000);
    assert_int_equal(plan.count, 1 + 3 + OUTERS * (1 + 1));

    const struct type_map_entry outers[] = {
        {.bytes = OBJECT, .count = 1, .below = 2, .kind = TYPE_STRUCT, .flags = LIVE},
        {.bytes = OUTER, .count = OBJECT / OUTER, .below = 1, .kind = TYPE_STRUCT, .flags = LIVE},
        {.offset = 8, .bytes = 8, .count = 5, .kind = TYPE_POINTER, .flags = LIVE},
    };
    plan = compare(outers, sizeof(outers) / sizeof(outers[0]), 5000);
    assert_int_equal(plan.count, OBJECT / OUTER * (1 + 1));
}

// struct { u32 n; u64 number; struct { u8 flag; } row[2]; u32 m; void *p; }, several of them.
static void test_the_check_believes_no_padding(void **)
{
    enum { ELEMENT = 32, NUMBER = 1, P = 3 }; // the words of one
    const struct type_map_entry padded[] = {
        {.bytes = ELEMENT, .count = 1, .below = 6, .kind = TYPE_STRUCT, .flags = LIVE},
        {.bytes = 4, .count = 1, .kind = TYPE_PLAIN},
        {.offset = 8, .bytes = 8, .count = 1, .kind = TYPE_PLAIN},
        {.offset = 16, .bytes = 1, .count = 2, .below = 1, .kind = TYPE_STRUCT},
        {.bytes = 1, .count = 1, .kind = TYPE_PLAIN},
        {.offset = 20, .bytes = 4, .count = 1, .kind = TYPE_PLAIN},
        {.offset = 24, .bytes = 8, .count = 1, .kind = TYPE_POINTER, .flags = LIVE},
    };
    static struct scene s;
    alignas(8) uint64_t from[OBJECT / 8], to[OBJECT / 8];
    struct type_plan plan = compare(padded, sizeof(padded) / sizeof(padded[0]), 100);
    may_fail = true;
    for (uint32_t word = 0; word < OBJECT / 8; word++) {
        memset(from, 0, sizeof(from));
        from[word] = OLD + 0x1100;
        set(&s);
        s.m.check = true;
        failures = 0;
        plan_copy(&s.m, &plan, from, to, OBJECT);
        assert_int_equal(failures, word % (ELEMENT / 8) == NUMBER); // in rows and behind numbers is padding; p is known
        assert_int_equal(to[word], word % (ELEMENT / 8) == P ? NEW + 0x1100 : from[word]);
    }
    may_fail = false;
}

static int give_back(void **)
{
    while (given_count > 0) {
        free(given[--given_count]);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_slots_are_what_a_walk_finds, give_back),
        cmocka_unit_test_teardown(test_bare, give_back),
        cmocka_unit_test_teardown(test_a_table_is_a_run, give_back),
        cmocka_unit_test_teardown(test_runs_and_arrays_of_runs, give_back),
        cmocka_unit_test_teardown(test_the_check_believes_no_padding, give_back),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
