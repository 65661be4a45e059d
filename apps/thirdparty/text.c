// SPDX-License-Identifier: MIT
#include "apps/thirdparty/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void text_add(struct text *t, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = vsnprintf(t->to + t->used, t->size - t->used, format, list);
    va_end(list);
    if (n < 0 || (size_t)n >= t->size - t->used) {
        abort(); // a request is longer than the interface allows: a mistake of this program
    }
    t->used += (size_t)n;
}
