// SPDX-License-Identifier: MIT
// A disk behind a virtqueue, for host tests: physical addresses are host addresses.
#pragma once
#include "servers/drivers/virtio_blk/blk.h"

enum { DISK_SECTORS = 4096, DISK_BAD_SECTOR = 1000, DISK_STRANGE_SECTOR = 1001 };

struct fake_disk {
    uint8_t data[DISK_SECTORS * BLOCK_SECTOR];
    uint16_t seen;       // requests taken from the available ring
    uint16_t pending[256];
    uint32_t pendings;   // taken and not yet answered
    uint32_t reads, writes, flushes, resets;
    bool deaf;           // takes nothing
    uint32_t deaf_resets; // so many resets until it hears again
    bool dead;           // resets fail
    bool shortens;       // answers reads with too small a length
    bool shuffles;       // answers in random order
    uint64_t last_in, last_out; // bytes of the last request
};

extern struct fake_disk disk;

// Fills in everything of `b` that the device and its memory are.
void disk_connect(struct blk *b);
// The same disk in a fresh state, with an empty queue.
void disk_reset(struct blk *b);
// Answers everything that was submitted.
void disk_work(struct blk *b);
