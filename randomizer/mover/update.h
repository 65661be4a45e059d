// SPDX-License-Identifier: MIT
// What the files of an update share.
#pragma once
#include "randomizer/mover/convert.h"
#include "randomizer/mover/internal.h"
#include "randomizer/mover/match.h"

// A section of the old version, by its index there.
struct counterpart {
    uint32_t section;                 // of the new version; 0: none
    const struct type_global *old, *now; // records, if it is a global that both have
    struct conversion *conversion;    // of that; nullptr: untyped
    const struct move_converter *function;
};

struct heap_type {
    const char *name;
    struct conversion *conversion;      // nullptr: it has no map, and is scanned
    const struct move_converter *function;
    bool gone;
};

struct record_of {
    const struct type_global *global;
    uint32_t section;
};

struct updating {
    struct version old, now;
    struct record_of *records; // of the new version
    uint32_t record_count;
    struct counterpart *parts;
    struct heap_type types[HEAP_TYPES];
    uint32_t type_count;
};

// Something that is copied from the old version to the new one.
struct update_object {
    struct mover *m;
    const struct conversion *conversion;
    const struct move_converter *function; // nullptr: there is none
    const uint8_t *old;
    uint8_t *now;
    uint64_t bytes, now_bytes;
    const char *name;
};

// update_contents.c
// Copies it, converted where its type has changed; m->error tells of what cannot be converted.
void update_convert(struct update_object *o);
// Untyped memory: words that are addresses of the old version become those of the new one. name: for an error's text.
void update_scan(struct mover *m, const uint64_t *old, uint64_t *now, uint64_t bytes, const char *name);
