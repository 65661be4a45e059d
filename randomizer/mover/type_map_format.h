// SPDX-License-Identifier: MIT
// How a type map lies in memory. Written by randomizer/passes/type_map.cpp, read by type_map.c; the
// words are explained in docs/decisions/0011-type-maps.md. Little-endian, no padding, C and C++.
//
// A map is header, entries, strings. The entries are the type as a tree in pre-order: entry 0 is
// the type itself, `below` counts the entries under an entry, siblings follow each other.
#pragma once
#include <stdint.h>

#define TYPE_MAP_MAGIC       0x50414d54u // "TMAP"
#define TYPE_MAP_VERSION     2
#define TYPE_GLOBAL_MAGIC    0x424f4c47u // "GLOB"
#define TYPE_MAP_FLEXIBLE    UINT32_MAX  // a count: as many as the object has room for
#define TYPE_MAP_MAX_DEPTH   24
#define TYPE_MAP_MAX_ENTRIES 65536

struct type_map_header {
    uint32_t magic;
    uint32_t version;
    uint32_t bytes; // of the whole map
    uint32_t entries;
    uint32_t string_bytes; // the last one is zero
    uint32_t zero;
    uint64_t checksum; // like FNV-1a, by words, of all before and all behind this one; equal maps, equal types
};

// The order is part of the format.
enum type_map_kind {
    TYPE_PLAIN,    // no address inside
    TYPE_POINTER,  // to data, or nothing
    TYPE_FUNCTION, // to a function, or nothing
    TYPE_HANDLE,   // handle_t: the kernel's name for an object, moved by installing it again
    TYPE_BITS,     // bit-field; aux = first bit in its first byte | width << 16
    TYPE_SCAN,     // nobody knows: each aligned word may be a pointer
    TYPE_STRUCT,   // the entries below are its fields
    TYPE_UNION,    // the entries below are alternatives
    TYPE_KINDS,
};

enum type_map_flags {
    TYPE_LIVE = 1, // it or something below is a pointer, function or handle, or to be scanned
    TYPE_TAGGED =
        2,         // union: entry number `aux`, a field of the same struct, says which alternative
    TYPE_WHEN = 4, // alternative: valid while the tag is `aux`
    TYPE_SIGNED = 8, // a number that may be negative: how it is widened
    TYPE_REAL = 16,  // a floating-point number
};

struct type_map_entry {
    uint32_t name, type; // offsets in the strings
    uint32_t offset;     // from the start of what it is part of
    uint32_t bytes;      // of one
    uint32_t count;      // of them in a row
    uint32_t below;
    uint32_t aux;
    uint8_t kind, flags;
    uint16_t zero;
};

enum type_global_flags {
    TYPE_GLOBAL_UNTYPED = 1, // no map: scan all of it
};

// One for each global that can be written, in section samsara_globals.
struct type_global {
    uint32_t magic;
    uint32_t record_bytes; // to the next record; name and padding included
    uint64_t address;      // of the global
    uint64_t map;          // address of its type's map, of which the global is one or several
    uint64_t bytes;
    uint32_t flags;
    uint32_t name_bytes; // with its final zero
    // char name[]: of a static "FILE:NAME"
};
