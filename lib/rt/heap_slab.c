// SPDX-License-Identifier: MIT
// Slabs: runs of equal slots for small objects.
//
// Each slab keeps its free slots in an array in no order; an allocation takes a random one out of
// it, in a random slab of its class. A further slab is opened as soon as less than a quarter of a
// slab is free in the class, so the choice never gets narrower than that while there is memory.
#include "lib/rt/heap_internal.h"
#include "lib/rt/movable.h"

enum {
    SMALL_SLAB = GRANULE,   // for slots up to SMALL_SLOT
    BIG_SLAB = 3 * GRANULE, // more would not fit where no address has a zero in its second byte: heap_pages.c
    SMALL_SLOT = 512,
    MOST_BLOCKS = 40,       // of the largest slot
};

static_assert(HEAP_LARGE <= INFO_BYTES + 1, "the length of a small object fits its record");
static_assert(HEAP_LARGE == MOST_BLOCKS * BLOCK - BLOCK_GAP, "the largest slot has a byte more than the largest object");

#define INVERSE(bytes) ((1ull << 32) / (bytes) + 1)
#define SHARED(slot)   {slot, BLOCK, BLOCK_ROOM / (slot), INVERSE(BLOCK), INVERSE(slot)}
#define WHOLE(blocks)                                                                              \
    {(blocks) * BLOCK - BLOCK_GAP, (blocks) * BLOCK, 1, INVERSE((blocks) * BLOCK),                 \
     INVERSE((blocks) * BLOCK - BLOCK_GAP)}

// Several in a block, then several blocks for one.
const struct slab_shape slab_shapes[HEAP_CLASSES] = {
    SHARED(16), SHARED(32), SHARED(48), SHARED(80), SHARED(112), SHARED(240),
    WHOLE(2),   WHOLE(3),   WHOLE(4),   WHOLE(5),   WHOLE(6),    WHOLE(7),    WHOLE(8),  WHOLE(10),
    WHOLE(12),  WHOLE(14),  WHOLE(16),  WHOLE(20),  WHOLE(24),   WHOLE(28),   WHOLE(32), WHOLE(MOST_BLOCKS),
};

int slab_class(size_t bytes)
{
    static const uint8_t of_blocks[MOST_BLOCKS + 1] = {
        [0 ... 2] = 6, [3] = 7, [4] = 8, [5] = 9, [6] = 10, [7] = 11, [8] = 12, [9 ... 10] = 13,
        [11 ... 12] = 14, [13 ... 14] = 15, [15 ... 16] = 16, [17 ... 20] = 17, [21 ... 24] = 18,
        [25 ... 28] = 19, [29 ... 32] = 20, [33 ... MOST_BLOCKS] = 21,
    };
    size_t need = bytes + 1; // one past the end is the object's own
    if (need > BLOCK_ROOM) {
        return of_blocks[(need + BLOCK_GAP + BLOCK - 1) / BLOCK];
    }
    int class = 0;
    while (slab_shapes[class].slot_bytes < need) {
        class++;
    }
    return class;
}

uint64_t slab_count(void)
{
    return heap.slabs;
}

uint64_t slab_bytes(int size_class)
{
    return slab_shapes[size_class].slot_bytes <= SMALL_SLOT ? SMALL_SLAB : BIG_SLAB;
}

uint32_t slab_slots(int size_class)
{
    const struct slab_shape *shape = &slab_shapes[size_class];
    return (uint32_t)(slab_bytes(size_class) / shape->block_bytes) * shape->per_block;
}

// ---- Slabs of a class ----

static size_t record_bytes(uint32_t slot_count)
{
    return sizeof(struct slab) + slot_count * (sizeof(uint32_t) + sizeof(uint16_t));
}

// Room in the class's array for one slab more than it has, so that a full slab that gets a free
// slot again always finds its place.
static bool reserve_partial(struct size_class *class)
{
    if (class->slab_count < class->partial_room) {
        return true;
    }
    uint32_t room = class->partial_room == 0 ? 8 : class->partial_room * 2;
    struct slab **fresh = record_alloc(room * sizeof(*fresh));
    if (!fresh) {
        return false;
    }
    if (class->partial) {
        __builtin_memcpy(fresh, class->partial, class->partial_count * sizeof(*fresh));
        record_free(class->partial, class->partial_room * sizeof(*fresh));
    }
    class->partial = fresh;
    class->partial_room = room;
    return true;
}

static void partial_add(struct size_class *class, struct slab *slab)
{
    slab->partial_index = class->partial_count;
    class->partial[class->partial_count++] = slab;
}

static void partial_remove(struct size_class *class, struct slab *slab)
{
    struct slab *last = class->partial[--class->partial_count];
    class->partial[slab->partial_index] = last;
    last->partial_index = slab->partial_index;
}

static struct slab *slab_record(int size_class, uint64_t bytes)
{
    uint32_t count = slab_slots(size_class);
    struct slab *slab = record_alloc(record_bytes(count));
    if (!slab) {
        return nullptr;
    }
    *slab = (struct slab){.record = {.bytes = bytes, .kind = RECORD_SLAB}};
    slab->size_class = (uint8_t)size_class;
    slab->slot_count = slab->free_count = (uint16_t)count;
    slab->free = (uint16_t *)(slab->info + count);
    for (uint32_t i = 0; i < count; i++) {
        slab->info[i] = 0;
        slab->free[i] = (uint16_t)i;
    }
    return slab;
}

