// SPDX-License-Identifier: MIT
// The journal's blocks as they are on the disk (jbd2). All numbers are big-endian.
//
// A log is a ring of blocks. A transaction in it: revoke blocks, then descriptors, each followed by
// the blocks that it tells the places of, then one commit block. Only what the commit block ends
// counts.
#pragma once
#include <stdint.h>

typedef uint32_t be32;
typedef uint16_t be16;

static inline uint32_t from_be32(be32 n)
{
    return __builtin_bswap32(n);
}
static inline be32 to_be32(uint32_t n)
{
    return __builtin_bswap32(n);
}
static inline uint16_t from_be16(be16 n)
{
    return __builtin_bswap16(n);
}
static inline be16 to_be16(uint16_t n)
{
    return __builtin_bswap16(n);
}

#define LOG_MAGIC 0xc03b3998u

enum log_type { LOG_DESCRIPTOR = 1, LOG_COMMIT, LOG_SUPER_1, LOG_SUPER_2, LOG_REVOKE };

// Features of the log.
enum {
    LOG_COMPAT_CHECKSUM = 1, // a checksum of the whole transaction; not made, not checked
    LOG_REVOKES = 1,
    LOG_64BIT = 2,
    LOG_CSUM_V2 = 8, // checksums of 16 bits in the tags
    LOG_CSUM_V3 = 16,
    LOG_KNOWN = LOG_REVOKES | LOG_64BIT | LOG_CSUM_V2 | LOG_CSUM_V3,
    LOG_CRC32C = 4, // type of checksum
};

enum { LOG_BLOCKS_MIN = 1024, LOG_SUPER_BYTES = 1024, LOG_UUID_BYTES = 16, LOG_TAIL_BYTES = 4 };

struct log_header {
    be32 magic, type, sequence;
};

struct log_super {
    struct log_header header;
    be32 block_bytes, length, first; // length counts this block, too
    be32 sequence, start;            // of the oldest transaction; start 0: the log is empty
    be32 error;
    be32 compat, incompat, ro_compat; // from here on only in version 2
    uint8_t uuid[LOG_UUID_BYTES];
    be32 users;
    be32 unused[3];
    uint8_t checksum_type, padding[3];
    be32 fast_blocks;
    be32 more[41];
    be32 checksum;
    uint8_t user_uuids[768];
};
static_assert(sizeof(struct log_super) == LOG_SUPER_BYTES);

// Flags of a tag.
enum { TAG_ESCAPED = 1, TAG_SAME_UUID = 2, TAG_LAST = 8 };

// A descriptor is a header and tags; the first one is followed by a UUID, and with checksums the
// block ends with its own.
struct log_tag3 { // LOG_CSUM_V3
    be32 block, flags, block_high, checksum;
};
struct log_tag { // else: block_high only with LOG_64BIT
    be32 block;
    be16 checksum, flags;
    be32 block_high;
};

// Followed by block numbers, of 8 bytes with LOG_64BIT, else 4.
struct log_revoke {
    struct log_header header;
    be32 bytes; // used of the block
};

struct log_commit {
    struct log_header header;
    uint8_t checksum_type, checksum_bytes, padding[2];
    be32 checksum[8];
    be32 seconds_high, seconds_low, nanoseconds;
};
