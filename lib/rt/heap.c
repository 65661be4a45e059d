// SPDX-License-Identifier: MIT
// The heap's front: sizes to slabs or own mappings, types, policy, accounts.
#include "lib/rt/heap_internal.h"
#include "lib/rt/movable.h"

RT_OWN struct heap heap;

void rt_heap_init(uint64_t limit_bytes)
{
    if (heap.type_count == 0) { // host tests begin many incarnations in one process
        heap.type_count = 1;
        table_init();
    }
    pages_init(limit_bytes);
}

void rt_heap_policy(const struct heap_policy *wanted)
{
    heap.policy = *wanted;
}

const struct rt_type *heap_type(uint32_t id)
{
    return id < heap.type_count ? heap.types[id] : nullptr;
}

static uint32_t type_id(struct rt_type *type)
{
    if (type->id == 0) {
        rt_assert(heap.type_count < HEAP_TYPES);
        heap.types[heap.type_count] = type;
        type->id = heap.type_count++;
    }
    return type->id;
}

static inline void count(int64_t more_objects, int64_t more_bytes)
{
    heap.objects += (uint64_t)more_objects;
    heap.object_bytes += (uint64_t)more_bytes;
    RT_STATUS->heap_objects = heap.objects;
    RT_STATUS->heap_bytes = heap.object_bytes;
}

// ---- Large objects ----

