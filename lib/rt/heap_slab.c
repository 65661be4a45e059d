// SPDX-License-Identifier: MIT
// Slabs: runs of equal slots for small objects.
//
// Each slab keeps its free slots in an array in no order; an allocation takes a random one out of
// it, in a random slab of its class. A further slab is opened as soon as less than a quarter of a
// slab is free in the class, so the choice never gets narrower than that while there is memory.
#include "lib/rt/heap_internal.h"
#include "lib/rt/movable.h"

enum {
    SMALL_SLAB = GRANULE,     // for slots up to SMALL_SLOT
    BIG_SLAB = 4 * GRANULE,
    SMALL_SLOT = 512,
    LARGEST_SLOT = 10240,
};

static_assert(HEAP_LARGE <= INFO_BYTES + 1, "the length of a small object fits its record");

// Slot sizes: 16 32 48 64, then four steps to each doubling, up to LARGEST_SLOT.
const uint16_t slab_slot_bytes[HEAP_CLASSES] = {
    16,   32,   48,   64,   80,   96,   112,  128,  160,  192,  224,  256,  320,  384,
    448,  512,  640,  768,  896,  1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096,
    5120, 6144, 7168, 8192, LARGEST_SLOT,
};

int slab_class(size_t bytes)
{
    size_t need = bytes + 1; // one past the end is the object's own
    if (need <= 64) {
        return (int)((need + 15) / 16) - 1;
    }
    int log = 63 - __builtin_clzll(need - 1); // 2^log < need <= 2^(log+1)
    int step = (int)((need - 1) >> (log - 2)) & 3;
    return 4 + (log - 6) * 4 + step;
}

int slab_class_aligned(size_t bytes, size_t alignment)
{
    size_t slot = 16;
    while (slot < alignment || slot <= bytes) { // powers of two, from a slab's aligned start
        slot *= 2;
    }
    return slot < LARGEST_SLOT ? slab_class(slot - 1) : -1;
}

uint64_t slab_count(void)
{
    return heap.slabs;
}

static uint64_t slab_bytes(int size_class)
{
    return slab_slot_bytes[size_class] <= SMALL_SLOT ? SMALL_SLAB : BIG_SLAB;
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
    uint32_t count = (uint32_t)(bytes / slab_slot_bytes[size_class]);
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
    return class->free_slots * slab_slot_bytes[size_class] * 4 < slab_bytes(size_class);
}

MOVE_ADDRESSES bool slab_reserve(int size_class, uint64_t objects)
{
    struct size_class *class = &heap.classes[size_class];
    uint64_t choice = slab_bytes(size_class) / slab_slot_bytes[size_class] / 4;
    while (class->free_slots < objects + choice) {
        if (!slab_open(size_class, MEM_POPULATE)) {
            return class->free_slots >= objects;
        }
    }
    return true;
}

void *slab_alloc(size_t bytes, uint32_t type, int size_class)
{
    struct size_class *class = &heap.classes[size_class];
    if (choice_is_narrow(class, size_class) && !slab_open(size_class, 0) && class->free_slots == 0) {
        return nullptr;
    }
    return slab_take(class, slab_slot_bytes[size_class], bytes, type, heap_random());
}

// The slot that p starts, or dies: p is not a living object.
static uint32_t living_slot(const struct slab *slab, const void *p)
{
    uint64_t offset = (uint64_t)p - slab->record.start;
    uint32_t slot = (uint32_t)(offset / slab_slot_bytes[slab->size_class]);
    if (offset % slab_slot_bytes[slab->size_class] != 0 || slot >= slab->slot_count) {
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
    uint32_t room = slab_slot_bytes[slab->size_class];
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
    uint32_t size = slab_slot_bytes[slab->size_class];
    uint32_t slot = (uint32_t)((address - record->start) / size);
    if (slot >= slab->slot_count || (slab->info[slot] & INFO_LIVING) == 0) {
        return false;
    }
    uint32_t info = slab->info[slot];
    out->start = (void *)(record->start + (uint64_t)slot * size);
    out->bytes = info & INFO_BYTES;
    out->type = heap_type((info & ~INFO_LIVING) >> INFO_TYPE_SHIFT);
    return address <= (uint64_t)out->start + out->bytes;
}
