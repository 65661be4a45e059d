// SPDX-License-Identifier: MIT
// Reading type maps: where in an object the pointers are.
//
// Nothing is believed: a map that type_map_open accepts can be walked over any object without
// reading outside either, and in a time bounded by entries x object size.
#pragma once
#include "randomizer/mover/type_map_format.h"
#include <stddef.h>

#define TYPE_MAP_ERROR(X)                                                                          \
    X(OK, "sound")                                                                                 \
    X(TRUNCATED, "shorter than it says")                                                           \
    X(NOT_A_MAP, "no magic number")                                                                \
    X(VERSION_ERROR, "another version of the format")                                              \
    X(CHECKSUM, "damaged: wrong checksum")                                                         \
    X(HEADER, "sizes in the header contradict each other")                                         \
    X(STRING, "a name outside the strings")                                                        \
    X(TREE, "entries that are no tree, or too deep")                                               \
    X(BOUNDS, "a part outside the whole")                                                          \
    X(KIND, "an entry of no known kind, or of a wrong size for its kind")                          \
    X(TAG, "a union's tag is no integer of the same struct")                                       \
    X(OBJECT, "the object is smaller than its type")                                               \
    X(TAG_VALUE, "a union's tag has a value that no alternative has")                              \
    X(STOPPED, "the visitor ended the walk")

enum type_map_error {
#define X(name, text) TYPE_MAP_##name,
    TYPE_MAP_ERROR(X)
#undef X
};
const char *type_map_error_text(enum type_map_error error);

struct type_map {
    const struct type_map_entry *entries;
    uint32_t entry_count;
    const char *strings;
    uint64_t checksum;
};

// `bytes` is what can be read at `data`, which must be aligned to 8; the map may be shorter.
[[nodiscard]] enum type_map_error type_map_open(struct type_map *map, const void *data,
                                                size_t bytes);

struct type_slot {
    uint64_t offset;         // in the object; not always a multiple of 8 (packed structs)
    enum type_map_kind kind; // TYPE_POINTER, TYPE_FUNCTION, TYPE_HANDLE (4 bytes) or TYPE_SCAN
    uint32_t entry;
};
typedef bool type_map_visit(void *context, const struct type_slot *slot); // false: end the walk

// Calls `visit` for every slot of an object of one or several elements of the map's type. What is
// left behind the last whole element has no slots. Of a tagged union only the valid alternative is
// walked. A tag that no alternative has is damage, unless all bytes of the union are zero.
[[nodiscard]] enum type_map_error type_map_walk(const struct type_map *map, const void *object,
                                                size_t bytes, type_map_visit *visit, void *context);

// Whether a field has the byte `offset` of an object of one element or, if the map ends with a flexible part, of any length.
// What none has is padding: nobody stores to it, and copies of whole structs leave there what was on some stack.
bool type_map_covers(const struct type_map *map, uint64_t offset);

// The field `name` directly below entry `parent`; 0: there is none. For fields matched by name.
uint32_t type_map_field(const struct type_map *map, uint32_t parent, const char *name);

// The record at `*at` of a section samsara_globals; steps over it. nullptr: the end if *error is
// TYPE_MAP_OK, damage otherwise.
const struct type_global *type_global_next(const void *section, size_t bytes, size_t *at,
                                           enum type_map_error *error);
const char *type_global_name(const struct type_global *global);
