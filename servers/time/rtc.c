// SPDX-License-Identifier: MIT
// Reading, decoding, setting the real-time clock.
#include "servers/time/rtc.h"

enum { UPDATING = 0x80 };                             // in status A: registers are about to change
enum { HALTED = 0x80, BINARY = 0x04, HOURS_24 = 0x02 }; // in status B
enum { PM = 0x80 };                                   // in the hours, with 12-hour format
enum { PATIENCE = 10000 };

static bool same(const struct rtc_raw *a, const struct rtc_raw *b)
{
    return __builtin_memcmp(a, b, sizeof *a) == 0;
}

static bool read_once(struct rtc *r, struct rtc_raw *raw)
{
    int patience = PATIENCE; // an update takes two milliseconds at most

    while (r->read(r, RTC_STATUS_A) & UPDATING) {
        if (--patience == 0) {
            return false;
        }
    }
    *raw = (struct rtc_raw){
        .second = r->read(r, RTC_SECONDS),
        .minute = r->read(r, RTC_MINUTES),
        .hour = r->read(r, RTC_HOURS),
        .day = r->read(r, RTC_DAY),
        .month = r->read(r, RTC_MONTH),
        .year = r->read(r, RTC_YEAR),
        .century = r->read(r, RTC_CENTURY),
        .status_b = r->read(r, RTC_STATUS_B),
    };
    return true;
}

// An update may begin between two registers: only what is read twice alike is one instant.
enum status rtc_read(struct rtc *r, struct rtc_raw *out)
{
    struct rtc_raw before;

    if (!read_once(r, &before)) {
        return ERR_IO;
    }
    for (int i = 0; i < 10; i++) {
        if (!read_once(r, out)) {
            return ERR_IO;
        }
        if (same(&before, out)) {
            return OK;
        }
        before = *out;
    }
    return ERR_IO;
}

// -1: no number in this format.
static int number(uint8_t value, uint8_t status_b)
{
    if (status_b & BINARY) {
        return value;
    }
    return (value & 15) <= 9 && value >> 4 <= 9 ? (value >> 4) * 10 + (value & 15) : -1;
}

// 12 comes before 1.
static int hour_of(uint8_t value, uint8_t status_b)
{
    if (status_b & HOURS_24) {
        return number(value, status_b);
    }
    int hour = number(value & ~PM, status_b);
    return hour < 1 || hour > 12 ? -1 : hour % 12 + (value & PM ? 12 : 0);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

// Machines without a century register show anything there.
static int year_of(const struct rtc_raw *raw)
{
    int year = number(raw->year, raw->status_b), century = number(raw->century, raw->status_b);

    if (year < 0 || year > 99) {
        return -1;
    }
    if (century >= 19 && century <= 21) {
        return century * 100 + year;
    }
    return year >= 70 ? 1900 + year : 2000 + year;
}

// Days from 1970-01-01 to the first of January.
static uint64_t days_before(int year)
{
    int y = year - 1; // leap years up to the last complete one

    return (uint64_t)(year - 1970) * 365 + (uint64_t)(y / 4 - y / 100 + y / 400 - 477);
}

enum status rtc_decode(const struct rtc_raw *raw, uint64_t *seconds)
{
    uint8_t b = raw->status_b;
    int year = year_of(raw), month = number(raw->month, b), day = number(raw->day, b);
    int hour = hour_of(raw->hour, b), minute = number(raw->minute, b),
        second = number(raw->second, b);

    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
        return ERR_IO;
    }
    uint64_t days = days_before(year) + (uint64_t)(day - 1);
    for (int m = 1; m < month; m++) {
        days += (uint64_t)month_days(year, m);
    }
    *seconds = ((days * 24 + (uint64_t)hour) * 60 + (uint64_t)minute) * 60 + (uint64_t)second;
    return OK;
}

static uint8_t coded(int value, uint8_t status_b)
{
    return (uint8_t)(status_b & BINARY ? value : value / 10 << 4 | value % 10);
}

static uint8_t coded_hour(int hour, uint8_t status_b)
{
    if (status_b & HOURS_24) {
        return coded(hour, status_b);
    }
    return coded(hour % 12 == 0 ? 12 : hour % 12, status_b) | (hour >= 12 ? PM : 0);
}

void rtc_encode(uint64_t seconds, struct rtc_raw *raw)
{
    uint64_t days = seconds / 86400;
    int rest = (int)(seconds % 86400), year = 1970, month = 1;
    uint8_t b = raw->status_b;

    while (days >= (is_leap(year) ? 366u : 365u)) {
        days -= is_leap(year) ? 366 : 365;
        year++;
    }
    while (days >= (uint64_t)month_days(year, month)) {
        days -= (uint64_t)month_days(year, month);
        month++;
    }
    raw->second = coded(rest % 60, b);
    raw->minute = coded(rest / 60 % 60, b);
    raw->hour = coded_hour(rest / 3600, b);
    raw->day = coded((int)days + 1, b);
    raw->month = coded(month, b);
    raw->year = coded(year % 100, b);
    raw->century = coded(year / 100, b);
}

void rtc_write(struct rtc *r, const struct rtc_raw *raw)
{
    r->write(r, RTC_STATUS_B, raw->status_b | HALTED);
    r->write(r, RTC_SECONDS, raw->second);
    r->write(r, RTC_MINUTES, raw->minute);
    r->write(r, RTC_HOURS, raw->hour);
    r->write(r, RTC_DAY, raw->day);
    r->write(r, RTC_MONTH, raw->month);
    r->write(r, RTC_YEAR, raw->year);
    r->write(r, RTC_CENTURY, raw->century);
    r->write(r, RTC_STATUS_B, raw->status_b & ~HALTED);
}