static uint64_t large_mapping(size_t bytes)
{
    return (bytes + 1 + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

MOVE_ADDRESSES static void *large_alloc(size_t bytes, uint32_t type)
{
    if (bytes >= USER_MAX) {
        return nullptr;
    }
    struct large *large = record_alloc(sizeof(*large));
    if (!large) {
        return nullptr;
    }
    *large = (struct large){.record = {.bytes = large_mapping(bytes), .kind = RECORD_LARGE},
                            .bytes = bytes,
                            .type = type};
    large->record.start = pages_map(large->record.bytes, 0);
    if (large->record.start == 0) {
        record_free(large, sizeof(*large));
        return nullptr;
    }
    if (!table_add(&large->record)) {
        pages_unmap(large->record.start, large->record.bytes);
        record_free(large, sizeof(*large));
        return nullptr;
    }
    heap.larges++;
    undo_note_fresh((void *)large->record.start, bytes);
    undo_note_change((void *)large->record.start, bytes);
    return (void *)large->record.start;
}

static void check_large_start(const struct record *record, const void *p)
{
    if ((uint64_t)p != record->start) {
        rt_die("heap: %p is inside a large object, not its start", p);
    }
}

static void large_free(struct record *record)
{
    struct large *large = (struct large *)record;
    heap.larges--;
    table_remove(record);
    pages_unmap(record->start, record->bytes);
    record_free(large, sizeof(*large));
}

// ---- Allocation ----

// A function of its own: the log knows that what slab_alloc gives is fresh.
static void *small_alloc(size_t bytes, uint32_t type, bool zero)
{
    void *p = slab_alloc(bytes, type, slab_class(bytes));
    if (p && (zero || heap.policy.zero)) { // fresh mappings are zero
        __builtin_memset(p, 0, bytes);
    }
    return p;
}

static void *allocate(size_t bytes, uint32_t type, bool zero)
{
    if (bytes > SIZE_MAX - heap.policy.pad_bytes) {
        return nullptr;
    }
    bytes += heap.policy.pad_bytes;
    bool large = bytes >= HEAP_LARGE;
    void *p = large ? large_alloc(bytes, type) : small_alloc(bytes, type, zero);
    if (p) {
        count(1, (int64_t)bytes);
    }
    return p;
}

void *rt_new(struct rt_type *type, size_t n)
{
    size_t bytes;
    if (__builtin_mul_overflow(type->bytes, n, &bytes)) {
        return nullptr;
    }
    return allocate(bytes, type_id(type), true);
}

void *rt_new_sized(struct rt_type *type, size_t bytes)
{
    rt_assert(bytes >= type->bytes);
    return allocate(bytes, type_id(type), true);
}

void *rt_malloc(size_t bytes)
{
    return allocate(bytes, 0, false);
}

void *rt_calloc(size_t n, size_t each)
{
    size_t bytes;
    return __builtin_mul_overflow(n, each, &bytes) ? nullptr : allocate(bytes, 0, true);
}

void *rt_memalign(size_t alignment, size_t bytes)
{
    if (alignment <= 16) {
        return rt_malloc(bytes);
    }
    if ((alignment & (alignment - 1)) != 0 || alignment > GRANULE || bytes >= USER_MAX) {
        return nullptr;
    }
    void *p = large_alloc(bytes, 0); // in a slab, all begin 16 bytes behind a boundary
    if (p) {
        count(1, (int64_t)bytes);
    }
    return p;
}

static struct record *find_record(const void *p)
{
    struct record *record = table_find((uint64_t)p);
    if (!record) {
        rt_die("heap: %p is not the heap's", p);
    }
    return record;
}

static size_t object_size(struct record *record, const void *p)
{
    if (record->kind == RECORD_SLAB) {
        return slab_object_bytes(record, p);
    }
    check_large_start(record, p);
    return ((struct large *)record)->bytes;
}

static void free_now(void *p)
{
    struct record *record = find_record(p);
    count(-1, -(int64_t)object_size(record, p));
    if (record->kind == RECORD_SLAB) {
        slab_free(record, p);
    } else {
        large_free(record);
    }
}

// Freed, and not yet given back: state like all that is allocated. An heir in the usual environment gives it all back.
static void *delayed[HEAP_DELAY_MAX];
static uint32_t delayed_next, delayed_count;

static void give_back_delayed(void)
{
    for (uint32_t i = 0; i < HEAP_DELAY_MAX; i++) {
        if (delayed[i]) {
            free_now(delayed[i]);
            delayed[i] = nullptr;
        }
    }
    delayed_count = 0;
}

// The one whose time has come, nullptr if there is none yet.
static void *delay(void *p)
{
    uint32_t most = heap.policy.delay < HEAP_DELAY_MAX ? heap.policy.delay : HEAP_DELAY_MAX;
    for (uint32_t i = 0; i < HEAP_DELAY_MAX; i++) {
        if (delayed[i] == p) {
            rt_die("heap: %p is freed twice", p);
        }
    }
    (void)object_size(find_record(p), p); // dies if it is no living object
    delayed_next = (delayed_next + 1) % most;
    void *due = delayed[delayed_next];
    delayed[delayed_next] = p;
    delayed_count += due == nullptr;
    return due;
}

void rt_free(void *p)
{
    if (delayed_count > 0 && heap.policy.delay == 0) {
        give_back_delayed();
    }
    if (p && heap.policy.delay > 0) {
        p = delay(p);
    }
    if (p) {
        free_now(p);
    }
}

// In place if the object's slot or mapping is right for the new size.
static bool resize(struct record *record, void *p, size_t bytes)
{
    if (record->kind == RECORD_SLAB) {
        return bytes < HEAP_LARGE && slab_resize(record, p, bytes);
    }
    struct large *large = (struct large *)record;
    if (bytes >= record->bytes || bytes < record->bytes / 2) {
        return false;
    }
    large->bytes = bytes;
    return true;
}

static uint32_t object_type_id(const struct record *record, const void *p)
{
    return record->kind == RECORD_SLAB ? slab_object_type(record, p) : ((const struct large *)record)->type;
}

// An object that has a type keeps it.
void *rt_realloc(void *old, size_t bytes)
{
    if (!old) {
        return rt_malloc(bytes);
    }
    struct record *record = find_record(old);
    size_t old_bytes = object_size(record, old);
    if (heap.policy.pad_bytes == 0 && resize(record, old, bytes)) {
        count(0, (int64_t)bytes - (int64_t)old_bytes);
        return old;
    }
    void *fresh = allocate(bytes, object_type_id(record, old), false);
    if (fresh) {
        __builtin_memcpy(fresh, old, old_bytes < bytes ? old_bytes : bytes);
        rt_free(old);
    }
    return fresh;
}

void *rt_renew(struct rt_type *type, void *old, size_t n)
{
    size_t bytes;
    if (!old || __builtin_mul_overflow(type->bytes, n, &bytes)) {
        return old ? nullptr : rt_new(type, n);
    }
    return rt_realloc(old, bytes);
}

// ---- For the mover ----

void *heap_place_large(size_t bytes, size_t room, uint32_t type)
{
    void *p = large_alloc(room - 1, type);
    if (p) {
        ((struct large *)table_find((uint64_t)p))->bytes = bytes;
    }
    return p;
}

void heap_change(void *p, size_t bytes, uint32_t type)
{
    struct record *record = find_record(p);
    if (record->kind == RECORD_SLAB) {
        slab_change(record, p, bytes, type);
    } else {
        ((struct large *)record)->bytes = bytes;
    }
}

void heap_displace(void *p)
{
    struct record *record = find_record(p);
    if (record->kind == RECORD_SLAB) {
        slab_free(record, p);
    } else {
        large_free(record);
    }
}

void heap_placed(uint64_t count_of_all, uint64_t bytes_of_all)
{
    count((int64_t)count_of_all, (int64_t)bytes_of_all);
}

// ---- Looking ----

MOVE_ADDRESSES bool rt_heap_find(const void *address, struct heap_object *out)
{
    struct record *record = table_find((uint64_t)address);
    if (!record) {
        return false;
    }
    if (record->kind == RECORD_SLAB) {
        return slab_find(record, (uint64_t)address, out);
    }
    const struct large *large = (const struct large *)record;
    *out = (struct heap_object){(void *)record->start, large->bytes, heap_type(large->type)};
    return (uint64_t)address <= record->start + large->bytes;
}

void rt_heap_stats(struct heap_stats *out)
{
    *out = (struct heap_stats){
        .objects = heap.objects,
        .object_bytes = heap.object_bytes,
        .mapped_bytes = pages_mapped(),
        .limit_bytes = pages_limit(),
        .slabs = slab_count(),
        .large = heap.larges,
    };
}
