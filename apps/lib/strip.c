// SPDX-License-Identifier: MIT
#include "apps/lib/strip.h"
#include "interfaces/rs.types.h"

static char letter(uint8_t cell)
{
    switch (cell) {
    case 0: return '.';
    case RS_CODE: return 'c';
    case RS_CONSTANTS: return 'k';
    case RS_DATA: return 'd';
    case RS_STACK: return 's';
    case RS_HEAP: return 'h';
    default: return '#';
    }
}

void strip_text(char *to, const uint8_t *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = letter(cells[i]);
    }
    to[count] = 0;
}
