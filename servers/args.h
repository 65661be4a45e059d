// SPDX-License-Identifier: MIT
// Numbers in a service's manifest args. Not strtoull: a driver that is born again and again is linked
// each time, and should bring no C library along for this.
#pragma once
#include "lib/rt/rt.h"

// The value of `name=NUMBER` (decimal, or hexadecimal after 0x); `otherwise` if it is not there or is
// no number.
static inline uint64_t arg_number(const char *name, uint64_t otherwise)
{
    char text[24];
    const char *p = text;
    uint64_t value = 0, base = 10;

    if (!rt_arg(name, text, sizeof text)) {
        return otherwise;
    }
    if (p[0] == '0' && p[1] == 'x') {
        base = 16;
        p += 2;
    }
    if (*p == 0) {
        return otherwise;
    }
    for (; *p != 0; p++) {
        char lower = *p | 0x20;
        uint64_t digit = lower >= 'a' ? (uint64_t)(lower - 'a' + 10) : (uint64_t)(*p - '0');
        if (digit >= base || (lower >= 'a' && lower > 'f')) {
            return otherwise;
        }
        value = value * base + digit;
    }
    return value;
}
