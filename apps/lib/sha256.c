// SPDX-License-Identifier: MIT
// SHA-256. Sixteen rounds are written out so that the eight variables need no moving about and the
// message schedule stays in a ring of sixteen words; that is what makes it quick.
#include "apps/lib/sha256.h"
#include <string.h>

// Fractional parts of the cube roots of the first 64 primes.
static const uint32_t round_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// Fractional parts of the square roots of the first 8 primes.
static const uint32_t initial_state[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline uint32_t rotate(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

static inline uint32_t load_big_endian(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof(word));
    return __builtin_bswap32(word);
}

// The three rotations of each sum are nested, which needs fewer copies than side by side:
// rotations by 6, 11 and 25 are by 6 of (by 5 of (by 14)), and so on.
#define SUM_A(x) rotate((x) ^ rotate((x) ^ rotate(x, 9), 11), 2)
#define SUM_E(x) rotate((x) ^ rotate((x) ^ rotate(x, 14), 5), 6)
#define SPREAD_1(x) (rotate((x) ^ rotate(x, 11), 7) ^ (x) >> 3)
#define SPREAD_14(x) (rotate((x) ^ rotate(x, 2), 17) ^ (x) >> 10)

// The majority of a, b, c is b unless a and c agree against it; a ^ b is the next round's b ^ c.
#define ROUND(a, b, c, d, e, f, g, h, i)                                                             \
    do {                                                                                             \
        uint32_t ab = a ^ b;                                                                         \
        h += SUM_E(e) + (((f ^ g) & e) ^ g) + k[i] + w[i];                                           \
        d += h;                                                                                      \
        h += SUM_A(a) + ((ab & bc) ^ b);                                                             \
        bc = ab;                                                                                     \
    } while (0)

// The schedule's word i of the next sixteen, in the place of the one that is no longer needed.
#define SCHEDULE(i)                                                                                  \
    do {                                                                                             \
        uint32_t w1 = w[((i) + 1) % 16], w14 = w[((i) + 14) % 16];                                   \
        w[i] += w[((i) + 9) % 16] + SPREAD_1(w1) + SPREAD_14(w14);                                   \
    } while (0)

static void blocks(uint32_t state[8], const uint8_t *data, size_t count)
{
    for (; count > 0; count--, data += SHA256_BLOCK) {
        uint32_t w[16];
        for (int i = 0; i < 16; i++) {
            w[i] = load_big_endian(data + 4 * i);
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        uint32_t bc = b ^ c;
        for (const uint32_t *k = round_constant;; k += 16) {
            ROUND(a, b, c, d, e, f, g, h, 0);
            ROUND(h, a, b, c, d, e, f, g, 1);
            ROUND(g, h, a, b, c, d, e, f, 2);
            ROUND(f, g, h, a, b, c, d, e, 3);
            ROUND(e, f, g, h, a, b, c, d, 4);
            ROUND(d, e, f, g, h, a, b, c, 5);
            ROUND(c, d, e, f, g, h, a, b, 6);
            ROUND(b, c, d, e, f, g, h, a, 7);
            ROUND(a, b, c, d, e, f, g, h, 8);
            ROUND(h, a, b, c, d, e, f, g, 9);
            ROUND(g, h, a, b, c, d, e, f, 10);
            ROUND(f, g, h, a, b, c, d, e, 11);
            ROUND(e, f, g, h, a, b, c, d, 12);
            ROUND(d, e, f, g, h, a, b, c, 13);
            ROUND(c, d, e, f, g, h, a, b, 14);
            ROUND(b, c, d, e, f, g, h, a, 15);
            if (k == round_constant + 48) {
                break;
            }
            SCHEDULE(0);
            SCHEDULE(1);
            SCHEDULE(2);
            SCHEDULE(3);
            SCHEDULE(4);
            SCHEDULE(5);
            SCHEDULE(6);
            SCHEDULE(7);
            SCHEDULE(8);
            SCHEDULE(9);
            SCHEDULE(10);
            SCHEDULE(11);
            SCHEDULE(12);
            SCHEDULE(13);
            SCHEDULE(14);
            SCHEDULE(15);
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

void sha256_start(struct sha256 *sha)
{
    memcpy(sha->state, initial_state, sizeof(sha->state));
    sha->bytes = 0;
}

void sha256_add(struct sha256 *sha, const void *data, size_t bytes)
{
    if (bytes == 0) {
        return;
    }
    const uint8_t *p = data;
    size_t kept = sha->bytes % SHA256_BLOCK;
    sha->bytes += bytes;
    if (kept > 0) {
        size_t n = SHA256_BLOCK - kept < bytes ? SHA256_BLOCK - kept : bytes;
        memcpy(sha->rest + kept, p, n);
        p += n, bytes -= n;
        if (kept + n < SHA256_BLOCK) {
            return;
        }
        blocks(sha->state, sha->rest, 1);
    }
    blocks(sha->state, p, bytes / SHA256_BLOCK);
    memcpy(sha->rest, p + bytes / SHA256_BLOCK * SHA256_BLOCK, bytes % SHA256_BLOCK);
}

void sha256_digest(const struct sha256 *sha, uint8_t digest[SHA256_BYTES])
{
    // The end: a one bit, zeros, and the length in bits as the last eight bytes of a block.
    uint32_t state[8];
    uint8_t tail[2 * SHA256_BLOCK] = {0};
    size_t kept = sha->bytes % SHA256_BLOCK;
    size_t count = kept + 1 + 8 <= SHA256_BLOCK ? 1 : 2;
    memcpy(state, sha->state, sizeof(state));
    memcpy(tail, sha->rest, kept);
    tail[kept] = 0x80;
    uint64_t bits = __builtin_bswap64(sha->bytes * 8);
    memcpy(tail + count * SHA256_BLOCK - 8, &bits, 8);
    blocks(state, tail, count);
    for (int i = 0; i < 8; i++) {
        uint32_t word = __builtin_bswap32(state[i]);
        memcpy(digest + 4 * i, &word, 4);
    }
}

void sha256_digest_hex(const uint8_t digest[SHA256_BYTES], char hex[SHA256_HEX])
{
    for (int i = 0; i < SHA256_BYTES; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[SHA256_HEX - 1] = 0;
}

void sha256_hex(const struct sha256 *sha, char hex[SHA256_HEX])
{
    uint8_t digest[SHA256_BYTES];
    sha256_digest(sha, digest);
    sha256_digest_hex(digest, hex);
}
