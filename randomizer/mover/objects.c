// SPDX-License-Identifier: MIT
// The heap: a copying collector whose to-space is this task's own heap.
//
// An object gets its new place when the first pointer to it is met, and goes on a work list; its
// contents follow later. What no pointer led to is a leak.
#include "randomizer/mover/internal.h"

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
        s->slot_bytes = slab_slot_bytes[slab->size_class];
        s->inverse = (1ull << 32) / s->slot_bytes + 1;
        m->depth_max += slab->slot_count - slab->free_count;
    } else {
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
    bool found;
    if (old->type_count > HEAP_TYPES) {
        move_fail(m, MOVE_HEAP, "%u types", old->type_count);
        return;
    }
    for (uint32_t i = 1; i < old->type_count; i++) {
        heap.types[i] = (struct rt_type *)address_new(m, (uint64_t)old->types[i], &found);
        if (!found) {
            move_fail(m, MOVE_TYPE, "number %u", i);
        }
    }
    heap.type_count = old->type_count;
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
    open_sources(m);
    m->stack = m->error == MOVE_OK ? move_alloc(m, (m->depth_max + 1) * sizeof(struct visit)) : nullptr;
    m->plans = m->error == MOVE_OK ? move_alloc(m, HEAP_TYPES * sizeof(struct type_plan)) : nullptr;
    if (m->error == MOVE_OK) {
        take_types(m);
    }
}

// ---- To-space ----

static uint64_t place(struct mover *m, const struct source *s, uint32_t slot)
{
    uint32_t bytes, type;
    void *to;
    if (s->slot_bytes == 0) {
        const struct large *l = (const struct large *)s->record;
        bytes = (uint32_t)l->bytes;
        type = l->type;
        to = type < heap.type_count ? heap_place_large(l->bytes, type) : nullptr;
    } else {
        const struct slab *slab = (const struct slab *)s->record;
        uint32_t info = slab->info[slot];
        bytes = info & INFO_BYTES;
        type = (info & ~INFO_LIVING) >> INFO_TYPE_SHIFT;
        to = type < heap.type_count ? heap_place(bytes, type, slab->size_class) : nullptr;
    }
    if (!to || m->depth == m->depth_max) {
        move_fail(m, type < heap.type_count ? MOVE_NO_MEMORY : MOVE_TYPE, "an object of %u bytes", bytes);
        return 0;
    }
    s->to[slot] = (uint64_t)to;
    m->stack[m->depth++] = (struct visit){
        (const uint64_t *)(s->start + (uint64_t)slot * s->slot_bytes), to, bytes, type};
    m->report->objects++;
    m->report->bytes += bytes;
    return (uint64_t)to;
}

static inline const struct source *source_at(const struct mover *m, uint64_t old)
{
    const struct heap *h = m->heap;
    uint64_t granule = old >> GRANULE_SHIFT;
    size_t mask = h->table_slots - 1;
    size_t at = (size_t)((granule * 0x9e3779b97f4a7c15) >> 32) & mask;
    while (h->table[at].granule != granule) {
        if (h->table[at].granule == 0) {
            return nullptr;
        }
        at = (at + 1) & mask;
    }
    return m->sources[at];
}

uint64_t objects_new(struct mover *m, uint64_t old, bool *found)
{
    const struct source *s = source_at(m, old);
    if (!s) {
        return old;
    }
    uint64_t offset = old - s->start;
    uint32_t slot = 0;
    if (s->slot_bytes != 0) {
        slot = (uint32_t)(offset * s->inverse >> 32);
        const struct slab *slab = (const struct slab *)s->record;
        if (slot >= s->slots || !(slab->info[slot] & INFO_LIVING)) {
            return old; // a dead object's
        }
        offset -= (uint64_t)slot * s->slot_bytes;
    } else if (offset > ((const struct large *)s->record)->bytes) {
        return old;
    }
    uint64_t to = s->to[slot];
    if (to == 0) {
        to = place(m, s, slot);
    }
    *found = to != 0;
    return to + offset;
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
            bool living = s->slot_bytes == 0 ||
                          (((const struct slab *)s->record)->info[slot] & INFO_LIVING) != 0;
            if (!living || s->to[slot] != 0) {
                continue;
            }
            m->report->leaks++;
            if (!(m->startup->flags & STARTUP_DROP_LEAKS)) {
                (void)place(m, s, slot);
                objects_drain(m); // what only a leak leads to is no leak of its own
            }
        }
    }
}
