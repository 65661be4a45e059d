// SPDX-License-Identifier: MIT
// Shared by the heap's files only.
#pragma once
#include "lib/rt/internal.h"
#include "lib/rt/undo_log.h"

// ---- All state of the heap, which the mover reads of a predecessor's (randomizer/mover/heap.c) ----

enum {
    HEAP_TYPES = 512, // distinct new(T) in one service's text
    HEAP_CLASSES = 22,
    HEAP_RECORD_SHIFTS = 40,
    HEAP_FIRST_SLOTS = 256,
};

struct heap_entry {
    uint64_t granule; // 0: empty; the lowest granule is never mapped
    struct record *record;
};

struct size_class {
    struct slab **partial; // slabs with a free slot
    uint32_t partial_count, partial_room;
    uint32_t slab_count; // full ones included
    uint64_t free_slots;
};

struct heap {
    // heap.c
    struct rt_type *types[HEAP_TYPES]; // by id; 0 is untyped
    uint32_t type_count;
    uint64_t objects, object_bytes, larges;
    struct heap_policy policy;
    // heap_slab.c
    struct size_class classes[HEAP_CLASSES];
    uint64_t slabs;
    // heap_pages.c
    uint64_t window, window_used;
    uint64_t mapped, limit;
    struct free_record *free_records[HEAP_RECORD_SHIFTS]; // by size
    uint64_t chunk, chunk_end;                            // what is left of the newest chunk
    // heap_table.c
    struct heap_entry first_table[HEAP_FIRST_SLOTS];
    struct heap_entry *table;
    size_t table_slots, table_used;
};
extern struct heap heap;

// ---- heap_pages.c: memory from the kernel at random addresses ----

// A granule is the unit of the address table and the alignment of every span.
enum { GRANULE_SHIFT = 14, GRANULE = 1 << GRANULE_SHIFT };

// Maps `bytes` (page multiple) of zeroed memory at a random granule; 0 if limit, quota or memory is
// exhausted. What it maps counts against the heap limit.
uint64_t pages_map(uint64_t bytes, uint32_t flags); // MEM_POPULATE or 0
void pages_unmap(uint64_t address, uint64_t bytes);
uint64_t pages_mapped(void);
void pages_init(uint64_t limit_bytes);
uint64_t pages_limit(void);

// The heap's own records: power-of-two blocks, never near user data. nullptr: exhausted.
void *record_alloc(size_t bytes);
void record_free(void *record, size_t bytes);

// For placement: fast, not for keys (xorshift-multiply of a counter, seeded from rt_random).
uint64_t heap_random(void);

// Numbers that look like addresses, by the window of 1 GiB that they would lie in. A mover notes those that it finds in
// untyped memory (`found`), and its successor, who knows them from the beginning (`before`), places no heap there. So the
// movers after that one never take such a number for an address.
enum { HEAP_WINDOW_SHIFT = 30, HEAP_WINDOWS = 1 << (47 - HEAP_WINDOW_SHIFT) };
struct heap_numbers {
    uint64_t found[HEAP_WINDOWS / 64], before[HEAP_WINDOWS / 64];
};
extern struct heap_numbers heap_numbers;

static inline void heap_note_number(uint64_t word)
{
    uint64_t window = word >> HEAP_WINDOW_SHIFT;
    heap_numbers.found[window / 64] |= 1ull << (window % 64);
}

// Whose heap that was lies nowhere near it: that incarnation knew of it before it placed anything.
static inline bool heap_avoided(const struct heap_numbers *whose, uint64_t word)
{
    uint64_t window = word >> HEAP_WINDOW_SHIFT;
    return whose->before[window / 64] >> (window % 64) & 1;
}

// ---- heap_table.c: address -> record ----

enum record_kind : uint8_t { RECORD_SLAB = 1, RECORD_LARGE = 2 };

// First member of every record.
struct record {
    uint64_t start, bytes; // what is mapped
    enum record_kind kind;
};

struct large {
    struct record record;
    uint64_t bytes; // as asked for
    uint32_t type;
};

// What is kept of an object, in 32 bits: as many as 16-byte slots can bear.
enum : uint32_t { INFO_LIVING = 1u << 31, INFO_TYPE_SHIFT = 14, INFO_BYTES = (1u << 14) - 1 };

struct slab {
    struct record record;
    uint8_t size_class;
    uint16_t slot_count, free_count;
    uint16_t freed_count;   // slots that the transaction `freed_in` freed: the last ones of free[]
    uint64_t freed_in;
    uint32_t partial_index; // in the class's array, if free_count > 0
    uint16_t *free;         // the free slots
    uint32_t info[];        // of each slot; free[] follows
};

