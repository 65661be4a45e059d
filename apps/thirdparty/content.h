// SPDX-License-Identifier: MIT
// Data of several kinds to compress, made from dice.
#pragma once
#include "apps/thirdparty/dice.h"
#include <stddef.h>

enum { CONTENT_KINDS = 8 };

void content_fill(struct dice *d, uint32_t kind, uint8_t *to, size_t bytes);
