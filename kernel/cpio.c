// SPDX-License-Identifier: MIT
#include "kernel/cpio.h"

enum { HEADER = 110, FIELD = 8, FIRST_FIELD = 6, FILE_SIZE = 6, NAME_SIZE_FIELD = 11 };

static bool same(const uint8_t *at, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (at[i] != (uint8_t)text[i]) {
            return false;
        }
    }
    return true;
}

// One of the header's numbers, 8 hexadecimal digits each.
static bool field(const uint8_t *header, int index, size_t *out)
{
    size_t x = 0;
    for (int i = 0; i < FIELD; i++) {
        uint8_t c = header[FIRST_FIELD + index * FIELD + i];
        if (c >= '0' && c <= '9') {
            x = x << 4 | (size_t)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            x = x << 4 | (size_t)((c | 0x20) - 'a' + 10);
        } else {
            return false;
        }
    }
    *out = x;
    return true;
}

static size_t round4(size_t x)
{
    return (x + 3) & ~(size_t)3;
}

bool cpio_find(const uint8_t *archive, size_t bytes, const char *name, const uint8_t **data,
               size_t *data_bytes)
{
    size_t wanted = 0;
    while (name[wanted++] != 0) {
    }
    for (size_t at = 0; bytes - at >= HEADER && at < bytes;) {
        const uint8_t *h = archive + at;
        size_t file, name_bytes;
        if (!same(h, "070701", FIRST_FIELD) || !field(h, FILE_SIZE, &file) ||
            !field(h, NAME_SIZE_FIELD, &name_bytes)) {
            return false;
        }
        size_t body = round4(HEADER + name_bytes); // 32-bit fields: no overflow
        if (body > bytes - at || file > bytes - at - body) {
            return false;
        }
        if (name_bytes == wanted && same(h + HEADER, name, wanted)) {
            *data = h + body;
            *data_bytes = file;
            return true;
        }
        size_t step = round4(body + file);
        if (step > bytes - at) {
            return false;
        }
        at += step;
    }
    return false;
}
