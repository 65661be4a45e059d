// SPDX-License-Identifier: MIT
#include "apps/lib/json.h"
#include <string.h>

// Kept free for what must still come: "}]}" of an open list, line feed, zero.
enum { RESERVE = 6 };

static bool put(struct json *j, const char *text, size_t n)
{
    if (j->used + n + RESERVE > j->size) {
        j->cut = true;
        return false;
    }
    memcpy(j->to + j->used, text, n);
    j->used += n;
    return true;
}

static bool put_escaped(struct json *j, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        return put(j, (char[]){'\\', (char)c}, 2);
    }
    if (c < 0x20 || c >= 0x7f) {
        // Bytes that are no ASCII are told as if they were Latin-1: a path need not be UTF-8.
        return put(j, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
    return put(j, (char *)&c, 1);
}

static bool put_string(struct json *j, const char *s, size_t n)
{
    bool fits = put(j, "\"", 1);
    for (size_t i = 0; fits && i < n && s[i] != 0; i++) {
        fits = put_escaped(j, (unsigned char)s[i]);
    }
    return fits && put(j, "\"", 1);
}

static bool put_key(struct json *j, const char *key)
{
    bool fits = (j->first || put(j, ",", 1)) && put_string(j, key, strlen(key)) && put(j, ":", 1);
    j->first = false;
    return fits;
}

// A value that did not fit takes its key back with it.
static void settle(struct json *j, bool fits, size_t before, bool was_first)
{
    if (!fits) {
        j->used = before;
        j->first = was_first;
    }
}

void json_start(struct json *j, char *to, size_t size)
{
    *j = (struct json){.to = to, .size = size, .first = true};
    j->to[j->used++] = '{';
}

void json_text_n(struct json *j, const char *key, const char *value, size_t bytes)
{
    size_t before = j->used;
    bool was_first = j->first;
    settle(j, put_key(j, key) && put_string(j, value, bytes), before, was_first);
}

void json_text(struct json *j, const char *key, const char *value)
{
    json_text_n(j, key, value, SIZE_MAX);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits), before = j->used;
    bool was_first = j->first;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    settle(j, put_key(j, key) && put(j, digits + at, sizeof(digits) - at), before, was_first);
}

void json_bool(struct json *j, const char *key, bool value)
{
    size_t before = j->used;
    bool was_first = j->first;
    settle(j, put_key(j, key) && put(j, value ? "true" : "false", value ? 4 : 5), before, was_first);
}

void json_hex(struct json *j, const char *key, const uint8_t *bytes, size_t count)
{
    static const char hex[] = "0123456789abcdef";
    size_t before = j->used;
    bool was_first = j->first;
    bool fits = put_key(j, key) && put(j, "\"", 1);
    for (size_t i = 0; fits && i < count; i++) {
        fits = put(j, (char[]){hex[bytes[i] >> 4], hex[bytes[i] & 15]}, 2);
    }
    settle(j, fits && put(j, "\"", 1), before, was_first);
}

void json_list(struct json *j, const char *key)
{
    put_key(j, key);
    put(j, "[", 1);
    j->first = true;
}

void json_item(struct json *j)
{
    put(j, j->first ? "{" : ",{", j->first ? 1 : 2);
    j->first = true;
}

void json_item_end(struct json *j)
{
    j->to[j->used++] = '}'; // from the reserve
    j->first = false;
}

void json_list_end(struct json *j)
{
    j->to[j->used++] = ']';
    j->first = false;
}

size_t json_end(struct json *j)
{
    j->to[j->used++] = '}';
    j->to[j->used++] = '\n';
    j->to[j->used] = 0;
    return j->used;
}
