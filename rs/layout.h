// SPDX-License-Identifier: MIT
// Where a service lies, coarsely enough to be looked at.
#pragma once
#include "rs/service.h"

// Fills in what the cells of both strips hold: enum strip of interfaces/rs.idl. Nothing for one that is
// not alive.
void layout_strips(const struct service *s, uint8_t window[RS_STRIP_CELLS], uint8_t space[RS_STRIP_CELLS]);
