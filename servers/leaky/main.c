// SPDX-License-Identifier: MIT
// A leak, and a use of whatever address a client gives: planted, for ./build.sh attack. Interface: interfaces/leaky.idl.
#include "interfaces/leaky.server.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"

struct vault {
    uint64_t value;
};
struct tally {
    struct tally *next;
    uint64_t badge, sum, digest;
};

static uint64_t global_vault;
static struct vault *vault;
static struct tally *tallies;

// What no client could call but by its address.
static uint64_t unlock(uint64_t argument)
{
    return ~argument * 3;
}
static uint64_t (*const volatile planted)(uint64_t) = unlock;

MOVE_ADDRESSES static enum status do_leak(struct request *, uint32_t thing, uint64_t *address)
{
    *address = thing == LEAKY_FUNCTION ? (uint64_t)planted
             : thing == LEAKY_GLOBAL   ? (uint64_t)&global_vault
                                       : (uint64_t)&vault->value;
    return OK;
}

MOVE_ADDRESSES static enum status do_jump(struct request *, uint64_t address, uint64_t argument, uint64_t *result)
{
    uint64_t (*function)(uint64_t) = (uint64_t(*)(uint64_t))address;
    *result = function(argument);
    return OK;
}

MOVE_ADDRESSES static enum status do_store(struct request *, uint64_t address, uint64_t value)
{
    *(uint64_t *)address = value;
    return OK;
}

static enum status do_look(struct request *, uint32_t thing, uint64_t *value)
{
    *value = thing == LEAKY_GLOBAL ? global_vault : vault->value;
    return OK;
}

static struct tally *tally_of(uint64_t badge)
{
    struct tally *t = tallies;
    while (t && t->badge != badge) {
        t = t->next;
    }
    if (!t) {
        t = new(struct tally);
        if (t) {
            *t = (struct tally){.next = tallies, .badge = badge};
            tallies = t;
        }
    }
    return t;
}

static enum status do_add(struct request *rq, uint64_t number, uint64_t *sum, uint64_t *digest)
{
    struct tally *t = tally_of(rq->m.badge);
    if (!t) {
        return ERR_QUOTA;
    }
    *sum = t->sum += number;
    *digest = t->digest = (t->digest ^ number) * 0x100000001b3;
    return OK;
}

int service_main(void)
{
    static const struct leaky_ops ops = {
        .leak = do_leak, .jump = do_jump, .store = do_store, .look = do_look, .add = do_add};
    static const struct rt_interface interface = {LEAKY_PROTOCOL, leaky_dispatch, &ops};
    vault = new(struct vault);
    if (!vault) {
        return 1;
    }
    return rt_serve(&interface, 1);
}
