// SPDX-License-Identifier: MIT
// What the program text must say about memory that moves, where its types do not say it. The
// compiler pass type_map refuses to build what it cannot understand; these are the answers.
//
//     struct value {
//         enum value_kind kind;
//         union {
//             int64_t number MOVE_WHEN(VALUE_NUMBER);
//             struct text *text MOVE_WHEN(VALUE_TEXT) MOVE_WHEN(VALUE_NAME);
//         } u MOVE_TAG(kind);
//         uintptr_t hash MOVE_PLAIN;
//     };
#pragma once
#include <stdint.h>

#define MOVE_ANNOTATION(text) __attribute__((btf_decl_tag("samsara:" text)))

// On a field, a variable or a typedef:
#define MOVE_PLAIN   MOVE_ANNOTATION("plain")   // not an address, whatever its type says
#define MOVE_POINTER MOVE_ANNOTATION("pointer") // an address, or zero, in an integer of 64 bits
#define MOVE_SCAN    MOVE_ANNOTATION("scan")    // may hold addresses anywhere; each word is tried

// On a union that is a field: which field of the same struct says what it holds now. On an
// alternative: for which values of that field it is the one, as a number or an enumerator.
// Alternatives without pointers may go without; they hold for all other values.
#define MOVE_TAG(field)  MOVE_ANNOTATION("tag=" #field)
#define MOVE_WHEN(value) MOVE_ANNOTATION("when=" #value)

// Once in a service, at file level: the library that it is made of stores pointers at any multiple of
// `bytes` (2, 4 or 8), so untyped memory is tried there. Without it: 8, where compilers put pointers.
#define MOVE_SCAN_EVERY(bytes)                                                                     \
    static_assert((bytes) == 2 || (bytes) == 4 || (bytes) == 8);                                   \
    extern const uint32_t rt_scan_step;                                                            \
    const uint32_t rt_scan_step = (bytes)

// On a function: it makes pointers of integers, or stores pointers as such, and knows that the
// result is sound after a move.
#define MOVE_ADDRESSES MOVE_ANNOTATION("addresses")
