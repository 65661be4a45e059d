// SPDX-License-Identifier: MIT
// The moved one is updated to another version and back, while it is at work; its twin stays as it
// is. Whatever the types of the version are, they must go on being equal, and no request may fail.
#include "lib/rt/rt.h"
#include "test/guest/mover/mover.h"
#include <string.h>

enum { PATIENCE_NS = 1000000000 };

static bool runs(const struct rs_service *s, const char *module)
{
    return strncmp(s->module, module, sizeof(s->module)) == 0;
}

// Until it runs that module, has been at it for its time of probation, and nothing is under way.
static bool await_module(const char *module, uint32_t seed)
{
    uint64_t limit = rt_now_ns() + 20ull * PATIENCE_NS;
    while (rt_now_ns() < limit) {
        struct rs_service s = state_of();
        if (runs(&s, module) && !s.on_trial && s.state == RS_READY) {
            return true;
        }
        change(seed++, 10); // it is at work meanwhile
    }
    return false;
}

static void order(const char *module)
{
    enum status status = rs_update(H_RS, number, module, strlen(module));
    if (status != OK) {
        complain(module, status);
    }
}

static void update(const char *module, uint32_t seed)
{
    uint32_t moves = state_of().moves;
    order(module);
    if (!await_module(module, seed) || state_of().moves == moves) {
        complain("it does not run", OK);
    }
    compare(seed);
    change(seed + 1, 200);
    compare(seed + 1);
}

// A version that cannot be lived with: the old one comes back.
static void try(const char *module, uint32_t seed)
{
    uint32_t incarnation = state_of().incarnation;
    order(module);
    uint64_t limit = rt_now_ns() + 20ull * PATIENCE_NS;
    while (state_of().incarnation < incarnation + 2 && rt_now_ns() < limit) {
        change(seed++, 10);
    }
    if (!await_module("hoard", seed) || state_of().incarnation < incarnation + 2) {
        complain(module, ERR_STATE);
    }
    compare(seed);
    change(seed + 1, 200);
    compare(seed + 1);
}

static void move(uint32_t seed)
{
    uint32_t incarnation = state_of().incarnation;
    enum status status = rs_move(H_RS, number);
    if (status != OK) {
        complain("moving", status);
    }
    await_incarnation(incarnation);
    compare(seed);
}

uint32_t try_updates(uint32_t rounds)
{
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t seed = 1000 * (round + 1);
        update("hoard_next", seed);
        move(seed + 100);
        update("hoard", seed + 200);
        update("hoard_grams", seed + 300);
        move(seed + 400);
        update("hoard", seed + 500);
        update("hoard_next", seed + 540);
        update("hoard_grams", seed + 580);
        update("hoard", seed + 620);
        try("hoard_unwell", seed + 700);
        try("hoard_other", seed + 800);
        try("hoard_renamed", seed + 900);
    }
    return rounds;
}
