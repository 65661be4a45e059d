// SPDX-License-Identifier: MIT
// The copy of all state that tests hold against what a rollback leaves: it finds each byte of each kind of memory.
#include "lib/rt/heap_internal.h"
#include "lib/rt/shadow.h"
#include "lib/rt/test/fake_kernel.h"
#include "lib/rt/undo_log.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

static bool differs(struct shadow_difference *d)
{
    return shadow_differs(&shadow, nullptr, nullptr, d);
}

static void assert_found(void *memory)
{
    struct shadow_difference d;
    uint8_t *byte = memory;
    (*byte)++;
    assert_true(differs(&d));
    assert_true((uint64_t)byte - d.address < 8);
    assert_true(d.was != d.is);
    (*byte)--;
    assert_false(differs(&d));
}

static void test_objects(void **)
{
    uint8_t *small = rt_malloc(30), *middle = rt_malloc(3000), *large = rt_malloc(100001);
    struct shadow_difference d;
    shadow_take();
    assert_false(differs(&d));
    assert_int_equal(shadow.transaction, undo_log.transaction);
    assert_found(small);
    assert_found(small + 29);
    assert_found(middle + 2999);
    assert_found(large + 100000);
    rt_free(small);
    rt_free(middle);
    rt_free(large);
}

static void test_the_heaps_own_records(void **)
{
    uint8_t *p = rt_malloc(30);
    struct shadow_difference d;
    shadow_take();
    rt_free(p);
    assert_true(differs(&d));
    p = rt_malloc(30); // elsewhere, most likely; and the generator of places went on
    assert_true(differs(&d));
    rt_free(p);
}

static uint8_t global[11];

static void test_globals(void **)
{
    struct shadow_piece list[] = {{(uint64_t)global, sizeof(global)}};
    shadow.sections = (uint64_t)list;
    shadow.section_count = 1;
    assert_true(shadow_wanted());
    shadow_take();
    assert_found(&global[0]);
    assert_found(&global[10]);
    shadow.sections = shadow.section_count = 0;
}

static bool nothing_is_there(const void *, uintptr_t, size_t)
{
    return false;
}

static void test_what_is_not_there_differs(void **)
{
    struct shadow_difference d;
    shadow_take();
    assert_true(shadow_differs(&shadow, nothing_is_there, nullptr, &d));
}

static bool is_odd(char *why, size_t room)
{
    snprintf(why, room, "the number is odd");
    return global[0] % 2 == 0;
}

static void commit(void *)
{
    tx_begin();
    tx_commit();
}

static void test_a_contradiction_ends_the_service_at_commit(void **)
{
    struct shadow_piece list[] = {{(uint64_t)global, sizeof(global)}};
    rt_on_check(is_odd);
    global[0] = 1;
    commit(nullptr); // nobody looks
    shadow.sections = (uint64_t)list;
    shadow.section_count = 1;
    assert_true(fake_dies(commit, nullptr, "contradicts itself: the number is odd"));
    global[0] = 2;
    commit(nullptr);
    shadow.sections = shadow.section_count = 0;
}

static int begin(void **)
{
    fake_start("");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_the_heaps_own_records),
        cmocka_unit_test(test_globals),
        cmocka_unit_test(test_what_is_not_there_differs),
        cmocka_unit_test(test_a_contradiction_ends_the_service_at_commit),
    };
    return cmocka_run_group_tests(tests, begin, nullptr);
}
