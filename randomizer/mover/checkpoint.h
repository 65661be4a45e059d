// SPDX-License-Identifier: MIT
// The frame of a checkpoint: what can be checked of one without understanding it. What stands
// behind the header is the mover's affair (save.h).
#pragma once
#include <stdint.h>

#define CHECKPOINT_MAGIC   0x54504b434d534d52ull // "RMSMCKPT"
#define CHECKPOINT_REFUSED 0x53464552434d534dull // no checkpoint, but a text that says why
enum { CHECKPOINT_VERSION = 1, CHECKPOINT_REASON = 128 };

struct checkpoint_header {
    uint64_t magic;
    uint32_t version, reserved;
    uint64_t bytes;    // of everything, this header included; a multiple of 8
    uint64_t checksum; // of everything with 0 here
    uint64_t program;  // whose state it is: checkpoint_program of its module
};

// What the supervisor leaves at the beginning of the memory when it asks for a checkpoint: where in
// it the layout record of the service is. All of it is overwritten.
#define CHECKPOINT_ORDER 0x5245445243504b43ull
struct checkpoint_order {
    uint64_t magic;
    uint64_t layout, layout_bytes; // offset and size
};

// What the service leaves there instead when it does not write one.
struct checkpoint_refusal {
    uint64_t magic; // CHECKPOINT_REFUSED
    char reason[CHECKPOINT_REASON];
};

// Identifies a program by its module file: types, sections, code. `module` is aligned to 8.
uint64_t checkpoint_program(const void *module, uint64_t bytes);
// Fills in the header; the last thing that is done to a checkpoint.
void checkpoint_seal(void *checkpoint, uint64_t bytes, uint64_t program);
// Is it whole? `bytes` is how much memory may be looked at; any contents are possible. The checksum
// finds damage, not malice.
bool checkpoint_verify(const void *checkpoint, uint64_t bytes);
