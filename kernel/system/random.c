// SPDX-License-Identifier: MIT
// Each refill makes a buffer of key stream, takes the next key from its start and hands out the
// rest, erasing what it hands out: who reads this memory later learns nothing about earlier output.
#include "kernel/system/random.h"

enum { KEY_WORDS = 8, BLOCK_WORDS = 16, BUFFER_BYTES = 512 };

static uint32_t key[KEY_WORDS];
static union {
    uint32_t words[BUFFER_BYTES / 4];
    uint8_t bytes[BUFFER_BYTES];
} buffer;
static size_t used = BUFFER_BYTES; // bytes of the buffer that are gone
static bool fixed_seed;

static uint32_t rotate(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static void quarter(uint32_t *s, int a, int b, int c, int d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

static void block(uint32_t out[BLOCK_WORDS], uint32_t counter)
{
    uint32_t in[BLOCK_WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (int i = 0; i < KEY_WORDS; i++) {
        in[4 + i] = key[i];
    }
    in[12] = counter; // the nonce stays 0: no key makes more than one buffer
    for (int i = 0; i < BLOCK_WORDS; i++) {
        out[i] = in[i];
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++) {
            quarter(out, i, 4 + i, 8 + i, 12 + i);
        }
        for (int i = 0; i < 4; i++) {
            quarter(out, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
        }
    }
    for (int i = 0; i < BLOCK_WORDS; i++) {
        out[i] += in[i];
    }
}

static void refill(void)
{
    for (uint32_t i = 0; i < BUFFER_BYTES / 64; i++) {
        block(&buffer.words[i * BLOCK_WORDS], i);
    }
    for (int i = 0; i < KEY_WORDS; i++) {
        key[i] = buffer.words[i];
        buffer.words[i] = 0;
    }
    used = sizeof(key);
}

void random_bytes(void *to, size_t bytes)
{
    uint8_t *out = to;
    for (size_t i = 0; i < bytes; i++) {
        if (used == BUFFER_BYTES) {
            refill();
        }
        out[i] = buffer.bytes[used];
        buffer.bytes[used++] = 0;
    }
}

uint64_t random_u64(void)
{
    uint64_t x = 0;
    used = (used + 7) & ~(size_t)7;
    if (used == BUFFER_BYTES) {
        refill();
    }
    for (int i = 0; i < 2; i++) {
        uint32_t *w = &buffer.words[used / 4];
        x = x << 32 | *w;
        *w = 0;
        used += 4;
    }
    return x;
}

uint64_t random_below(uint64_t limit)
{
    // 128-bit multiplication; the bias is below limit / 2^64.
    return (uint64_t)((unsigned __int128)random_u64() * limit >> 64);
}

// The input is folded into the key, then a refill stirs it through the cipher.
static void mix(const uint8_t *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        size_t at = i % sizeof(key);
        if (i != 0 && at == 0) {
            refill();
        }
        key[at / 4] ^= (uint32_t)from[i] << 8 * (at % 4);
    }
    refill();
}

void random_add(const void *from, size_t bytes)
{
    if (!fixed_seed) {
        mix(from, bytes);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The text after `seed=` at the start of a word, NULL if there is none.
static const char *find_seed(const char *s)
{
    static const char name[] = "seed=";
    for (bool start = true; *s != 0; start = *s++ == ' ') {
        size_t n = 0;
        while (start && n < sizeof(name) - 1 && s[n] == name[n]) {
            n++;
        }
        if (n == sizeof(name) - 1) {
            return s + n;
        }
    }
    return NULL;
}

void random_start(const char *cmdline)
{
    uint8_t seed[64] = {0};
    const char *hex = find_seed(cmdline);
    for (int i = 0; i < KEY_WORDS; i++) {
        key[i] = 0;
    }
    fixed_seed = hex != NULL;
    if (fixed_seed) {
        for (size_t i = 0; i < 2 * sizeof(seed) && hex_digit(hex[i]) >= 0; i++) {
            seed[i / 2] |= (uint8_t)(hex_digit(hex[i]) << (i % 2 == 0 ? 4 : 0));
        }
    } else {
        arch_entropy(seed, sizeof(seed));
    }
    mix(seed, sizeof(seed));
}
