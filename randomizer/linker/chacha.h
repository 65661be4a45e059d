// SPDX-License-Identifier: MIT
// Random numbers for layouts: the ChaCha20 stream cipher (RFC 8439) run as a generator.
//
// The key is the layout's seed. A stream number keeps uses apart: what is drawn for the sections
// never shifts what is drawn for the stack.
#pragma once
#include <stdint.h>

enum { CHACHA_KEY_BYTES = 32, CHACHA_WORDS = 16 };

struct chacha {
    uint32_t key[8];
    uint32_t counter, stream;
    uint32_t block[CHACHA_WORDS]; // the current 64 bytes of key stream
    uint32_t used;                // words of it already handed out
};

void chacha_start(struct chacha *c, const uint8_t key[CHACHA_KEY_BYTES], uint32_t stream);

// One block as RFC 8439 section 2.3 defines it; chacha_word() and the tests use it.
void chacha_block(uint32_t out[CHACHA_WORDS], const uint32_t key[8], uint32_t counter,
                  const uint32_t nonce[3]);

uint32_t chacha_word(struct chacha *c);
uint64_t chacha_word64(struct chacha *c);

// Uniform in 0..n-1, n > 0. The multiply-shift method: no value is off from 1/n by more than
// 2^-64, far below what any number of births could show, and it never has to draw twice.
uint64_t chacha_below(struct chacha *c, uint64_t n);