static bool slab_open(int size_class, uint32_t flags)
{
    struct size_class *class = &heap.classes[size_class];
    uint64_t bytes = slab_bytes(size_class);
    struct slab *slab = reserve_partial(class) ? slab_record(size_class, bytes) : nullptr;
    if (!slab) {
        return false;
    }
    slab->record.start = pages_map(bytes, flags);
    if (slab->record.start == 0) {
        goto no_pages;
    }
    if (!table_add(&slab->record)) {
        goto no_table;
    }
    partial_add(class, slab);
    class->free_slots += slab->slot_count;
    class->slab_count++;
    heap.slabs++;
    return true;

no_table:
    pages_unmap(slab->record.start, bytes);
no_pages:
    record_free(slab, record_bytes(slab->slot_count));
    return false;
}

static void slab_close(struct slab *slab)
{
    struct size_class *class = &heap.classes[slab->size_class];
    partial_remove(class, slab);
    class->free_slots -= slab->slot_count;
    class->slab_count--;
    heap.slabs--;
    table_remove(&slab->record);
    pages_unmap(slab->record.start, slab->record.bytes);
    record_free(slab, record_bytes(slab->slot_count));
}

// ---- Objects ----

static bool choice_is_narrow(const struct size_class *class, int size_class)
{
    return class->free_slots * 4 < slab_slots(size_class);
}

MOVE_ADDRESSES bool slab_reserve(int size_class, uint64_t objects)
{
    struct size_class *class = &heap.classes[size_class];
    uint64_t choice = slab_slots(size_class) / 4;
    while (class->free_slots < objects + choice) {
        if (!slab_open(size_class, MEM_POPULATE)) {
            return class->free_slots >= objects;
        }
    }
    return true;
}

MOVE_ADDRESSES void slab_unlist(struct slab *slab, const struct slab_shape *shape, uint32_t pick)
{
    uint32_t last = --slab->free_count, others = last + 1u - slab->freed_count;
    if (pick >= others) {
        UNDO_WRITTEN((const void *)(slab->record.start + slot_offset(shape, slab->free[pick])), shape->slot_bytes);
        slab->free[pick] = slab->free[last];
        slab->freed_count--;
    } else {
        slab->free[pick] = slab->free[others - 1];
        slab->free[others - 1] = slab->free[last];
    }
}

void *slab_alloc(size_t bytes, uint32_t type, int size_class)
{
    struct size_class *class = &heap.classes[size_class];
    if (choice_is_narrow(class, size_class) && !slab_open(size_class, 0) && class->free_slots == 0) {
        return nullptr;
    }
    return slab_take(class, &slab_shapes[size_class], bytes, type, heap_random());
}

// The slot that p starts, or dies: p is not a living object.
static uint32_t living_slot(const struct slab *slab, const void *p)
{
    uint32_t slot;
    uint64_t where;
    if (!slot_at(&slab_shapes[slab->size_class], (uint64_t)p - slab->record.start, &slot, &where) || where != 0 ||
        slot >= slab->slot_count) {
        rt_die("heap: %p is inside an object or a gap, not an object's start", p);
    }
    if ((slab->info[slot] & INFO_LIVING) == 0) {
        rt_die("heap: %p is not a living object: freed twice, or used after it was freed", p);
    }
    return slot;
}

size_t slab_object_bytes(struct record *record, const void *p)
{
    const struct slab *slab = (const struct slab *)record;
    return slab->info[living_slot(slab, p)] & INFO_BYTES;
}

uint32_t slab_object_type(const struct record *record, const void *p)
{
    const struct slab *slab = (const struct slab *)record;
    return (slab->info[living_slot(slab, p)] & ~INFO_LIVING) >> INFO_TYPE_SHIFT;
}

bool slab_resize(struct record *record, void *p, size_t bytes)
{
    struct slab *slab = (struct slab *)record;
    uint32_t slot = living_slot(slab, p);
    uint32_t room = slab_shapes[slab->size_class].slot_bytes;
    if (bytes >= room || bytes < room / 2) {
        return false;
    }
    slab->info[slot] = (slab->info[slot] & ~(uint32_t)INFO_BYTES) | (uint32_t)bytes;
    return true;
}

void slab_change(struct record *record, void *p, size_t bytes, uint32_t type)
{
    struct slab *slab = (struct slab *)record;
    slab->info[living_slot(slab, p)] = INFO_LIVING | type << INFO_TYPE_SHIFT | (uint32_t)bytes;
}

void slab_free(struct record *record, void *p)
{
    struct slab *slab = (struct slab *)record;
    struct size_class *class = &heap.classes[slab->size_class];
    uint32_t slot = living_slot(slab, p);
    slab->info[slot] = 0;
    if (slab->free_count == 0) {
        partial_add(class, slab);
    }
    slab->freed_count = (uint16_t)(slab_recent(slab) + 1);
    slab->freed_in = undo_log.transaction;
    slab->free[slab->free_count++] = (uint16_t)slot;
    class->free_slots++;
    // An empty slab goes back to the kernel when as much again stays free.
    if (slab->free_count == slab->slot_count && class->free_slots >= 2u * slab->slot_count) {
        slab_close(slab);
    }
}

MOVE_ADDRESSES bool slab_find(struct record *record, uint64_t address, struct heap_object *out)
{
    const struct slab *slab = (const struct slab *)record;
    uint32_t slot;
    uint64_t where;
    if (!slot_at(&slab_shapes[slab->size_class], address - record->start, &slot, &where) || slot >= slab->slot_count || (slab->info[slot] & INFO_LIVING) == 0) {
        return false;
    }
    uint32_t info = slab->info[slot];
    out->start = (void *)(address - where);
    out->bytes = info & INFO_BYTES;
    out->type = heap_type((info & ~INFO_LIVING) >> INFO_TYPE_SHIFT);
    return address <= (uint64_t)out->start + out->bytes;
}
