// SPDX-License-Identifier: MIT
// ChaCha20 with the four columns of the state in one SSE register each: linking a newborn draws a
// word for each object, and the plain form would take twice the instructions.
#include "randomizer/linker/chacha.h"

// Four words. Vectors exist only as typedefs.
typedef uint32_t row __attribute__((vector_size(16)));

enum { DOUBLE_ROUNDS = 10 };

static inline row rotate(row x, int bits)
{
    return x << bits | x >> (32 - bits);
}

static inline void quarter_rounds(row *a, row *b, row *c, row *d)
{
    *a += *b;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 12);
    *a += *b;
    *d = rotate(*d ^ *a, 8);
    *c += *d;
    *b = rotate(*b ^ *c, 7);
}

void chacha_block(uint32_t out[CHACHA_WORDS], const uint32_t key[8], uint32_t counter,
                  const uint32_t nonce[3])
{
    const row a0 = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; // "expand 32-byte k"
    const row b0 = {key[0], key[1], key[2], key[3]};
    const row c0 = {key[4], key[5], key[6], key[7]};
    const row d0 = {counter, nonce[0], nonce[1], nonce[2]};
    row a = a0, b = b0, c = c0, d = d0;

    for (int i = 0; i < DOUBLE_ROUNDS; i++) {
        quarter_rounds(&a, &b, &c, &d);
        // Turn the rows so that the diagonals stand as columns, and back afterwards.
        b = __builtin_shufflevector(b, b, 1, 2, 3, 0);
        c = __builtin_shufflevector(c, c, 2, 3, 0, 1);
        d = __builtin_shufflevector(d, d, 3, 0, 1, 2);
        quarter_rounds(&a, &b, &c, &d);
        b = __builtin_shufflevector(b, b, 3, 0, 1, 2);
        c = __builtin_shufflevector(c, c, 2, 3, 0, 1);
        d = __builtin_shufflevector(d, d, 1, 2, 3, 0);
    }
    const row rows[4] = {a + a0, b + b0, c + c0, d + d0};
    __builtin_memcpy(out, rows, sizeof(rows));
}

void chacha_start(struct chacha *c, const uint8_t key[CHACHA_KEY_BYTES], uint32_t stream)
{
    for (int i = 0; i < 8; i++) {
        const uint8_t *k = key + 4 * i;
        c->key[i] = k[0] | (uint32_t)k[1] << 8 | (uint32_t)k[2] << 16 | (uint32_t)k[3] << 24;
    }
    c->counter = 0;
    c->stream = stream;
    c->used = CHACHA_WORDS;
}

uint32_t chacha_word(struct chacha *c)
{
    if (c->used == CHACHA_WORDS) {
        const uint32_t nonce[3] = {c->stream, 0, 0};
        chacha_block(c->block, c->key, c->counter++, nonce);
        c->used = 0;
    }
    return c->block[c->used++];
}

uint64_t chacha_word64(struct chacha *c)
{
    uint64_t low = chacha_word(c);
    return low | (uint64_t)chacha_word(c) << 32;
}

uint64_t chacha_below(struct chacha *c, uint64_t n)
{
    return (uint64_t)((unsigned __int128)chacha_word64(c) * n >> 64);
}
