// SPDX-License-Identifier: MIT
// Death records: a ring of struct rs_death, and their form for people.
#pragma once
#include "interfaces/rs.types.h"
#include <stddef.h>

// text.c: text of another domain: copied up to its zero, but never further than its array, and without what
// a terminal would obey.
#define COPY_TEXT(to, from) copy_text(to, sizeof(to), from, sizeof(from))
void copy_text(char *to, size_t to_bytes, const char *from, size_t from_bytes);

const char *records_init(void);

struct kept;
// It is complete, or more is known than before. Not for each step: a record is large, and the event
// of the death is written before the newborn runs.
void record_changed(const struct rs_death *d);
// Writes what has changed where it outlives a restart of the machine.
void records_keep(struct kept *k);

// An empty record with the next sequence number; the oldest one goes.
struct rs_death *record_new(void);
// nullptr: never was, or is not kept any more. 0 is no record.
struct rs_death *record_find(uint64_t sequence);
// The age-th last of a service, or of all with number 0; nullptr if there is none.
struct rs_death *record_of(uint32_t number, uint32_t age);

// text.c: as text for people, at most `size` bytes with a final zero. Returns the length of the
// whole text without the zero. Pure; a record with nonsense in it gives nonsense text and nothing
// worse.
size_t record_format(const struct rs_death *d, char *to, size_t size);

// "write to 0x0 (page fault)" and the like: a CPU exception in words.
void exception_text(char *to, size_t size, uint32_t vector, uint32_t error, uint64_t address);
const char *cause_text(uint32_t cause);
const char *state_text(uint32_t state);
const char *rung_text(uint32_t rung); // ", with its state" and the like
