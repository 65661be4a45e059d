// SPDX-License-Identifier: MIT
// Streams of zlib, without messages (interfaces/compressor.idl says what each operation does).
#pragma once
#include "interfaces/compressor.types.h"
#include "kernel/abi/status.h"
#include <stddef.h>
#include <stdint.h>

struct compressor_settings {
    enum compressor_direction direction;
    enum compressor_container container;
    uint32_t level;
    enum compressor_strategy strategy;
};

MUST_USE enum status compressor_start(uint64_t owner, const struct compressor_settings *how, uint32_t *stream);
MUST_USE enum status compressor_duplicate(uint64_t owner, uint32_t stream, uint32_t *copy);
MUST_USE enum status compressor_end(uint64_t owner, uint32_t stream);

// One piece: in and out lie apart.
struct compressor_piece {
    const uint8_t *in;
    uint8_t *out;
    size_t in_bytes, out_room;
    enum compressor_flush flush;
    // What became of it.
    int32_t result;
    uint32_t taken, given;
};
MUST_USE enum status compressor_pass(uint64_t owner, uint32_t stream, struct compressor_piece *piece);

struct compressor_sums {
    uint64_t taken, given;
    uint32_t checksum;
};
MUST_USE enum status compressor_sums(uint64_t owner, uint32_t stream, struct compressor_sums *sums);
