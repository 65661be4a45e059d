// SPDX-License-Identifier: MIT
// The linker on the host: what it links runs, wherever it is placed.
#include "randomizer/linker/symbolise.h"
#include "randomizer/linker/test/host.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SMALL MODULE_DIR "/sample-small.mod"
#define LARGE MODULE_DIR "/sample-large.mod"
#define KINDS MODULE_DIR "/kinds.mod"

// RFC 8439, section 2.3.2.
static void test_chacha_matches_the_standard(void **state)
{
    (void)state;
    static const uint32_t expected[CHACHA_WORDS] = {0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
                                                    0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
                                                    0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                                                    0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
    const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0};
    uint32_t key[8], out[CHACHA_WORDS];
    for (uint32_t i = 0; i < 8; i++) {
        key[i] = 4 * i | (4 * i + 1) << 8 | (4 * i + 2) << 16 | (4 * i + 3) << 24;
    }
    chacha_block(out, key, 1, nonce);
    assert_memory_equal(out, expected, sizeof(out));
}

static void test_below_reaches_all_values_equally(void **state)
{
    (void)state;
    enum { VALUES = 10, DRAWS = 100000 };
    uint8_t seed[CHACHA_KEY_BYTES];
    uint32_t hits[VALUES] = {0};
    struct chacha random;
    seed_from(seed, 5);
    chacha_start(&random, seed, 9);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t x = chacha_below(&random, VALUES);
        assert_true(x < VALUES);
        hits[x]++;
    }
    for (int i = 0; i < VALUES; i++) {
        assert_in_range(hits[i], DRAWS / VALUES - 500, DRAWS / VALUES + 500); // 5 sigma
    }
}

// A layout record as the bootstrap would write it.
static struct layout_record *record_new(const struct body *b, uint64_t *bytes)
{
    uint32_t n = b->module.section_count;
    *bytes = sizeof(struct layout_record) + n * sizeof(uint64_t);
    struct layout_record *r = calloc(1, *bytes);
    r->magic = LAYOUT_MAGIC;
    r->sections = n;
    r->entry = b->plan->entry;
    memcpy(r->address, b->plan->address, n * sizeof(uint64_t));
    return r;
}

static uint64_t address_of(const struct body *b, const char *name)
{
    uint64_t bytes;
    struct layout_record *r = record_new(b, &bytes);
    uint64_t address = symbol_address(&b->module, r, bytes, name);
    free(r);
    return address;
}

// Links with `count` seeds and runs the function each time. Seeds that hit memory of the test
// program itself (the sanitizer's shadow takes an eighth of the address space) are skipped.
static void run_many(const char *path, const char *function, uint64_t count, uint64_t least)
{
    uint64_t ran = 0;
    for (uint64_t seed = 0; seed < count; seed++) {
        struct body b;
        if (!body_make(&b, path, seed)) {
            continue;
        }
        uint64_t address = address_of(&b, function);
        assert_int_not_equal(address, 0);
        int (*check)(void) = (int (*)(void))address;
        int failed = check();
        if (failed != 0) {
            fail_msg("%s: check %d failed with seed %lu", path, failed, seed);
        }
        ran++;
        body_drop(&b);
    }
    print_message("%s: ran at %lu places out of %lu\n", path, ran, count);
    assert_in_range(ran, least, count);
}

static void test_small_model_runs_anywhere(void **state)
{
    (void)state;
    run_many(SMALL, "sample_check", 2000, 1600);
}

static void test_large_model_runs_anywhere(void **state)
{
    (void)state;
    run_many(LARGE, "sample_check", 2000, 500);
}

static void test_rare_relocation_kinds(void **state)
{
    (void)state;
    run_many(KINDS, "kinds_start", 200, 150);
}

