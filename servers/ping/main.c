// SPDX-License-Identifier: MIT
// Answers pings, and dies of every so-manieth, each time in another way. Arguments: every=N (100).
//
// The request it dies of is delivered again to the next incarnation, which answers it: a client
// sees a delay and a higher incarnation number, never an error.
#include "interfaces/ping.server.h"
#include "lib/rt/rt.h"
#include <stdlib.h>

enum { EVERY = 100 };

static uint64_t every = EVERY;
static uint64_t answered;

static void die_somehow(void)
{
    static void (*const ways[])(void) = {
        rt_die_null, rt_die_jump, rt_die_assert, rt_die_exit, rt_die_loop,
    };
    ways[(rt_startup->incarnation - 1) % (sizeof(ways) / sizeof(ways[0]))]();
}

static enum status do_ping(struct request *rq, uint64_t number, uint64_t *number_back,
                           uint32_t *incarnation)
{
    answered++;
    // Never of a request that somebody died of before: that would be a poisoned request.
    if (answered % every == 0 && ipc_delivery(&rq->m) == 0) {
        die_somehow();
    }
    *number_back = number;
    *incarnation = rt_startup->incarnation;
    return OK;
}

int service_main(void)
{
    static const struct ping_ops ops = {.ping = do_ping};
    static const struct rt_interface interface = {PING_PROTOCOL, ping_dispatch, &ops};
    char text[16];
    if (rt_arg("every", text, sizeof(text)) && strtoull(text, nullptr, 10) > 0) {
        every = strtoull(text, nullptr, 10);
    }
    return rt_serve(&interface, 1);
}
