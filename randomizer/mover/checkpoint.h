// SPDX-License-Identifier: MIT
// The frame of a checkpoint: what can be checked of one without understanding it. What stands
// behind the header is the mover's affair.
#pragma once
#include <stdint.h>

#define CHECKPOINT_MAGIC 0x54504b434d534d52ull // "RMSMCKPT"
enum { CHECKPOINT_VERSION = 1 };

struct checkpoint_header {
    uint64_t magic;
    uint32_t version, reserved;
    uint64_t bytes;    // of everything, this header included; a multiple of 8
    uint64_t checksum; // of everything with 0 here
};

// Fills in the header; the last thing that is done to a checkpoint.
void checkpoint_seal(void *checkpoint, uint64_t bytes);
// Is it whole? `bytes` is how much memory may be looked at; any contents are possible. The checksum
// finds damage, not malice.
bool checkpoint_verify(const void *checkpoint, uint64_t bytes);
