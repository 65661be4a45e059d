// SPDX-License-Identifier: MIT
// What is in a checkpoint, and how both sides find their way in it.
//
// A checkpoint has an address space of its own, where everything that pointers can lead to (the
// sections of the module, mappings, heap objects) has one place after the other, from `key` on. A
// pointer is written as its target's place plus the offset in it: so it says which object it leads
// to and where, and nothing of where that was. Places are not stored: both sides count them out of
// the sizes, in the same order. `key` is drawn so that no canonical address and none of the numbers
// that are written as they are lies in that space.
//
//     header (checkpoint.h), struct checkpoint_body
//     uint32_t type[types]                      section of each `new(T)`, by the heap's type id
//     struct checkpoint_mapping[mappings]       their contents are not part of it
//     struct named[names]                       handles that the manifest gave
//     struct checkpoint_object[objects]
//     contents of data sections, of objects     in the order of their places
//
// Each of these begins at a multiple of 8.
#pragma once
#include "randomizer/mover/checkpoint.h"
#include "randomizer/mover/internal.h"

struct checkpoint_body {
    uint64_t key;
    uint64_t clock_ns; // when it was written, ns since that boot
    uint32_t sections, types, mappings, names, objects, zero;
};

struct checkpoint_mapping {
    uint64_t bytes;
    uint32_t prot, kind; // enum rt_map_kind
};

struct checkpoint_object {
    uint32_t bytes;
    uint16_t type;
    uint8_t size_class; // of its slot; OBJECT_LARGE: it has a mapping of its own
    uint8_t zero;
};
enum { OBJECT_LARGE = 0xff };

// Names of handles in a checkpoint: kind << 24 | index.
enum { NAME_FIXED = 1, NAME_MANIFEST = 2, NAME_KIND_SHIFT = 24 };
struct named {
    char name[sizeof(((struct named_handle *)nullptr)->name)];
};
// In work: of the checkpoint that is written or read.
struct checkpoint_names {
    const struct named *name;
    uint32_t names;
};

enum : uint64_t {
    SAVE_KEY = 0x4000ull << 48, // from here on, below KEY + 2^47: no address of anybody's
    SAVE_KEY_MASK = (1ull << 47) - (1 << 12),
    SAVE_SPACE_MAX = 1ull << 46,
};

// One place after the other; one past an object's end is no other object's.
static inline uint64_t save_place(uint64_t *cursor, uint64_t bytes)
{
    uint64_t place = *cursor;
    *cursor += (bytes + 16) & ~15ull;
    return place;
}

static inline uint64_t save_room(uint64_t bytes)
{
    return (bytes + 7) & ~7ull;
}
