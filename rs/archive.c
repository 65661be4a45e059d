// SPDX-License-Identifier: MIT
#include "rs/archive.h"
#include <string.h>

// Header of an entry: a magic and 13 numbers of 8 hexadecimal digits each; then the name with its
// zero, then the data, both padded to 4 bytes.
enum {
    MAGIC_BYTES = 6,
    HEADER_BYTES = 110,
    FIELD_SIZE = 6,       // index of the file size among the numbers
    FIELD_NAME_SIZE = 11, // and of the length of the name, zero included
};

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool number(const char *header, int field, uint32_t *out)
{
    const char *at = header + MAGIC_BYTES + 8 * field;
    uint32_t value = 0;
    for (int i = 0; i < 8; i++) {
        int d = digit(at[i]);
        if (d < 0) {
            return false;
        }
        value = value << 4 | (uint32_t)d;
    }
    *out = value;
    return true;
}

static size_t padded(size_t bytes)
{
    return (bytes + 3) & ~(size_t)3;
}

bool archive_find(const void *archive, size_t bytes, const char *name, struct archive_file *out)
{
    const char *start = archive;
    size_t at = 0, wanted = strlen(name) + 1;
    while (at <= bytes && bytes - at >= HEADER_BYTES) {
        uint32_t size, name_size;
        const char *header = start + at;
        if (memcmp(header, "070701", MAGIC_BYTES) != 0 || !number(header, FIELD_SIZE, &size) ||
            !number(header, FIELD_NAME_SIZE, &name_size)) {
            return false;
        }
        size_t data = at + padded(HEADER_BYTES + (size_t)name_size);
        if (data > bytes || size > bytes - data) {
            return false;
        }
        if (name_size == wanted && memcmp(header + HEADER_BYTES, name, wanted) == 0) {
            *out = (struct archive_file){start + data, size};
            return true;
        }
        at = data + padded(size);
    }
    return false;
}
