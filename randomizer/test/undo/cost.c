// SPDX-License-Identifier: MIT
// Computing, to be counted by callgrind with and without the pass: a sort, a word count over a hash
// table, SHA-256, a byte-code interpreter, a matrix. All of it compiled with the pass.
#include "randomizer/test/undo/cost.h"
#include <string.h>

enum { NUMBERS = 20000, WORDS = 4096, TEXT = 200000, SIDE = 96 };

static uint32_t numbers[NUMBERS];
static uint8_t text[TEXT];
static struct word {
    uint64_t hash;
    uint32_t count;
} words[WORDS];
static double left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];

static uint32_t seed;

static uint32_t next(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static void sift(uint32_t *heap, uint32_t at, uint32_t count)
{
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1] > heap[child];
        if (heap[at] >= heap[child]) {
            return;
        }
        uint32_t other = heap[at];
        heap[at] = heap[child];
        heap[child] = other;
    }
}

uint64_t cost_sort(void)
{
    for (uint32_t n = 0; n < NUMBERS; n++) {
        numbers[n] = next();
    }
    for (uint32_t n = NUMBERS / 2; n-- > 0;) {
        sift(numbers, n, NUMBERS);
    }
    for (uint32_t n = NUMBERS; n-- > 1;) {
        uint32_t top = numbers[0];
        numbers[0] = numbers[n];
        numbers[n] = top;
        sift(numbers, 0, n);
    }
    return numbers[NUMBERS / 2];
}

uint64_t cost_words(void)
{
    for (uint32_t n = 0; n < TEXT; n++) {
        text[n] = next() % 6 ? (uint8_t)('a' + next() % 4) : ' ';
    }
    uint64_t hash = 0, distinct = 0;
    for (uint32_t n = 0; n < TEXT; n++) {
        if (text[n] != ' ') {
            hash = hash * 31 + text[n];
            continue;
        }
        struct word *w = &words[hash % WORDS];
        while (w->hash && w->hash != hash) {
            w = w + 1 < words + WORDS ? w + 1 : words;
        }
        distinct += !w->hash && distinct < WORDS / 2;
        if (w->hash == hash || distinct < WORDS / 2) {
            w->hash = hash;
            w->count++;
        }
        hash = 0;
    }
    return distinct;
}

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

uint64_t cost_hash(void)
{
    uint32_t state[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (uint32_t block = 0; block + 64 <= TEXT; block += 64) {
        uint32_t w[64], s[8];
        memcpy(w, text + block, 64);
        memcpy(s, state, sizeof(s));
        for (int i = 16; i < 64; i++) {
            w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18)) + w[i - 7] +
                   rotate(w[i - 2], 17);
        }
        for (int i = 0; i < 64; i++) {
            uint32_t t = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11)) + (s[4] & s[5]) + w[i];
            memmove(s + 1, s, 7 * sizeof(*s));
            s[4] += t;
            s[0] = t + (rotate(s[1], 2) ^ (s[1] & s[2]));
        }
        for (int i = 0; i < 8; i++) {
            state[i] += s[i];
        }
    }
    return state[0];
}

static struct machine {
    uint64_t stack[64];
    uint32_t top, pc;
    uint64_t turns;
} machine;

uint64_t cost_interpreter(void)
{
    static const uint8_t code[] = {0, 1, 0, 3, 2, 1, 3, 4};
    struct machine *m = &machine;
    m->top = 1;
    for (m->turns = 0; m->turns < 60000; m->turns++) {
        switch (code[m->pc++ % sizeof(code)]) {
        case 0: m->stack[m->top++ % 64] = m->turns; break;
        case 1: m->stack[m->top % 64] += m->stack[(m->top - 1) % 64]; break;
        case 2: m->top--; break;
        case 3: m->stack[0] ^= m->stack[m->top % 64] << 1; break;
        default: m->pc += m->stack[0] & 1;
        }
    }
    return m->stack[0];
}

uint64_t cost_matrix(void)
{
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            left[y][x] = x ^ y;
            right[y][x] = x + y;
        }
    }
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            double sum = 0;
            for (int n = 0; n < SIDE; n++) {
                sum += left[y][n] * right[n][x];
            }
            product[y][x] = sum;
        }
    }
    return (uint64_t)product[3][5];
}
