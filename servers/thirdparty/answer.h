// SPDX-License-Identifier: MIT
// The bytes of an answer while they are put together. What does not fit is counted and left out.
#pragma once
#include <stddef.h>
#include <string.h>

struct answer {
    char *to;
    size_t room, bytes; // bytes > room: the answer is cut
};

static inline size_t answer_kept(const struct answer *a)
{
    return a->bytes < a->room ? a->bytes : a->room;
}

static inline void answer_add(struct answer *a, const void *from, size_t n)
{
    size_t at = answer_kept(a), left = a->room - at;
    memcpy(a->to + at, from, n < left ? n : left);
    a->bytes += n;
}

static inline void answer_text(struct answer *a, const char *text)
{
    answer_add(a, text, strlen(text));
}
