// SPDX-License-Identifier: MIT
// Between edit.c (the line) and history.c (older lines).
#pragma once
#include "apps/shell/edit.h"

// Makes `text` the line, with the cursor at its end; shows nothing.
void edit_set_line(struct editor *e, const char *text);

// One line back (-1) or forth (1) in the history.
void edit_history_step(struct editor *e, int by);

// Searching back for lines that contain a pattern: start, or the next older one if already searching.
void edit_search_start(struct editor *e);
// A key while searching; false: the search has ended and the key means what it always does.
bool edit_search_key(struct editor *e, unsigned char byte);