// How slots lie in a slab: in blocks of a multiple of 256 bytes, and none in the first 16 bytes of one. So no small object
// has a byte at a multiple of 256, and none begins there: docs/decisions/0015.
enum { BLOCK = 256, BLOCK_GAP = 16, BLOCK_ROOM = BLOCK - BLOCK_GAP };
struct slab_shape {
    uint16_t slot_bytes, block_bytes, per_block;
    uint32_t block_inverse, slot_inverse; // 2^32 / bytes, rounded up: offsets are short enough for that
};
extern const struct slab_shape slab_shapes[HEAP_CLASSES];

static inline uint64_t slot_offset(const struct slab_shape *s, uint32_t slot)
{
    uint32_t block = slot / s->per_block;
    return (uint64_t)block * s->block_bytes + BLOCK_GAP + (uint64_t)(slot - block * s->per_block) * s->slot_bytes;
}

// The slot at an offset in a slab, and where in the slot that is; false: between two, and *slot is the next one.
static inline bool slot_at(const struct slab_shape *s, uint64_t offset, uint32_t *slot, uint64_t *where)
{
    uint32_t block = (uint32_t)(offset * s->block_inverse >> 32);
    uint64_t in = offset - (uint64_t)block * s->block_bytes - BLOCK_GAP;
    bool in_front = in >= s->block_bytes;
    uint32_t nth = in_front ? 0 : (uint32_t)(in * s->slot_inverse >> 32);
    nth = nth < s->per_block ? nth : s->per_block;
    *slot = block * s->per_block + nth;
    *where = in - (uint64_t)nth * s->slot_bytes;
    return !in_front && nth < s->per_block;
}

void table_init(void);
// Enters all granules of the record; false: no memory for the table, nothing entered.
bool table_add(struct record *record);
void table_remove(const struct record *record);
struct record *table_find(uint64_t address); // nullptr: not the heap's

// ---- heap_slab.c: small objects ----

// How many free slots held an object when this transaction began. One that is given out again has its old contents in the
// log first: what is stored to an object that was made in the same transaction is not logged.
static inline uint32_t slab_recent(const struct slab *slab)
{
    return slab->freed_in == undo_log.transaction ? slab->freed_count : 0;
}
// Takes the pick'th free slot off a list that has recent ones.
void slab_unlist(struct slab *slab, const struct slab_shape *shape, uint32_t pick);

// A random free slot of a random slab of the class, which has one; the object is not counted.
MOVE_ADDRESSES static inline void *slab_take(struct size_class *class, const struct slab_shape *shape, size_t bytes,
                              uint32_t type, uint64_t random)
{
    struct slab *slab = class->partial[((random >> 32) * class->partial_count) >> 32];
    uint32_t pick = (uint32_t)(((random & 0xffffffff) * slab->free_count) >> 32);
    uint32_t slot = slab->free[pick];
    if (__builtin_expect(slab_recent(slab) != 0, 0)) {
        slab_unlist(slab, shape, pick);
    } else {
        slab->free[pick] = slab->free[--slab->free_count];
    }
    class->free_slots--;
    if (slab->free_count == 0) {
        struct slab *last = class->partial[--class->partial_count];
        class->partial[slab->partial_index] = last;
        last->partial_index = slab->partial_index;
    }
    slab->info[slot] = INFO_LIVING | type << INFO_TYPE_SHIFT | (uint32_t)bytes;
    return (void *)(slab->record.start + slot_offset(shape, slot));
}
// Room for so many more in the class, and a choice; pages are supplied at once. false: no memory.
bool slab_reserve(int size_class, uint64_t objects);

void *slab_alloc(size_t bytes, uint32_t type, int size_class);
void slab_free(struct record *record, void *p);
// The living object at p is another one from now on, in the same slot.
void slab_change(struct record *record, void *p, size_t bytes, uint32_t type);
// As asked for; dies if p is not a living object.
size_t slab_object_bytes(struct record *record, const void *p);
uint32_t slab_object_type(const struct record *record, const void *p); // its id
// Makes a living object this long without moving it; false if its slot is too small or much too
// large.
bool slab_resize(struct record *record, void *p, size_t bytes);
bool slab_find(struct record *record, uint64_t address, struct heap_object *out);
int slab_class(size_t bytes); // of the smallest slot larger than `bytes`
uint64_t slab_bytes(int size_class);
uint32_t slab_slots(int size_class); // of each slab of the class
uint64_t slab_count(void);

// ---- heap.c ----

const struct rt_type *heap_type(uint32_t id);
