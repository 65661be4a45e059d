// SPDX-License-Identifier: MIT
// The form of what outlives a restart of the machine: a few banks, one for each of the last boots, with
// its last events, death records and dead letters. Pure, on any memory of the right size.
//
// Nothing that is read here is believed. What lies in memory after a restart may be of this version
// of the supervisor or of another one, half written, overwritten in part by the firmware, or never
// have been anything. So each entry has a checksum over its content and over a number that was drawn
// for its boot: an entry of an earlier boot is none of this one. It is written with the checksum last.
#pragma once
#include "interfaces/rs.types.h"
#include <stddef.h>
#include <stdint.h>

enum kept_kind { KEPT_EVENTS, KEPT_DEATHS, KEPT_LETTERS, KEPT_KINDS };
enum {
    KEPT_BANKS = RS_BOOTS_KEPT + 1, // the boots before, and this one
    KEPT_WHY_BYTES = RS_TEXT_BYTES,
};

struct kept_bank;
// All zero: there is no such memory. Then everything below does nothing, or finds nothing.
struct kept {
    struct kept_bank *banks;
    struct kept_bank *bank; // of this boot
    uint32_t boot;          // its number; 1: nothing was found
};

// Begins the bank of a new boot, in the place of the oldest one. salt: a number that no other boot
// has. false: the memory is too small.
bool kept_begin(struct kept *k, void *memory, size_t bytes, uint64_t salt);
// For somebody else in the same boot: finds the bank that was begun last. false: there is none.
bool kept_join(struct kept *k, void *memory, size_t bytes);

// Writes an entry, in the place of an older one if it must be; once more: replaces it. `entry` is a
// struct rs_event, rs_death or rs_letter, each with its sequence number.
void kept_put(struct kept *k, enum kept_kind kind, const void *entry);
size_t kept_room(enum kept_kind kind); // so many of that kind are kept
// Why this boot ends, with a final zero; replaces what was said before.
void kept_put_why(struct kept *k, const char *why);

// Boots before this one are told by their age: 1 is the last one, up to RS_BOOTS_KEPT.
// Its number; 0: nothing is known of it.
uint32_t kept_boot(const struct kept *k, uint32_t age);
// The entry with the lowest sequence number above `after`, in `out`: texts end with a zero and can be
// shown, counts are within their arrays, everything else can be anything. false: there is none.
bool kept_next(const struct kept *k, uint32_t age, enum kept_kind kind, uint64_t after, void *out);
bool kept_why(const struct kept *k, uint32_t age, char why[KEPT_WHY_BYTES]); // false: nothing was said
