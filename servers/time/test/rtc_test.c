// SPDX-License-Identifier: MIT
// Dates against the C library's calendar, in all four formats; clocks that never rest or hold no
// date.
#include "servers/time/rtc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
// cmocka wants the four above first
#include <cmocka.h>

static const uint8_t formats[] = {0x00, 0x02, 0x04, 0x06}; // 12/24 hours, BCD/binary

static void test_round_trip(void **)
{
    srand(3);
    for (int i = 0; i < 200000; i++) {
        uint64_t seconds = ((uint64_t)rand() << 16 ^ (uint64_t)rand()) % UINT32_MAX, back;
        struct rtc_raw raw = {.status_b = formats[i % 4]};
        rtc_encode(seconds, &raw);
        assert_int_equal(rtc_decode(&raw, &back), OK);
        assert_int_equal(back, seconds);
    }
}

static void test_against_calendar(void **)
{
    for (int64_t seconds = 0; seconds < UINT32_MAX; seconds += 86400 * 3 + 3607) {
        struct rtc_raw raw = {.status_b = 0x06};
        time_t t = seconds;
        struct tm tm;
        gmtime_r(&t, &tm);
        rtc_encode((uint64_t)seconds, &raw);
        assert_int_equal(raw.second, tm.tm_sec);
        assert_int_equal(raw.minute, tm.tm_min);
        assert_int_equal(raw.hour, tm.tm_hour);
        assert_int_equal(raw.day, tm.tm_mday);
        assert_int_equal(raw.month, tm.tm_mon + 1);
        assert_int_equal(raw.century * 100 + raw.year, tm.tm_year + 1900);
    }
}

static void test_known(void **)
{
    uint64_t seconds;
    struct rtc_raw raw = {0x59, 0x59, 0x23, 0x29, 0x02, 0x24, 0x20, 0x02};

    assert_int_equal(rtc_decode(&raw, &seconds), OK);
    assert_int_equal(seconds, 1709251199); // 2024-02-29 23:59:59
    raw.century = 0xff; // no such register
    assert_int_equal(rtc_decode(&raw, &seconds), OK);
    assert_int_equal(seconds, 1709251199);
    raw.status_b = 0x00;
    raw.hour = 0x91; // 11 pm
    assert_int_equal(rtc_decode(&raw, &seconds), OK);
    assert_int_equal(seconds, 1709251199);
    raw.hour = 0x12; // midnight
    assert_int_equal(rtc_decode(&raw, &seconds), OK);
    assert_int_equal(seconds, 1709251199 - 23 * 3600);
}

static void test_no_date(void **)
{
    static const struct rtc_raw bad[] = {
        {0x60, 0, 0, 1, 1, 0x24, 0x20, 2},  {0, 0x60, 0, 1, 1, 0x24, 0x20, 2},
        {0, 0, 0x24, 1, 1, 0x24, 0x20, 2},  {0, 0, 0, 0, 1, 0x24, 0x20, 2},
        {0, 0, 0, 0x32, 1, 0x24, 0x20, 2},  {0, 0, 0, 0x30, 2, 0x24, 0x20, 2},
        {0, 0, 0, 0x29, 2, 0x23, 0x20, 2},  {0, 0, 0, 1, 0x13, 0x24, 0x20, 2},
        {0, 0, 0, 1, 0, 0x24, 0x20, 2},     {0, 0, 0, 1, 1, 0xaa, 0x20, 2},
        {0x5a, 0, 0, 1, 1, 0x24, 0x20, 2},  {0, 0, 0x00, 1, 1, 0x24, 0x20, 0},
        {0, 0, 0x13, 1, 1, 0x24, 0x20, 0},  {255, 255, 255, 255, 255, 255, 255, 255},
    };
    uint64_t seconds;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(rtc_decode(&bad[i], &seconds), ERR_IO);
    }
}

static uint8_t registers[64];
static int updating, reads, tick_at;

static uint8_t chip_read(struct rtc *, uint8_t reg)
{
    if (reg == RTC_STATUS_A) {
        return updating != 0 ? (updating -= updating > 0, 0x80) : 0;
    }
    if (++reads == tick_at) { // the second changes between two registers
        registers[RTC_SECONDS] = 0;
        registers[RTC_MINUTES]++;
    }
    return registers[reg];
}

static void chip_write(struct rtc *, uint8_t reg, uint8_t value)
{
    registers[reg] = value;
}

static void test_one_instant(void **)
{
    struct rtc r = {.read = chip_read, .write = chip_write};
    struct rtc_raw raw;

    for (tick_at = 1; tick_at < 30; tick_at++) {
        reads = 0;
        registers[RTC_SECONDS] = 59;
        registers[RTC_MINUTES] = 10;
        updating = 20;
        assert_int_equal(rtc_read(&r, &raw), OK);
        assert_true((raw.second == 59 && raw.minute == 10) ||
                    (raw.second == 0 && raw.minute == 11));
    }
    updating = -1; // for ever
    assert_int_equal(rtc_read(&r, &raw), ERR_IO);
}

static void test_set(void **)
{
    struct rtc r = {.read = chip_read, .write = chip_write};
    struct rtc_raw raw = {.status_b = 0x02}, back;
    uint64_t seconds;

    updating = 0;
    tick_at = 0;
    rtc_encode(1709251199, &raw);
    rtc_write(&r, &raw);
    assert_int_equal(registers[RTC_STATUS_B], 0x02); // runs again
    assert_int_equal(rtc_read(&r, &back), OK);
    assert_int_equal(rtc_decode(&back, &seconds), OK);
    assert_int_equal(seconds, 1709251199);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_against_calendar),
        cmocka_unit_test(test_known),      cmocka_unit_test(test_no_date),
        cmocka_unit_test(test_one_instant), cmocka_unit_test(test_set),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
