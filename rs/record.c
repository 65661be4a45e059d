// SPDX-License-Identifier: MIT
#include "rs/record.h"
#include "lib/rt/heap.h"
#include "rs/boots.h"

static struct rs_death *ring;
static uint64_t newest;
static uint64_t unkept; // places in the ring: changed since they were written; see boots.h
static_assert(RS_RECORDS_KEPT <= 64);

const char *records_init(void)
{
    ring = new_array(struct rs_death, RS_RECORDS_KEPT);
    newest = 0;
    unkept = 0;
    return ring ? nullptr : "no memory for death records";
}

void record_changed(const struct rs_death *d)
{
    unkept |= 1ull << (d - ring);
    boots_keep_soon();
}

void records_keep(struct kept *k)
{
    for (; unkept != 0; unkept &= unkept - 1) {
        const struct rs_death *d = &ring[__builtin_ctzll(unkept)];
        if (d->sequence + kept_room(KEPT_DEATHS) > newest) { // or its place is a newer one's
            kept_put(k, KEPT_DEATHS, d);
        }
    }
}

struct rs_death *record_new(void)
{
    struct rs_death *d = &ring[++newest % RS_RECORDS_KEPT];
    *d = (struct rs_death){.sequence = newest};
    return d;
}

struct rs_death *record_find(uint64_t sequence)
{
    struct rs_death *d = &ring[sequence % RS_RECORDS_KEPT];
    return sequence != 0 && d->sequence == sequence ? d : nullptr;
}

struct rs_death *record_of(uint32_t number, uint32_t age)
{
    for (uint64_t sequence = newest; sequence > 0; sequence--) {
        struct rs_death *d = record_find(sequence);
        if (d == nullptr) {
            break; // older ones are not kept
        }
        if ((number == 0 || d->service == number) && age-- == 0) {
            return d;
        }
    }
    return nullptr;
}
