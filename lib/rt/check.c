// SPDX-License-Identifier: MIT
// A service's own look at its state, for tests: see rt_on_check.
#include "lib/rt/internal.h"
#include "lib/rt/shadow.h"

static bool (*check)(char *why, size_t room); // state: heirs have it, too

RT_OWN static uint64_t life;

void state_is_served_here(void)
{
    life = rt_random64() | 1;
    rt_status->server = life;
}

void rt_on_check(bool (*fn)(char *why, size_t room))
{
    check = fn;
}

bool state_is_consistent(char *why, size_t room)
{
    return !check || check(why, room);
}

void state_check_at_commit(void)
{
    char why[128] = "";
    if (life != 0 && rt_status->server != life) {
        rt_die("another incarnation serves, too");
    }
    if (!state_is_consistent(why, sizeof(why))) {
        rt_die("the state contradicts itself: %s", why);
    }
}
