// SPDX-License-Identifier: MIT
// Writes one JSON object into a buffer, as a line of plain ASCII. What does not fit is left out whole
// (a key with its value), and `cut` tells so.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct json {
    char *to;
    size_t size, used;
    bool first, cut;
};

// Starts an object; size >= 3.
void json_start(struct json *j, char *to, size_t size);

void json_text(struct json *j, const char *key, const char *value);
// At most `bytes` of value, ending earlier at a zero: for fixed fields from other domains.
void json_text_n(struct json *j, const char *key, const char *value, size_t bytes);
void json_number(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_hex(struct json *j, const char *key, const uint8_t *bytes, size_t count);

// Inside an object: "key":[{ … },{ … }]. json_item starts each object of the list.
void json_list(struct json *j, const char *key);
void json_item(struct json *j);
void json_item_end(struct json *j);
void json_list_end(struct json *j);

// Ends the object and the line; returns its length. The text is zero-terminated.
size_t json_end(struct json *j);
