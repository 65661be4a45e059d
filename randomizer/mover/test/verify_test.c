// SPDX-License-Identifier: MIT
// The second look at what was copied ahead: it finds one old word, and is not misled by pointers to what is gone.
#include "randomizer/mover/test/no_neighbours.h"
#include <stdlib.h>
#include <string.h>

enum { WORDS = 8, SLOTS = 2, SLOT_BYTES = 80 };
enum : uint64_t { GONE = 0x1234567 * (uint64_t)GRANULE };

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
    uint32_t heads, info[SLOTS], seen[SLOTS];
    uint64_t to[SLOTS], from[SLOTS * SLOT_BYTES / 8], copy[SLOTS][WORDS];
    struct type_plan plans[1];
};

static void set(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    failed = MOVE_OK;
    s->table[0] = (struct heap_entry){.granule = GONE >> GRANULE_SHIFT};
    s->empty = (struct source){.start = GONE, .slots = 0, .slot_bytes = SLOT_BYTES, .inverse = (1ull << 32) / SLOT_BYTES + 1};
    s->by_place[0] = &s->empty;
    s->source = (struct source){.start = (uint64_t)s->from, .slots = SLOTS, .slot_bytes = SLOT_BYTES, .info = s->info,
                                .seen = s->seen, .to = s->to};
    s->m = (struct mover){.report = &s->report, .heap_table = s->table, .sources = s->by_place, .heads = &s->heads,
                          .source_list = &s->source, .source_count = 1, .scan_step = 8, .plans = s->plans,
                          .user_span = USER_MAX - USER_MIN};
    for (int i = 0; i < SLOTS; i++) {
        s->to[i] = (uint64_t)s->copy[i];
        for (int w = 0; w < WORDS; w++) {
            s->from[i * (SLOT_BYTES / 8) + w] = s->copy[i][w] = (uint64_t)(i * 100 + w);
        }
    }
    s->table[1].granule = 0;
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
    s.from[3] = GONE + 8;
    s.copy[0][3] = 0x5a5a5a5a;
    s.m.heap_mask = 0; // all granules are looked for in the first place
    verify_copies(&s.m);
    assert_int_equal(failed, MOVE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_copies),
        cmocka_unit_test(test_one_old_word),
        cmocka_unit_test(test_what_was_not_copied),
        cmocka_unit_test(test_pointers_to_the_gone),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
