// SPDX-License-Identifier: MIT
// From one version of a type to the next: fields are matched by name.
//
// What is new stays zero, what is gone is dropped, numbers are widened as their type says, or
// narrowed if they fit. Structs are gone into, their arrays element by element. A union must be the
// same in both, but may lie elsewhere. All else that differs cannot be converted; then a function
// of the new program has to say how (MOVE_CONVERTS in lib/rt/movable.h).
//
// Nothing is believed of maps that type_map_open has not accepted; of objects, anything is possible.
#pragma once
#include "randomizer/mover/type_map.h"

struct conversion {
    struct type_map from, to;
    uint32_t *pair;    // of each entry of `from`: the entry of `to`, plus 1; 0: it is gone
    uint32_t from_tail, to_tail; // the flexible array that ends them; 0: there is none
    bool same;         // the maps are equal: nothing changes, and `pair` is not there
    uint32_t misfit;   // the first entry of `from` that cannot be converted, plus 1; 0: none
};

// `pair` is room for from->entry_count numbers. True even with a misfit.
void convert_make(struct conversion *c, const struct type_map *from, const struct type_map *to,
                  uint32_t *pair);

// Bytes of the new object for an old one of so many: as many elements, or as long a tail.
uint64_t convert_bytes(const struct conversion *c, uint64_t bytes);

// Everything but pointers and handles, whose new places stay as they are. `now` is zeroed memory of
// convert_bytes(bytes). What misfits is left out. 0, or 1 + the entry of `from` whose value does not
// fit into its new field: a number that is too large, elements that are there no more and not zero.
uint32_t convert_data(const struct conversion *c, const void *old, uint64_t bytes, void *now);

// Where in the new object is what is at `offset` of the old one; -1: it is there no more. One past
// the end of the old one leads past the end of the new one. `type` is what a pointer to it points to,
// as maps name types, to tell a struct from its first field; nullptr: nobody knows.
int64_t convert_offset(const struct conversion *c, uint64_t bytes, uint64_t offset,
                       const char *type);

// The same for a pointer or handle that lies there: the place of just that field.
int64_t convert_slot(const struct conversion *c, uint64_t bytes, uint64_t offset);

// The number in a field of the root, of an element at `element`; sign-extended. 0: it is no number.
int64_t convert_number_at(const struct type_map *map, uint32_t field, const void *element);

// "struct item.value" for messages.
void convert_name(const struct conversion *c, uint32_t entry, char *text, size_t size);
