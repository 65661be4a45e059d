// SPDX-License-Identifier: MIT
// The second look at what was copied ahead: it finds one old word, and is not misled by pointers to what is gone.
#include "randomizer/mover/test/no_neighbours.h"
#include <stdlib.h>
#include <string.h>

enum { WORDS = 8, SLOTS = 2, SLOT_BYTES = 80, INVERSE = (1ull << 32) / SLOT_BYTES + 1 };
static const struct slab_shape shape = {SLOT_BYTES, BLOCK, BLOCK_ROOM / SLOT_BYTES, (1ull << 32) / BLOCK + 1, INVERSE};
enum : uint64_t { GONE = 0x1234567 * (uint64_t)GRANULE, FIRST = BLOCK_GAP / 8 };

static enum move_error failed;

// What verify.c and plan.c need of their neighbours.
void *move_alloc(struct mover *, size_t bytes)
{
    static uint64_t memory[HEAP_LARGE / 8 + 8];
    assert_true(bytes <= sizeof(memory));
    return memory;
}

void move_fail(struct mover *m, enum move_error error, const char *, ...)
{
    failed = m->error = error;
}

uint32_t object_type(const struct source *, uint32_t)
{
    return 0;
}

uint32_t object_bytes(const struct source *, uint32_t)
{
    return WORDS * sizeof(uint64_t);
}

void objects_drain(struct mover *)
{
}

// One slab of two objects without types, copied; and a granule of the heap in which nothing lives any more.
struct scene {
    struct mover m;
    struct move_report report;
    struct heap_entry table[2];
    struct source *by_place[2];
    struct source source, empty;
    uint32_t at, heads, info[SLOTS], seen[SLOTS];
    uint64_t to[SLOTS], from[BLOCK / 8], copy[SLOTS][WORDS];
    struct type_plan plans[1];
};

static void set(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    failed = MOVE_OK;
    s->at = (uint32_t)((GONE >> GRANULE_SHIFT) * 0x9e3779b97f4a7c15 >> 32) & 1;
    s->table[s->at] = (struct heap_entry){.granule = GONE >> GRANULE_SHIFT};
    s->empty = (struct source){.start = GONE, .slots = 0, .slot_bytes = SLOT_BYTES, .shape = &shape};
    s->by_place[s->at] = &s->empty;
    s->source = (struct source){.start = (uint64_t)s->from, .slots = SLOTS, .slot_bytes = SLOT_BYTES, .shape = &shape, .info = s->info,
                                .seen = s->seen, .to = s->to};
    s->m = (struct mover){.report = &s->report, .heap_table = s->table, .heap_mask = 1, .sources = s->by_place, .heads = &s->heads,
                          .source_list = &s->source, .source_count = 1, .scan_step = 8, .plans = s->plans,
                          .user_span = USER_MAX - USER_MIN};
    for (int i = 0; i < SLOTS; i++) {
        s->to[i] = (uint64_t)s->copy[i];
        for (int w = 0; w < WORDS; w++) {
            s->from[slot_offset(&shape, (uint32_t)i) / 8 + (uint32_t)w] = s->copy[i][w] = (uint64_t)(i * 100 + w);
        }
    }
}

static void test_equal_copies(void **)
{
    static struct scene s;
    set(&s);
    s.report.tried = 7;
    verify_copies(&s.m);
    assert_int_equal(failed, MOVE_OK);
    assert_int_equal(s.report.tried, 7);
}

static void test_one_old_word(void **)
{
    static struct scene s;
    for (int i = 0; i < SLOTS; i++) {
        for (int w = 0; w < WORDS; w++) {
            set(&s);
            s.copy[i][w]++;
            verify_copies(&s.m);
            assert_int_equal(failed, MOVE_COPY);
        }
    }
}

static void test_what_was_not_copied(void **)
{
    static struct scene s;
    set(&s);
    s.copy[1][0]++;
    s.to[1] = 0;
    verify_copies(&s.m);
    assert_int_equal(failed, MOVE_OK);
}

static void test_pointers_to_the_gone(void **)
{
    static struct scene s;
    set(&s);
    s.from[FIRST + 3] = GONE + BLOCK_GAP + 8;
    s.copy[0][3] = 0x5a5a5a5a;
    verify_copies(&s.m);
    assert_int_equal(failed, MOVE_OK);
}

static void put(uint64_t *words, uint32_t at, uint64_t value)
{
    memcpy((uint8_t *)words + at, &value, sizeof(value));
}

// An interpreter's code has pointers at any even place.
static void test_unaligned_pointers_to_the_gone(void **)
{
    static struct scene s;
    for (uint32_t at = 0; at + 8 <= WORDS * 8; at += 2) {
        set(&s);
        s.m.scan_step = 2;
        put(s.from + FIRST, at, GONE + BLOCK_GAP + 8);
        memcpy(s.copy[0], s.from + FIRST, sizeof(s.copy[0]));
        put(s.copy[0], at, 0x5a5a5a5a5a5a5a5a);
        verify_copies(&s.m);
        assert_int_equal(failed, MOVE_OK);
        set(&s);
        s.m.scan_step = 2;
        put(s.copy[0], at, 0x5a5a5a5a5a5a5a5a);
        verify_copies(&s.m);
        assert_int_equal(failed, MOVE_COPY);
    }
}

// Its whole slab went back to the kernel.
static void test_pointers_into_a_slab_that_is_gone(void **)
{
    static struct scene s;
    set(&s);
    struct source list[] = {s.source, {.start = GONE + GRANULE, .slots = 3, .slot_bytes = SLOT_BYTES, .shape = &shape, .gone = true}};
    s.m.source_list = list;
    s.m.source_count = 2;
    s.table[s.at].granule = 0; // the table has no such granule any more
    s.from[FIRST + 3] = GONE + GRANULE + BLOCK - 1;
    s.copy[0][3] = 0x5a5a5a5a;
    verify_copies(&s.m);
    assert_int_equal(failed, MOVE_OK);
    s.from[FIRST + 3] = GONE + GRANULE + BLOCK;
    verify_copies(&s.m);
    assert_int_equal(failed, MOVE_COPY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_copies),
        cmocka_unit_test(test_one_old_word),
        cmocka_unit_test(test_what_was_not_copied),
        cmocka_unit_test(test_pointers_to_the_gone),
        cmocka_unit_test(test_unaligned_pointers_to_the_gone),
        cmocka_unit_test(test_pointers_into_a_slab_that_is_gone),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
