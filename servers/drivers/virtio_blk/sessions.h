// SPDX-License-Identifier: MIT
// The block interface: who uses the disk, with which memory.
#pragma once
#include "interfaces/block.server.h"
#include "servers/drivers/virtio_blk/blk.h"

enum {
    BLK_DEVICE_BIT = 1u << BLOCK_SESSIONS
}; // notification bits: sessions first, then the device
enum { BLK_SESSION_BITS = BLK_DEVICE_BIT - 1 };

extern const struct block_ops blk_ops;

// `domain` is for pinning clients' buffers.
[[nodiscard]] enum status blk_sessions_init(struct blk *b, handle_t domain);

// main.c: takes completions, starts requests, keeps the time-out timer.
void blk_pump(void);
// The same after waiting for the device (or for a moment at most); pings are answered.
void blk_pump_wait(void);
