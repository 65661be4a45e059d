// SPDX-License-Identifier: MIT
// Types of two versions: which fields find each other, what becomes of their values, where pointers
// lead. Objects are exactly as long as they have to be.
#include "randomizer/mover/convert.h"
#include "randomizer/mover/test/versions.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct version_file *const versions[] = {&version_old, &version_new};

static void open_pair(struct conversion *c, enum version_type which, int from, int to)
{
    struct type_map maps[2];
    for (int i = 0; i < 2; i++) {
        const void *map = versions[i ? to : from]->type(which).map;
        assert_non_null(map);
        assert_int_equal(type_map_open(&maps[i], map, ((const struct type_map_header *)map)->bytes),
                         TYPE_MAP_OK);
    }
    convert_make(c, &maps[0], &maps[1], malloc(maps[0].entry_count * sizeof(uint32_t)));
}

static void test_all_fields(void **)
{
    for (int from = 0; from < 2; from++) {
        struct conversion c;
        size_t each = versions[from]->type(THING).bytes, now = versions[1 - from]->type(THING).bytes;
        open_pair(&c, THING, from, 1 - from);
        assert_false(c.same);
        assert_int_equal(c.misfit, 0);
        for (size_t n = 1; n < 4; n++) {
            uint8_t *old = malloc(n * each), *fresh = calloc(n, now);
            for (size_t i = 0; i < n; i++) {
                versions[from]->fill(old + i * each);
            }
            assert_int_equal(convert_bytes(&c, n * each), n * now);
            assert_int_equal(convert_data(&c, old, n * each, fresh), 0);
            for (size_t i = 0; i < n; i++) {
                const char *wrong = versions[1 - from]->check(fresh + i * now);
                assert_string_equal(wrong ? wrong : "", "");
            }
            free(old);
            free(fresh);
        }
        free(c.pair);
    }
}

static void test_places(void **)
{
    static const char *const types[] = {nullptr, "uint64_t", "struct part", "struct part *", "char", nullptr, nullptr, nullptr, "struct part *"};
    struct conversion c;
    size_t each = version_old.type(THING).bytes, now = version_new.type(THING).bytes;
    open_pair(&c, THING, 0, 1);
    for (size_t element = 0; element < 3; element++) {
        for (int which = 0; which <= 8; which++) {
            int64_t is = convert_offset(&c, 3 * each, element * each + version_old.place(which), types[which]);
            int64_t must = which == 5 ? -1 : (int64_t)(element * now + version_new.place(which));
            assert_int_equal(is, must);
        }
        assert_int_equal(convert_offset(&c, 3 * each, element * each, "struct thing"), element * now);
        assert_int_equal(convert_slot(&c, 3 * each, element * each), element * now + version_new.place(8));
    }
    assert_int_equal(convert_offset(&c, 3 * each, 3 * each + 1, nullptr), -1);
    free(c.pair);
}

static void test_flexible(void **)
{
    for (int from = 0; from < 2; from++) {
        struct conversion c;
        open_pair(&c, LINE, from, 1 - from);
        assert_int_equal(c.misfit, 0);
        for (uint32_t count = 0; count < 40; count++) {
            uint8_t room[4096];
            memset(room, 0, sizeof(room));
            size_t bytes = versions[from]->line(room, count), now = convert_bytes(&c, bytes);
            uint8_t *old = malloc(bytes), *fresh = calloc(1, now);
            memcpy(old, room, bytes);
            assert_int_equal(convert_data(&c, old, bytes, fresh), 0);
            assert_null(versions[1 - from]->check_line(fresh, now, count));
            free(old);
            free(fresh);
        }
        free(c.pair);
    }
}

static void expect_misfit(enum version_type which, const char *name)
{
    struct conversion c;
    char text[128];
    open_pair(&c, which, 0, 1);
    assert_int_not_equal(c.misfit, 0);
    convert_name(&c, c.misfit - 1, text, sizeof(text));
    assert_string_equal(text, name);
    free(c.pair);
}

