// SPDX-License-Identifier: MIT
// A program with every kind of data structure that a map has to get right, in one file that is
// compiled with the pass and nothing else, and what the test wants to know of it.
#pragma once
#include <stddef.h>

void program_build(unsigned seed);
unsigned program_use(void); // reads everything; the same after each call

// The heap of the program: the test's own, which keeps the type with each object.
struct object {
    char *start;
    size_t bytes;
    const void *map;
};
extern struct object objects[];
extern size_t object_count;
extern void (*const program_functions[])(void);
extern const size_t program_function_count;
