// SPDX-License-Identifier: MIT
// A module file on the host with the layout that a seed gives it.
#pragma once
#include "kernel/abi/startup.h"
#include "randomizer/linker/relocate.h"
#include <stddef.h>

struct placed {
    uint8_t *bytes; // the whole file
    size_t size;
    struct module module;
    struct plan *plan;
    struct layout_record *record; // as the bootstrap writes it
    uint64_t record_bytes;
    uint8_t *image; // the linked contents
};

// Reads, plans and links. Returns nullptr, or what is wrong. Nothing is ever freed: a tool ends
// soon.
const char *placed_open(struct placed *p, const char *path, const uint8_t seed[CHACHA_KEY_BYTES]);

// Turns p->bytes into an executable file with every section and symbol at its final address and
// all relocations done, those of the debug information too. The module must not be used afterwards.
void placed_make_absolute(struct placed *p);
