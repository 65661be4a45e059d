// SPDX-License-Identifier: MIT
// From an address to the record of the slab or large object it lies in: a hash table over granules.
//
// Open addressing with linear probing, never more than half full, no tombstones: removal shifts the
// followers back. It starts as a static table, because most services stay small.
#include "lib/rt/heap_internal.h"

struct entry {
    uint64_t granule; // 0: empty; the lowest granule is never mapped
    struct record *record;
};

enum { FIRST_SLOTS = 256 };

static struct entry first_table[FIRST_SLOTS];
static struct entry *table = first_table;
static size_t slots = FIRST_SLOTS;
static size_t used;

static size_t home(uint64_t granule)
{
    return (size_t)((granule * 0x9e3779b97f4a7c15) >> 32) & (slots - 1);
}

static void enter(uint64_t granule, struct record *record)
{
    size_t at = home(granule);
    while (table[at].granule != 0) {
        at = (at + 1) & (slots - 1);
    }
    table[at].granule = granule;
    table[at].record = record;
    used++;
}

static bool grow(size_t wanted)
{
    size_t fresh_slots = slots;
    while (fresh_slots < wanted) {
        fresh_slots *= 2;
    }
    struct entry *fresh = record_alloc(fresh_slots * sizeof(*fresh));
    if (!fresh) {
        return false;
    }
    __builtin_memset(fresh, 0, fresh_slots * sizeof(*fresh));
    struct entry *old = table;
    size_t old_slots = slots;
    table = fresh;
    slots = fresh_slots;
    used = 0;
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i].granule != 0) {
            enter(old[i].granule, old[i].record);
        }
    }
    if (old != first_table) {
        record_free(old, old_slots * sizeof(*old));
    }
    return true;
}

static uint64_t first_granule(const struct record *record)
{
    return record->start >> GRANULE_SHIFT;
}

static uint64_t granules(const struct record *record)
{
    return (record->bytes + GRANULE - 1) >> GRANULE_SHIFT;
}

bool table_add(struct record *record)
{
    uint64_t count = granules(record);
    if ((used + count) * 2 > slots && !grow((used + count) * 2)) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        enter(first_granule(record) + i, record);
    }
    return true;
}

static size_t locate(uint64_t granule)
{
    size_t at = home(granule);
    while (table[at].granule != 0 && table[at].granule != granule) {
        at = (at + 1) & (slots - 1);
    }
    return at;
}

static void remove_one(uint64_t granule)
{
    size_t hole = locate(granule);
    rt_assert(table[hole].granule == granule);
    used--;
    size_t at = hole;
    while (table[at = (at + 1) & (slots - 1)].granule != 0) {
        size_t distance = (at - home(table[at].granule)) & (slots - 1);
        if (distance >= ((at - hole) & (slots - 1))) { // it may move back into the hole
            table[hole] = table[at];
            hole = at;
        }
    }
    table[hole].granule = 0;
}

void table_remove(const struct record *record)
{
    uint64_t count = granules(record);
    for (uint64_t i = 0; i < count; i++) {
        remove_one(first_granule(record) + i);
    }
}

struct record *table_find(uint64_t address)
{
    uint64_t granule = address >> GRANULE_SHIFT;
    if (granule == 0) {
        return nullptr;
    }
    const struct entry *entry = &table[locate(granule)];
    return entry->granule == granule ? entry->record : nullptr;
}
