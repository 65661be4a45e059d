// SPDX-License-Identifier: MIT
// Start-up, arguments, handles, time, random numbers, log, assertions.
#include "lib/rt/test/fake_kernel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void test_names_and_arguments(void **state)
{
    (void)state;
    char value[8];
    fake_start("fast=1 name=disk0  long=123456789 tail=z");
    assert_int_equal(rt_handle("disk"), H_FIRST_NAMED);
    assert_int_equal(rt_handle("dis"), HANDLE_NONE);
    assert_int_equal(rt_port, H_SERVICE_PORT);
    assert_true(rt_arg("name", value, sizeof(value)));
    assert_string_equal(value, "disk0");
    assert_true(rt_arg("tail", value, sizeof(value)));
    assert_string_equal(value, "z");
    assert_false(rt_arg("long", value, sizeof(value)));
    assert_false(rt_arg("nam", value, sizeof(value)));
    assert_false(rt_arg("ame", value, sizeof(value)));
}

// ---- Starting with nothing ----

static void test_inherited_handles(void **state)
{
    (void)state;
    fake_start("");
    handle_t loose = fake_handle(OBJ_MEMORY);
    fake_restart();
    assert_false(fake_handle_open(loose));
}

static void test_status_page_over_rebirth(void **state)
{
    (void)state;
    fake_start("");
    assert_int_equal(fake_status.incarnation, 1);
    fake_status.beats = 5;
    fake_status.work = 6;
    fake_status.ready = 1;
    fake_status.request_since = 7;
    fake_status.waiting_since = 8;
    fake_restart();
    assert_int_equal(fake_status.incarnation, 2);
    assert_int_equal(fake_status.beats, 5);
    assert_int_equal(fake_status.work, 6);
    assert_int_equal(fake_status.ready, 0);
    assert_int_equal(fake_status.request_since, 0);
    assert_int_equal(fake_status.waiting_since, 0);
}

// ---- Time ----

static void test_time(void **state)
{
    (void)state;
    static const uint64_t rates[] = {4000000, 999999937, 1000000000, 2400000000, 5100000000};
    fake_start("");
    fake_now = 123456789;
    assert_in_range(rt_now_ns(), 123456788, 123456789);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        time_init(rates[i], fake_ticks() - rates[i] * 86400); // a day of ticks ago
        assert_in_range(rt_now_ns(), 86400ull * 1000000000 - 10, 86400ull * 1000000000 + 10);
    }
}

// ---- Random numbers ----

// RFC 8439, appendix A.1, test vector 1: key, nonce and counter all zero.
static void test_chacha20(void **state)
{
    (void)state;
    static const uint8_t expected[16] = {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90,
                                         0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28};
    uint8_t got[16];
    random_key((const uint8_t[32]){0}, 0);
    rt_random(got, sizeof(got));
    assert_memory_equal(got, expected, sizeof(got));
}

static void test_same_seed_same_numbers(void **state)
{
    (void)state;
    uint8_t seed[32] = {1, 2, 3};
    uint8_t a[300], b[300];
    random_init(seed);
    rt_random(a, sizeof(a));
    random_init(seed);
    rt_random(b, 1);
    rt_random(b + 1, 199);
    rt_random(b + 200, 100);
    assert_memory_equal(a, b, sizeof(a));
    seed[31] ^= 1;
    random_init(seed);
    rt_random(b, sizeof(b));
    assert_memory_not_equal(a, b, 16);
}

static void test_random_below_is_even(void **state)
{
    (void)state;
    int hits[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint32_t value = rt_random_below(10);
        assert_true(value < 10);
        hits[value]++;
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(hits[i], 9400, 10600); // six standard deviations
    }
    assert_int_equal(rt_random_below(1), 0);
}

// ---- Log and last words ----

static void test_log(void **state)
{
    (void)state;
    char expected[300];
    fake_start("");
    log_info("disk %d: %s", 3, "ready");
    assert_string_equal(fake_log, "tested[1]: disk 3: ready");
    log_warn("%s", "careful");
    assert_string_equal(fake_log, "tested[1]: warning: careful");
    memset(expected, 'x', sizeof(expected));
    expected[290] = '\0';
    log_info("%s", expected);
    assert_int_equal(strlen(fake_log), 255);
    assert_int_equal(memcmp(fake_log, "tested[1]: xxx", 14), 0);
}

static void fail_assertion(void *arg)
{
    rt_assert(arg == (void *)1);
}

static void test_assertions(void **state)
{
    (void)state;
    fake_start("");
    fail_assertion((void *)1);
    assert_true(fake_dies(fail_assertion, nullptr, "assertion failed: arg == (void *)1"));
    assert_false(NEVER(1 == 2));
    assert_true(NEVER(1 == 1));
    assert_non_null(strstr(fake_log, "did not expect: 1 == 1"));
}

static void die_null(void *unused)
{
    (void)unused;
    rt_die_assert();
}

static void test_dying_by_assertion(void **state)
{
    (void)state;
    fake_start("");
    assert_true(fake_dies(die_null, nullptr, "asked to fail"));
}

static void test_status_text(void **state)
{
    (void)state;
    assert_string_equal(rt_status_name(ERR_RANGE), "ERR_RANGE");
    assert_string_equal(rt_status_text(OK), "done");
    assert_string_equal(rt_status_name((enum status)999), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_arguments),
        cmocka_unit_test(test_inherited_handles),
        cmocka_unit_test(test_status_page_over_rebirth),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_chacha20),
        cmocka_unit_test(test_same_seed_same_numbers),
        cmocka_unit_test(test_random_below_is_even),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_assertions),
        cmocka_unit_test(test_dying_by_assertion),
        cmocka_unit_test(test_status_text),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
