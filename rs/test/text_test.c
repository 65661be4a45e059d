// SPDX-License-Identifier: MIT
// Death records as text: complete for a real death, harmless for nonsense.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "interfaces/fs.types.h"
#include "rs/record.h"

static struct rs_death sample(void)
{
    struct rs_death d = {
        .name = "fs",
        .module = "fs",
        .incarnation = 3,
        .cause = RS_ASSERT,
        .asked = 1,
        .text = "cache.c:42: assertion failed: n < 4",
        .file = "servers/fs/cache.c",
        .line = 42,
        .assertion = "assertion failed: n < 4",
        .decision = 2,
        .delay_ns = 20000000,
        .fruitless = 2,
        .death_ns = 1000000000,
        .detected_ns = 1000500000,
        .newborn_ns = 1000600000,
        .ready_ns = 1002000000,
        .born_ns = 900000000,
        .work = 77,
        .beats = 5,
        .request_since = 1000000000,
        .request_label = FS_LABEL_READ,
        .request_badge = 0x81,
        .request_delivery = 1,
        .frame_count = 2,
        .message_count = 1,
        .frames = {{.address = 0x1234, .offset = 0x10, .function = "cache_get"},
                   {.address = 0x5678}},
        .messages = {{.time_ns = 999000000, .badge = 0x81, .label = FS_LABEL_OPEN, .word0 = 9}},
    };
    d.seed[0] = 0xab;
    d.registers[16] = 0x1234;
    return d;
}

static void test_complete(void **)
{
    static const char *const parts[] = {
        "fs[3] (module fs) died: assert, by command\n",
        "said: servers/fs/cache.c:42: assertion failed",
        "life: 100 ms, 77 requests",
        "request in flight: fs.read from 0x81, delivery 2, for 500 us",
        "decision: rebirth after 20 ms; fruitless lives: 2",
        "detected     1.000500000 s  (+500 us)",
        "ready        1.002000000 s  (+1500 us)",
        "layout seed: ab00",
        "#0  0000000000001234 cache_get+0x10\n",
        "#1  0000000000005678\n",
        "rip 0000000000001234",
        "0.999000 s  fs.open  from 0x81  word0 0x9\n",
    };
    struct rs_death d = sample();
    char text[8192];
    size_t length = record_format(&d, text, sizeof(text));
    assert_int_equal(length, strlen(text));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strstr(text, parts[i]) == nullptr) {
            fail_msg("not in the text: %s\n%s", parts[i], text);
        }
    }
    assert_null(strstr(text, "first work")); // not known yet
}

static void test_cut(void **)
{
    struct rs_death d = sample();
    char whole[8192];
    size_t length = record_format(&d, whole, sizeof(whole));
    for (size_t size = 1; size <= length + 1; size += 13) {
        char *cut = malloc(size);
        assert_int_equal(record_format(&d, cut, size), length);
        assert_memory_equal(cut, whole, size - 1);
        assert_int_equal(cut[size - 1], 0);
        free(cut);
    }
}

static void test_nonsense(void **)
{
    srand(4);
    for (int i = 0; i < 3000; i++) {
        struct rs_death d;
        for (size_t k = 0; k < sizeof(d); k++) {
            ((uint8_t *)&d)[k] = rand() % 8 ? (uint8_t)rand() : 0;
        }
        char text[8192];
        size_t length = record_format(&d, text, sizeof(text));
        assert_true(length > 100 && strlen(text) < sizeof(text));
    }
}

static void test_exceptions(void **)
{
    static const struct {
        uint32_t vector, error;
        uint64_t address;
        const char *text;
    } table[] = {
        {14, 6, 0, "page fault: write to 0, where nothing is"},
        {14, 4, 0x10, "page fault: read from 0x10, where nothing is"},
        {14, 7, 0x4000, "page fault: write to 0x4000, not allowed there"},
        {14, 20, 0x5a5a5a5a5a50, "page fault: jump to 0x5a5a5a5a5a50, where nothing is"},
        {13, 0, 0, "general protection (vector 13, error 0)"},
        {0, 0, 0, "divide error (vector 0, error 0)"},
        {200, 1, 0, "exception (vector 200, error 0x1)"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char text[80];
        exception_text(text, sizeof(text), table[i].vector, table[i].error, table[i].address);
        assert_string_equal(text, table[i].text);
    }
    assert_string_equal(cause_text(RS_HANG), "hang");
    assert_string_equal(cause_text(99), "unknown");
    assert_string_equal(state_text(RS_GIVEN_UP), "given up");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_exceptions),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