static void test_stripping_changes_nothing(void **state)
{
    (void)state;
    struct file files[2] = {file_read(SMALL), file_read(SMALL ".full")};
    struct module m[2];
    struct plan *p[2];
    struct link_failure why;
    uint8_t seed[CHACHA_KEY_BYTES];
    seed_from(seed, 77);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(module_open(&m[i], files[i].bytes, files[i].size, &why), LINK_OK);
        p[i] = plan_new(&m[i]);
        assert_int_equal(plan_layout(p[i], &m[i], seed, i == 0 ? 64 << 10 : 1 << 20, &why),
                         LINK_OK);
    }
    assert_int_not_equal(m[0].section_count, m[1].section_count);
    uint32_t at[2] = {0, 0}, compared = 0;
    for (;;) {
        for (int i = 0; i < 2; i++) {
            do {
                at[i]++;
            } while (at[i] < m[i].section_count && !module_is_loaded(&m[i].sections[at[i]]));
        }
        if (at[0] == m[0].section_count) {
            break;
        }
        assert_string_equal(module_section_name(&m[0], at[0]), module_section_name(&m[1], at[1]));
        assert_int_equal(p[0]->address[at[0]], p[1]->address[at[1]]);
        compared++;
    }
    assert_int_equal(at[1], m[1].section_count);
    assert_in_range(compared, 250, 400);
    for (int i = 0; i < 2; i++) {
        plan_delete(p[i]);
        free(files[i].bytes);
    }
}

static void test_symbols_both_ways(void **state)
{
    (void)state;
    struct body b;
    uint64_t seed = 1, bytes;
    while (!body_make(&b, SMALL, seed)) {
        seed++;
    }
    struct layout_record *r = record_new(&b, &bytes);
    struct symbol_place place;
    char text[40];

    uint64_t check = symbol_address(&b.module, r, bytes, "sample_check");
    assert_true(symbolise(&b.module, r, bytes, check + 5, &place));
    assert_string_equal(place.name, "sample_check");
    assert_int_equal(place.offset, 5);
    assert_int_equal(place.start, check);
    assert_int_equal(symbolise_text(&b.module, r, bytes, check + 5, text, sizeof(text)), 16);
    assert_string_equal(text, "sample_check+0x5");
    symbolise_text(&b.module, r, bytes, check + 5, text, 8);
    assert_string_equal(text, "sample_");
    assert_int_equal(symbol_address(&b.module, r, bytes, "start_service"), b.plan->entry);

    // Data, one past its end, and the gap behind.
    uint64_t big = symbol_address(&b.module, r, bytes, "sample_big");
    assert_true(symbolise(&b.module, r, bytes, big + (1 << 20), &place));
    assert_string_equal(place.name, "sample_big");
    assert_false(symbolise(&b.module, r, bytes, big + (1 << 20) + 1, &place));
    assert_false(symbolise(&b.module, r, bytes, 0, &place));
    symbolise_text(&b.module, r, bytes, 0xabc, text, sizeof(text));
    assert_string_equal(text, "0xabc");

    assert_int_equal(symbol_address(&b.module, r, bytes, "no_such_name"), 0);
    assert_int_equal(symbol_address(&b.module, r, bytes, "sample_absent"), 0);
    free(r);
    body_drop(&b);
}

static void test_symboliser_believes_no_record(void **state)
{
    (void)state;
    struct file file = file_read(SMALL);
    struct module m;
    struct link_failure why;
    struct symbol_place place;
    assert_int_equal(module_open(&m, file.bytes, file.size, &why), LINK_OK);
    uint64_t bytes = sizeof(struct layout_record) + 8 * sizeof(uint64_t); // shorter than it says
    struct layout_record *r = calloc(1, bytes);
    r->sections = UINT32_MAX;
    assert_false(symbolise(&m, r, bytes, 0x1000, &place)); // no magic
    r->magic = LAYOUT_MAGIC;
    for (int i = 0; i < 8; i++) {
        r->address[i] = UINT64_MAX - 3;
    }
    assert_false(symbolise(&m, r, bytes, UINT64_MAX - 2, &place));
    assert_int_equal(symbol_address(&m, r, bytes, "sample_check"), 0);
    assert_false(symbolise(&m, r, 8, 0x1000, &place));
    assert_false(symbolise(&m, nullptr, 0, 0x1000, &place));
    free(r);
    free(file.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chacha_matches_the_standard),
        cmocka_unit_test(test_below_reaches_all_values_equally),
        cmocka_unit_test(test_small_model_runs_anywhere),
        cmocka_unit_test(test_large_model_runs_anywhere),
        cmocka_unit_test(test_rare_relocation_kinds),
        cmocka_unit_test(test_stripping_changes_nothing),
        cmocka_unit_test(test_symbols_both_ways),
        cmocka_unit_test(test_symboliser_believes_no_record),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
