// SPDX-License-Identifier: MIT
// ChaCha20 (RFC 8439) keyed from the incarnation's seed.
//
// The bootstrap draws the layout from the same seed with nonce 0; here the first block under a
// nonce of our own becomes the key, so that knowing these numbers tells nothing about the layout.
#include "lib/rt/internal.h"

enum { BLOCK_WORDS = 16, ROUNDS = 20 };

RT_OWN static uint32_t state[BLOCK_WORDS];
RT_OWN static uint8_t buffer[BLOCK_WORDS * 4];
RT_OWN static size_t buffer_used;

static uint32_t rotate(uint32_t x, int bits)
{
    return x << bits | x >> (32 - bits);
}

static void quarter_round(uint32_t *x, int a, int b, int c, int d)
{
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 7);
}

static void next_block(void)
{
    uint32_t x[BLOCK_WORDS];
    __builtin_memcpy(x, state, sizeof(x));
    for (int i = 0; i < ROUNDS; i += 2) {
        quarter_round(x, 0, 4, 8, 12);
        quarter_round(x, 1, 5, 9, 13);
        quarter_round(x, 2, 6, 10, 14);
        quarter_round(x, 3, 7, 11, 15);
        quarter_round(x, 0, 5, 10, 15);
        quarter_round(x, 1, 6, 11, 12);
        quarter_round(x, 2, 7, 8, 13);
        quarter_round(x, 3, 4, 9, 14);
    }
    for (int i = 0; i < BLOCK_WORDS; i++) {
        x[i] += state[i];
    }
    __builtin_memcpy(buffer, x, sizeof(buffer));
    buffer_used = 0;
    if (++state[12] == 0) {
        state[13]++; // 64-bit counter: RFC 8439's nonce is shorter by a word here
    }
}

void random_key(const uint8_t key[32], uint32_t nonce)
{
    static const uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    __builtin_memcpy(state, constants, sizeof(constants));
    __builtin_memcpy(state + 4, key, 32);
    state[12] = state[13] = 0;
    state[14] = nonce;
    state[15] = 0;
    buffer_used = sizeof(buffer);
}

void random_init(const uint8_t seed[32])
{
    uint8_t key[32];
    random_key(seed, 0x5254); // "RT"
    rt_random(key, sizeof(key));
    random_key(key, 0);
}

void rt_random(void *to, size_t bytes)
{
    uint8_t *out = to;
    while (bytes > 0) {
        if (buffer_used == sizeof(buffer)) {
            next_block();
        }
        size_t part = sizeof(buffer) - buffer_used;
        if (part > bytes) {
            part = bytes;
        }
        __builtin_memcpy(out, buffer + buffer_used, part);
        __builtin_memset(buffer + buffer_used, 0, part); // given out once, kept nowhere
        buffer_used += part;
        out += part;
        bytes -= part;
    }
}

uint64_t rt_random64(void)
{
    uint64_t value;
    rt_random(&value, sizeof(value));
    return value;
}

uint32_t rt_random_below(uint32_t limit)
{
    rt_assert(limit > 0);
    // Multiply-shift; the draws that would make small values likelier are drawn again.
    uint32_t unfair = -limit % limit;
    uint64_t product;
    do {
        product = (rt_random64() & 0xffffffff) * limit;
    } while ((uint32_t)product < unfair);
    return (uint32_t)(product >> 32);
}
