// SPDX-License-Identifier: MIT
// The battery-backed clock of a PC (MC146818 and successors): one second fine, kept in UTC here.
#pragma once
#include "kernel/abi/handle.h"
#include "kernel/abi/status.h"
#include <stdint.h>

enum { RTC_SECONDS = 0x00, RTC_MINUTES = 0x02, RTC_HOURS = 0x04, RTC_DAY = 0x07, RTC_MONTH = 0x08,
       RTC_YEAR = 0x09, RTC_STATUS_A = 0x0a, RTC_STATUS_B = 0x0b, RTC_CENTURY = 0x32 };

struct rtc {
    uint8_t (*read)(struct rtc *, uint8_t reg);
    void (*write)(struct rtc *, uint8_t reg, uint8_t value);
    handle_t ports; // for read and write
};

// The registers as they stand there.
struct rtc_raw {
    uint8_t second, minute, hour, day, month, year, century, status_b;
};

// Reads all registers of one instant. ERR_IO: the clock does not come to rest.
[[nodiscard]] enum status rtc_read(struct rtc *r, struct rtc_raw *out);
// Seconds since 1970-01-01 00:00:00. ERR_IO: this is no date (empty battery).
[[nodiscard]] enum status rtc_decode(const struct rtc_raw *raw, uint64_t *seconds);
// The other way, in the format (BCD or binary, 12 or 24 hours) that raw->status_b asks for.
void rtc_encode(uint64_t seconds, struct rtc_raw *raw);
// Sets the clock.
void rtc_write(struct rtc *r, const struct rtc_raw *raw);
