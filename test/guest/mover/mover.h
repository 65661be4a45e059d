// SPDX-License-Identifier: MIT
// What the parts of the mover test share.
#pragma once
#include "interfaces/hoard.client.h"
#include "interfaces/rs.client.h"

extern handle_t moved, still;
extern uint32_t number; // of the moved one
extern uint32_t wrong;  // so far

void complain(const char *what, enum status status); // counts as wrong
struct rs_service state_of(void); // of the moved one
void await_incarnation(uint32_t after);
void change(uint32_t seed, uint32_t count); // both
void compare(uint32_t round);

// checkpoints.c: how many rounds there were.
uint32_t try_checkpoints(void);
// updates.c: how many there were.
uint32_t try_updates(uint32_t rounds);
// Logs what the moved one holds, each time that this has changed.
[[noreturn]] void watch_contents(void);
// files.c
[[noreturn]] void use_files(void);
