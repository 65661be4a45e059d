// SPDX-License-Identifier: MIT
// Layouts to look at.
#pragma once
#include <stddef.h>
#include <stdint.h>

// One character for each cell of enum rs_strip bits, and a final zero.
void strip_text(char *to, const uint8_t *cells, size_t count);