static void test_misfits(void **)
{
    expect_misfit(NUMBER_TO_POINTER, "struct number_to_pointer.field");
    expect_misfit(REAL_TO_NUMBER, "struct real_to_number.field");
    expect_misfit(UNION_CHANGED, "struct union_changed.field");
}

static void expect_value_misfit(struct conversion *c, const void *old, const char *name)
{
    char text[128];
    uint8_t *now = calloc(1, convert_bytes(c, c->from.entries->bytes));
    uint32_t misfit = convert_data(c, old, c->from.entries->bytes, now);
    free(now);
    if (!name) {
        assert_int_equal(misfit, 0);
        return;
    }
    assert_int_not_equal(misfit, 0);
    convert_name(c, misfit - 1, text, sizeof(text));
    assert_string_equal(text, name);
}

static void poke(uint8_t *object, const struct conversion *c, const char *field, uint64_t offset, int64_t value)
{
    const struct type_map_entry *e = &c->from.entries[type_map_field(&c->from, 0, field)];
    memcpy(object + e->offset + offset, &value, e->bytes < 8 ? e->bytes : 8);
}

// Narrower fields take what fits, and nothing else; elements that there is no room for must be zero.
static void test_values(void **)
{
    struct conversion c;
    open_pair(&c, THING, 1, 0);
    uint8_t *old = malloc(version_new.type(THING).bytes);
    static const struct { const char *field; uint64_t offset; int64_t value; bool fits; } cases[] = {
        {"count", 0, UINT32_MAX, true}, {"count", 0, UINT32_MAX + 1ll, false}, {"small", 0, INT16_MIN, true},
        {"small", 0, INT16_MIN - 1ll, false}, {"small", 0, INT16_MAX, true}, {"small", 0, INT16_MAX + 1ll, false},
        {"many", 8, -5, true}, {"many", 32, 1, false}, {"many", 24, INT64_MIN, false}, {"a", 0, 7, true}, {"a", 0, 8, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[64] = "struct thing.";
        version_new.fill(old);
        poke(old, &c, cases[i].field, cases[i].offset, cases[i].value);
        strcat(name, cases[i].field);
        expect_value_misfit(&c, old, cases[i].fits ? nullptr : name);
    }
    free(old);
    free(c.pair);
    open_pair(&c, NEGATIVE, 0, 1); // the new field has no sign
    expect_value_misfit(&c, &(int32_t){5}, nullptr);
    expect_value_misfit(&c, &(int32_t){-5}, "struct negative.field");
    free(c.pair);
}

// Whatever is in an object, nothing outside is read or written.
static void test_any_object(void **)
{
    for (int from = 0; from < 2; from++) {
        for (int which = 0; which < VERSION_TYPES; which++) {
            struct conversion c;
            open_pair(&c, (enum version_type)which, from, 1 - from);
            size_t each = c.from.entries->bytes;
            for (int i = 0; i < 500; i++) {
                size_t bytes = each + (size_t)rand() % (3 * each);
                uint8_t *old = malloc(bytes), *now = calloc(1, convert_bytes(&c, bytes) + 1);
                for (size_t b = 0; b < bytes; b++) {
                    old[b] = (uint8_t)(rand() % 3 ? 0 : rand());
                }
                (void)convert_data(&c, old, bytes, now);
                for (size_t at = 0; at <= bytes + 1; at++) {
                    int64_t there = convert_offset(&c, bytes, at, "struct part");
                    assert_true(there <= (int64_t)convert_bytes(&c, bytes));
                    assert_true(convert_slot(&c, bytes, at) <= (int64_t)convert_bytes(&c, bytes));
                }
                free(old);
                free(now);
            }
            free(c.pair);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_fields), cmocka_unit_test(test_places),  cmocka_unit_test(test_flexible),
        cmocka_unit_test(test_misfits),    cmocka_unit_test(test_values),  cmocka_unit_test(test_any_object),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
