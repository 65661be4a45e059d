// SPDX-License-Identifier: MIT
// From an address to the record of the slab or large object it lies in: a hash table over granules.
//
// Open addressing with linear probing, never more than half full, no tombstones: removal shifts the
// followers back. It starts as a static table, because most services stay small.
#include "lib/rt/heap_internal.h"

void table_init(void)
{
    heap.table = heap.first_table;
    heap.table_slots = HEAP_FIRST_SLOTS;
}

static size_t home(uint64_t granule)
{
    return (size_t)((granule * 0x9e3779b97f4a7c15) >> 32) & (heap.table_slots - 1);
}

static void enter(uint64_t granule, struct record *record)
{
    size_t at = home(granule);
    while (heap.table[at].granule != 0) {
        at = (at + 1) & (heap.table_slots - 1);
    }
    heap.table[at].granule = granule;
    heap.table[at].record = record;
    heap.table_used++;
}

static bool grow(size_t wanted)
{
    size_t fresh_slots = heap.table_slots;
    while (fresh_slots < wanted) {
        fresh_slots *= 2;
    }
    struct heap_entry *fresh = record_alloc(fresh_slots * sizeof(*fresh));
    if (!fresh) {
        return false;
    }
    __builtin_memset(fresh, 0, fresh_slots * sizeof(*fresh));
    struct heap_entry *old = heap.table;
    size_t old_slots = heap.table_slots;
    heap.table = fresh;
    heap.table_slots = fresh_slots;
    heap.table_used = 0;
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i].granule != 0) {
            enter(old[i].granule, old[i].record);
        }
    }
    if (old != heap.first_table) {
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
    if ((heap.table_used + count) * 2 > heap.table_slots && !grow((heap.table_used + count) * 2)) {
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
    while (heap.table[at].granule != 0 && heap.table[at].granule != granule) {
        at = (at + 1) & (heap.table_slots - 1);
    }
    return at;
}

static void remove_one(uint64_t granule)
{
    size_t hole = locate(granule);
    rt_assert(heap.table[hole].granule == granule);
    heap.table_used--;
    size_t at = hole;
    while (heap.table[at = (at + 1) & (heap.table_slots - 1)].granule != 0) {
        size_t distance = (at - home(heap.table[at].granule)) & (heap.table_slots - 1);
        if (distance >= ((at - hole) & (heap.table_slots - 1))) { // it may move back into the hole
            heap.table[hole] = heap.table[at];
            hole = at;
        }
    }
    heap.table[hole].granule = 0;
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
    const struct heap_entry *entry = &heap.table[locate(granule)];
    return entry->granule == granule ? entry->record : nullptr;
}
