// SPDX-License-Identifier: MIT
// Linking on the host: module files, plans in allocated memory, and real mappings to run code in.
#pragma once
#include "randomizer/linker/relocate.h"
#include <stddef.h>

struct file {
    uint8_t *bytes; // malloc'ed with exactly `size` bytes, so that a sanitizer sees every overrun
    size_t size;
};
struct file file_read(const char *path); // ends the test program if it cannot be read

// A plan with its tables, from malloc.
struct plan *plan_new(const struct module *m);
void plan_delete(struct plan *p);

// The recipe of a module, from malloc; NULL if none can be made.
struct recipe *recipe_new(const struct module *m);

// The seed whose bytes are made from a number.
void seed_from(uint8_t seed[CHACHA_KEY_BYTES], uint64_t number);

// A module linked at its planned addresses in this very process.
struct body {
    struct file file;
    struct module module;
    struct plan *plan;
};
// Ends the test on failure. False if some planned place is in use by the test program itself.
bool body_make(struct body *b, const char *path, uint64_t seed_number);
void body_drop(struct body *b);
