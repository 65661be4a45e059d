// SPDX-License-Identifier: MIT
// The block request ring: layout shared by a client and a block driver.
//
// The client makes one Memory object that holds struct block_ring, and up to BLOCK_BUFFERS more for
// the data. An entry belongs to the client while it is FREE or DONE and to the driver while it is
// SUBMITTED. Everything the driver must know to run a request again after its rebirth stands in the
// entry; nothing is kept elsewhere. Two requests under way at the same time have no order: whoever
// needs one (overlapping sectors, say) waits for the first before submitting the second.
//
// The ring is no part of the client's transactions: what is stored here stays, although the client
// that stored it may have died and its heir know nothing of it. So each request has a number of its
// own. By it an heir tells what its predecessor has submitted, and a completion from an old one.
//
// The driver takes what it reads here for an allegation: each field is read once and checked.
#pragma once
#include "interfaces/block.types.h"
#include <stdatomic.h>
#include <stdint.h>

#define BLOCK_RING_MAGIC 0x474e4952u // "RING"
enum {
    BLOCK_SEGMENTS = 14,     // makes an entry 256 bytes
    BLOCK_WORDS = 4,         // 64-bit words in a bitmap of all entries
};

enum block_op { BLOCK_READ = 0, BLOCK_WRITE = 1, BLOCK_FLUSH = 2 };
enum block_state { BLOCK_FREE = 0, BLOCK_SUBMITTED = 1, BLOCK_DONE = 2 };

// A stretch of one of the session's buffers. Offset and length are multiples of BLOCK_SECTOR.
struct block_segment {
    uint32_t buffer;
    uint32_t offset; // bytes from the start of that buffer
    uint32_t bytes;
    uint32_t reserved;
};

struct block_entry {
    _Atomic uint32_t state; // enum block_state; stored last (release), loaded first (acquire)
    uint32_t op;            // enum block_op
    uint64_t sector;        // first sector, in units of BLOCK_SECTOR bytes
    uint32_t segments;      // 0 for a flush
    uint32_t status;        // enum status, valid when DONE
    uint64_t number;        // of the request, the client's: stored while FREE
    struct block_segment segment[BLOCK_SEGMENTS];
};

struct block_ring {
    uint32_t magic;
    uint32_t entries;
    uint8_t pad0[56];
    // Written by the client, taken (exchanged with 0) by the driver: entries to look at.
    _Atomic uint64_t submitted[BLOCK_WORDS];
    uint8_t pad1[160];
    struct block_entry entry[];
};

static_assert(sizeof(struct block_entry) == 256, "an entry is four cache lines");
static_assert(sizeof(struct block_ring) == 256, "entries start at a multiple of their size");
static_assert(BLOCK_ENTRIES_MAX == 64 * BLOCK_WORDS, "one bit for each entry");

// Bytes of memory for a ring, before rounding up to pages.
static inline uint64_t block_ring_bytes(uint32_t entries)
{
    return sizeof(struct block_ring) + entries * (uint64_t)sizeof(struct block_entry);
}
