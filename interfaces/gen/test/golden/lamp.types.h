// SPDX-License-Identifier: MIT
// Types of the lamp interface. Made from interfaces/lamp.idl by interfaces/gen; change that file, not this one.
#pragma once
#include <stdint.h>

// Lamps: an interface that uses every word of the language, for the generator's tests.
//
// Nothing in the system speaks it.
#define LAMP_PROTOCOL 200

// Longest name.
#define LAMP_NAME_MAX 64
#define LAMP_BIG 0x10000000000ull
#define LAMP_BELOW (-5)

// What a lamp can look like.
enum lamp_colour {
    LAMP_RED = 1,
    LAMP_GREEN = 2,
    // The default.
    LAMP_BLUE = 7,
};

// One lamp's state.
struct lamp_state {
    uint64_t since;
    int32_t level;
    uint16_t flags;
    uint8_t kind;
    char letter;
};
static_assert(sizeof(struct lamp_state) == 16, "layout is protocol");

struct lamp_page {
    // Newest first.
    struct lamp_state entries[4];
    uint64_t count;
};
static_assert(sizeof(struct lamp_page) == 72, "layout is protocol");

// Message labels: protocol number << 8 | operation.
enum lamp_label {
    LAMP_LABEL_NOTHING = 0xc801,
    LAMP_LABEL_WORDS = 0xc802,
    LAMP_LABEL_WIDE = 0xc803,
    LAMP_LABEL_OPEN = 0xc804,
    LAMP_LABEL_READ = 0xc805,
    LAMP_LABEL_SWAP = 0xc806,
    LAMP_LABEL_GIVE = 0xc807,
    LAMP_LABEL_TAKE = 0xc808,
};
