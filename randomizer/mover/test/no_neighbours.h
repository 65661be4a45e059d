// SPDX-License-Identifier: MIT
// What plan.c needs of its neighbours, for tests in which it must not ask them.
#pragma once
#include "randomizer/mover/internal.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct heap heap;
struct heap_numbers heap_numbers;

uint64_t object_place(struct mover *, struct source *, uint32_t)
{
    fail();
    return 0;
}

uint64_t address_of_checkpoint(struct mover *, uint64_t)
{
    fail();
    return 0;
}

handle_t handle_saved(handle_t)
{
    fail();
    return HANDLE_NONE;
}

handle_t handle_restored(const struct mover *, handle_t)
{
    fail();
    return HANDLE_NONE;
}
