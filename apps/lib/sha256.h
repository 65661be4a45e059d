// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4), incremental. A running state may be copied: it then goes on in two directions.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_BLOCK = 64, SHA256_HEX = 2 * SHA256_BYTES + 1 };

struct sha256 {
    uint32_t state[8];
    uint64_t bytes; // taken in so far
    uint8_t rest[SHA256_BLOCK]; // the last bytes % SHA256_BLOCK of them
};

void sha256_start(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t bytes);

// The digest of all that was added; *sha itself does not change.
void sha256_digest(const struct sha256 *sha, uint8_t digest[SHA256_BYTES]);

// The same as 64 lower-case hexadecimal digits and a zero.
void sha256_hex(const struct sha256 *sha, char hex[SHA256_HEX]);
void sha256_digest_hex(const uint8_t digest[SHA256_BYTES], char hex[SHA256_HEX]);
