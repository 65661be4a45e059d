// SPDX-License-Identifier: MIT
// memcpy, memmove, memset, memcmp against plain loops: all lengths, alignments and overlaps nearby.
// They are included here as rt_memcpy and so on, beside the host's own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define memcpy  rt_memcpy
#define memmove rt_memmove
#define memset  rt_memset
#define memcmp  rt_memcmp
#include "lib/rt/mem.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp

enum { ROOM = 700, LONGEST = 300 };

static unsigned char got[ROOM], expected[ROOM];

static void number(void)
{
    for (int i = 0; i < ROOM; i++) {
        got[i] = expected[i] = (unsigned char)(i * 31 + (i >> 8));
    }
}

static void test_memcpy(void **state)
{
    (void)state;
    for (size_t n = 0; n <= LONGEST; n++) {
        for (size_t shift = 0; shift < 9; shift++) {
            number();
            assert_ptr_equal(rt_memcpy(got + shift, got + 350 + n % 7, n), got + shift);
            for (size_t i = 0; i < n; i++) {
                expected[shift + i] = expected[350 + n % 7 + i];
            }
            assert_memory_equal(got, expected, ROOM);
        }
    }
}

static void test_memmove_overlapping(void **state)
{
    (void)state;
    for (size_t n = 0; n <= LONGEST; n++) {
        for (int distance = -70; distance <= 70; distance++) {
            number();
            unsigned char copy[LONGEST];
            memcpy(copy, expected + 100, n);
            memcpy(expected + 100 + distance, copy, n);
            assert_ptr_equal(rt_memmove(got + 100 + distance, got + 100, n), got + 100 + distance);
            assert_memory_equal(got, expected, ROOM);
        }
    }
}

static void test_memset(void **state)
{
    (void)state;
    for (size_t n = 0; n <= LONGEST; n++) {
        for (size_t shift = 0; shift < 9; shift++) {
            number();
            rt_memset(got + shift, 0x1a5, n);
            for (size_t i = 0; i < n; i++) {
                expected[shift + i] = 0xa5;
            }
            assert_memory_equal(got, expected, ROOM);
        }
    }
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void test_memcmp(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 70; n++) {
        number();
        assert_int_equal(rt_memcmp(got, expected, n), 0);
        for (size_t at = 0; at < n; at++) {
            for (int change = 1; change < 256; change += 50) {
                number();
                got[at] = (unsigned char)(got[at] + change);
                if (at + 1 < n) { // later bytes do not count
                    got[n - 1] = (unsigned char)(got[n - 1] - 99);
                }
                assert_int_equal(sign(rt_memcmp(got, expected, n)), sign(memcmp(got, expected, n)));
            }
        }
    }
}

// Each range ends where the sanitizer watches: reading or writing one byte too many stops the test.
static void test_exact_ends(void **state)
{
    (void)state;
    for (size_t n = 1; n <= LONGEST; n++) {
        char *a = malloc(n), *b = malloc(n);
        memset(b, 3, n);
        rt_memcpy(a, b, n);
        assert_int_equal(rt_memcmp(a, b, n), 0);
        rt_memmove(a, b, n);
        rt_memset(a, 1, n);
        assert_int_equal(a[n - 1], 1);
        free(a);
        free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memcpy),  cmocka_unit_test(test_memmove_overlapping),
        cmocka_unit_test(test_memset),  cmocka_unit_test(test_memcmp),
        cmocka_unit_test(test_exact_ends),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
