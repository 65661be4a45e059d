// SPDX-License-Identifier: MIT
#include "apps/thirdparty/content.h"
#include <stdio.h>
#include <string.h>

// Long runs of one byte.
static void fill_runs(struct dice *d, uint8_t *to, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        size_t n = dice_between(d, 1, 2000);
        n = n < bytes - i ? n : bytes - i;
        memset(to + i, (int)dice_below(d, 4) * 85, n);
        i += n;
    }
}

// Nothing to be gained.
static void fill_noise(struct dice *d, uint8_t *to, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t)dice_word(d);
    }
}

// Words, the first ones much more often.
static void fill_prose(struct dice *d, uint8_t *to, size_t bytes)
{
    static const char *const words[] = {
        "the ",   "of ",     "a ",       "to ",     "is ",      "and ",     "service ", "kernel ", "that ",
        "reborn ", "memory ", "request ", "waits ",  "answer ",  "pointer ", "random ",  "address, ",
        "layout. ", "dies ",  "again ",   "client ", "heir.\n",  "port ",    "log ",     "state "};
    enum { WORDS = sizeof(words) / sizeof(words[0]) };
    for (size_t i = 0; i < bytes;) {
        const char *word = words[dice_below(d, dice_between(d, 1, WORDS))];
        for (; *word && i < bytes; word++) {
            to[i++] = (uint8_t)*word;
        }
    }
}

// Binary records with counters, small numbers and padding.
static void fill_records(struct dice *d, uint8_t *to, size_t bytes)
{
    uint32_t number = dice_below(d, 100000);
    for (size_t i = 0; i < bytes; i++) {
        size_t at = i % 24;
        number += at == 0;
        to[i] = at < 4 ? (uint8_t)(number >> 8 * at) : at < 8 ? (uint8_t)dice_below(d, 10) : at < 20 ? 0 : 0xff;
    }
}

// Parts of what came before, near or as far as a window reaches, with a little damage.
static void fill_echoes(struct dice *d, uint8_t *to, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        size_t n = dice_between(d, 3, 400), back = dice_between(d, 1, 33000);
        for (; n > 0 && i < bytes; n--, i++) {
            to[i] = back <= i && dice_below(d, 200) > 0 ? to[i - back] : (uint8_t)dice_word(d);
        }
    }
}

static void fill_letters(struct dice *d, uint8_t *to, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t)"ACGT"[dice_below(d, 4)];
    }
}

static void fill_lines(struct dice *d, uint8_t *to, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        char line[120];
        int n = snprintf(line, sizeof(line), "{\"t\":%u,\"ev\":\"%s\",\"service\":\"s%u\",\"ns\":%u}\n",
                         (unsigned)i * 1000, dice_below(d, 2) ? "birth" : "death", (unsigned)dice_below(d, 9),
                         (unsigned)dice_below(d, 1000000));
        for (int k = 0; k < n && i < bytes; k++) {
            to[i++] = (uint8_t)line[k];
        }
    }
}

void content_fill(struct dice *d, uint32_t kind, uint8_t *to, size_t bytes)
{
    static void (*const fill[])(struct dice *, uint8_t *, size_t) = {
        fill_runs, fill_noise, fill_prose, fill_records, fill_echoes, fill_letters, fill_lines};
    enum { PURE = sizeof(fill) / sizeof(fill[0]) };
    static_assert(PURE + 1 == CONTENT_KINDS);
    if (kind < PURE) {
        fill[kind](d, to, bytes);
        return;
    }
    for (size_t i = 0; i < bytes;) { // a mixture
        size_t n = dice_between(d, 100, 9000);
        n = n < bytes - i ? n : bytes - i;
        fill[dice_below(d, PURE)](d, to + i, n);
        i += n;
    }
}
