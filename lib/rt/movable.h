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
#include <stddef.h>
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

// On a variable without an initial value: what it holds means nothing from one request to the next, so
// it is not moved, and a rollback may leave in it what it likes.
#define MOVE_NEVER(name) __attribute__((section(".bss.own." #name)))

// ---- Live update ----

// An update matches globals and types of two versions by name, and their fields by name: what is new
// is zero, what is gone is dropped, numbers are widened or narrowed if they fit. For what is more
// than that, the new version says how, in a function for a type T:
//
//     static bool convert_weight(void *now, const struct move_old *old)
//     {
//         struct cell *c = now;
//         c->grams = (uint64_t)move_old_number(old, "kilograms") * 1000;
//         return true;
//     }
//     MOVE_CONVERTS(struct cell, convert_weight)
//
// It runs for each object of the type, and each global of it, when all fields that could be matched
// are filled in; those of the same name that could not be are zero. The objects around it may not be
// there yet: pointers may be stored, not followed, and nothing may be allocated. It may run several
// times for one object. false: this one cannot be converted, and the update is given up.
// Of a struct inside of another one it does not run: the outer one needs a function then.
struct move_old;
struct move_converter {
    const char *type;
    bool (*convert)(void *now, const struct move_old *old);
};
#define MOVE_CONVERTS(T, fn)                                                                       \
    [[gnu::section("samsara_converts"), gnu::used, gnu::retain]] static const struct               \
        move_converter move_converter_##fn = {#T, fn};

// What the old version had in that field of the struct (of its first element, if that is an array).
// A number, sign-extended if it was signed; 0 if there is none of that name.
int64_t move_old_number(const struct move_old *old, const char *field);
// What the pointer in that field leads to, where it is now; nullptr also if it has no counterpart.
void *move_old_pointer(const struct move_old *old, const char *field);
// The bytes as they were, *bytes of them; nullptr: there is no such field. Valid during the call.
const void *move_old_bytes(const struct move_old *old, const char *field, size_t *bytes);
