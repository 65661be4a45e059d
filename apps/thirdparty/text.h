// SPDX-License-Identifier: MIT
// Requests are texts: pieces of them put together in a buffer.
#pragma once
#include <stddef.h>

struct text {
    char *to;
    size_t size, used; // used < size: what does not fit ends the program
};

// As printf, at the end of what is there.
__attribute__((format(printf, 2, 3))) void text_add(struct text *t, const char *format, ...);
