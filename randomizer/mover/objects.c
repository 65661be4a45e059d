// SPDX-License-Identifier: MIT
// The heap: a copying collector whose to-space is this task's own heap.
//
// An object gets its new place when the first pointer to it is met, and goes on a work list; its
// contents follow later. What no pointer led to is a leak.
#include "randomizer/mover/lookup.h"

// ---- What the predecessor had ----

static bool sound(struct mover *m, const struct record *r)
{
    const struct slab *slab = (const struct slab *)r;
    if (r->kind == RECORD_LARGE) {
        return ((const struct large *)r)->bytes < r->bytes;
    }
    if (r->kind != RECORD_SLAB || slab->size_class >= HEAP_CLASSES ||
        slab->slot_count != r->bytes / slab_slot_bytes[slab->size_class] ||
        slab->free_count > slab->slot_count) {
        move_fail(m, MOVE_HEAP, "record of %#llx", (unsigned long long)r->start);
        return false;
    }
    return true;
}

static struct source *add_source(struct mover *m, const struct record *r)
{
    struct source *s = &m->source_list[m->source_count];
    if (!sound(m, r)) {
        return nullptr;
    }
    bool is_slab = r->kind == RECORD_SLAB;
    const struct slab *slab = (const struct slab *)r;
    *s = (struct source){.record = r, .start = r->start, .slots = is_slab ? slab->slot_count : 1};
    if (is_slab) {
        s->info = slab->info;
        m->living[slab->size_class] += slab->slot_count - slab->free_count;
        s->slot_bytes = slab_slot_bytes[slab->size_class];
        s->inverse = (1ull << 32) / s->slot_bytes + 1;
        m->depth_max += slab->slot_count - slab->free_count;
    } else {
        s->large_bytes = ((const struct large *)r)->bytes;
        m->depth_max++;
    }
    s->to = move_alloc(m, s->slots * sizeof(uint64_t));
    m->source_count += s->to != nullptr;
    return s->to ? s : nullptr;
}

// A record stands in the table once for each of its granules.
static struct source *find_source(const struct mover *m, const struct record *r)
{
    for (uint32_t i = m->source_count; i-- > 0;) { // most often the one that was added last
        if (m->source_list[i].record == r) {
            return &m->source_list[i];
        }
    }
    return nullptr;
}

static void open_sources(struct mover *m)
{
    const struct heap *old = m->heap;
    m->sources = move_alloc(m, old->table_slots * sizeof(struct source *));
    m->source_list = move_alloc(m, (old->table_used + 1) * sizeof(struct source));
    for (size_t i = 0; m->error == MOVE_OK && i < old->table_slots; i++) {
        const struct record *r = old->table[i].granule ? old->table[i].record : nullptr;
        if (!r) {
            continue;
        }
        bool first = old->table[i].granule == r->start >> GRANULE_SHIFT;
        struct source *s = first ? nullptr : find_source(m, r);
        m->sources[i] = s ? s : find_source(m, r);
        if (!m->sources[i]) {
            m->sources[i] = add_source(m, r);
        }
    }
}

static void take_types(struct mover *m)
{
    const struct heap *old = m->heap;
    if (old->type_count > HEAP_TYPES) {
        move_fail(m, MOVE_HEAP, "%u types", old->type_count);
        return;
    }
    for (uint32_t i = 1; i < old->type_count; i++) {
        heap.types[i] = (struct rt_type *)address_new(m, (uint64_t)old->types[i]);
        if (!heap.types[i]) {
            move_fail(m, MOVE_TYPE, "number %u", i);
        }
    }
    heap.type_count = old->type_count;
}

static void reserve(struct mover *m)
{
    for (int c = 0; c < HEAP_CLASSES && m->error == MOVE_OK; c++) {
        if (m->living[c] > 0 && !slab_reserve(c, m->living[c])) {
            move_fail(m, MOVE_NO_MEMORY, "slabs for %u objects", m->living[c]);
        }
    }
}

static bool same_account(const struct heap *old)
{
    return old->table && old->table_slots >= HEAP_FIRST_SLOTS &&
           (old->table_slots & (old->table_slots - 1)) == 0 && old->table_used <= old->table_slots;
}

void objects_open(struct mover *m)
{
    m->heap = address_old(m, &heap);
    if (!m->heap || !same_account(m->heap)) {
        move_fail(m, MOVE_HEAP, "its table");
        return;
    }
    m->heap_table = m->heap->table;
    m->heap_mask = m->heap->table_slots - 1;
    open_sources(m);
    reserve(m);
    m->stack = m->error == MOVE_OK ? move_alloc(m, (m->depth_max + 1) * sizeof(struct visit)) : nullptr;
    m->plans = m->error == MOVE_OK ? move_alloc(m, HEAP_TYPES * sizeof(struct type_plan)) : nullptr;
    if (m->error == MOVE_OK) {
        take_types(m);
    }
}

// ---- To-space ----

static void *place_small(struct mover *m, const struct source *s, uint32_t slot, uint32_t *bytes,
                         uint32_t *type)
{
    int c = ((const struct slab *)s->record)->size_class;
    uint32_t info = s->info[slot];
    *bytes = info & INFO_BYTES;
    *type = (info & ~INFO_LIVING) >> INFO_TYPE_SHIFT;
    // The seed's numbers choose the windows and slabs; between slots a fast generator will do.
    uint64_t z = m->random += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z ^= z >> 27;
    if (*type >= heap.type_count || *bytes >= s->slot_bytes || heap.classes[c].free_slots == 0) {
        return nullptr;
    }
    return slab_take(&heap.classes[c], s->slot_bytes, *bytes, *type, z);
}

uint64_t object_place(struct mover *m, const struct source *s, uint32_t slot)
{
    uint32_t bytes, type;
    void *to;
    if (s->slot_bytes != 0) {
        to = place_small(m, s, slot, &bytes, &type);
    } else {
        bytes = (uint32_t)s->large_bytes;
        type = ((const struct large *)s->record)->type;
        to = type < heap.type_count ? heap_place_large(bytes, type) : nullptr;
    }
    if (!to || m->depth == m->depth_max) {
        move_fail(m, type < heap.type_count ? MOVE_NO_MEMORY : MOVE_TYPE, "an object of %u bytes",
                  bytes);
        return 0;
    }
    s->to[slot] = (uint64_t)to;
    m->stack[m->depth++] = (struct visit){
        (const uint64_t *)(s->start + (uint64_t)slot * s->slot_bytes), to, bytes, type};
    m->report->objects++;
    m->report->bytes += bytes;
    return (uint64_t)to;
}

void objects_drain(struct mover *m)
{
    while (m->depth > 0 && m->error == MOVE_OK) {
        struct visit v = m->stack[--m->depth];
        plan_copy(m, plan_of_type(m, v.type), v.from, v.to, v.bytes);
    }
}

void objects_rest(struct mover *m)
{
    for (uint32_t i = 0; i < m->source_count && m->error == MOVE_OK; i++) {
        const struct source *s = &m->source_list[i];
        for (uint32_t slot = 0; slot < s->slots && m->error == MOVE_OK; slot++) {
            bool living = s->slot_bytes == 0 || (s->info[slot] & INFO_LIVING) != 0;
            if (!living || s->to[slot] != 0) {
                continue;
            }
            m->report->leaks++;
            if (!(m->startup->flags & STARTUP_DROP_LEAKS)) {
                (void)object_place(m, s, slot);
                objects_drain(m); // what only a leak leads to is no leak of its own
            }
        }
    }
}
