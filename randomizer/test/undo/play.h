// SPDX-License-Identifier: MIT
// Between the harness, compiled without the pass, and a program that is compiled with it.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The program: changes its state (everything in the section `state`, and the heap) as the seed says.
void program_run(uint32_t seed);

// A heap whose own records are state, too. What is freed stays apart until the commit.
void *play_alloc(size_t bytes) __attribute__((malloc));
void play_free(void *memory);
void play_heap_commit(void);
// Lies in memory that is given out: what is free holds no state.
bool play_holds(const uint8_t *address);
extern uint8_t play_arena[1 << 18];
