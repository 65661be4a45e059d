// SPDX-License-Identifier: MIT
// The heap's typed half, for host tests: types do not matter to malloc.
#include "lib/rt/heap.h"
#include <stdlib.h>

void *rt_new(struct rt_type *type, size_t count)
{
    return calloc(count, type->bytes);
}

void *rt_new_sized(struct rt_type *, size_t bytes)
{
    return calloc(1, bytes);
}

void *rt_renew(struct rt_type *type, void *old, size_t count)
{
    return realloc(old, count * type->bytes);
}
