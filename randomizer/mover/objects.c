// SPDX-License-Identifier: MIT
// The heap: a copying collector whose to-space is this task's own heap.
//
// An object gets its new place when the first pointer to it is met, and goes on a work list; its
// contents follow later. What no pointer led to is a leak.
#include "randomizer/mover/lookup.h"

// ---- What the predecessor has ----

static bool sound(struct mover *m, const struct record *r)
{
    const struct slab *slab = (const struct slab *)r;
    if (!view_has(m, (uint64_t)r, sizeof(*slab)) || !view_has(m, r->start, r->bytes)) {
        return false;
    }
    if (r->kind == RECORD_LARGE) {
        return ((const struct large *)r)->bytes < r->bytes;
    }
    return r->kind == RECORD_SLAB && slab->size_class < HEAP_CLASSES &&
           r->bytes == slab_bytes(slab->size_class) && slab->slot_count == slab_slots(slab->size_class) &&
           slab->free_count <= slab->slot_count &&
           view_has(m, (uint64_t)slab->info, slab->slot_count * sizeof(uint32_t));
}

static void fill_source(struct mover *m, struct source *s, const struct record *r)
{
    const struct slab *slab = (const struct slab *)r;
    bool is_slab = r->kind == RECORD_SLAB;
    *s = (struct source){.record = r, .start = r->start, .slots = is_slab ? slab->slot_count : 1};
    if (is_slab) {
        s->info = slab->info;
        s->shape = &slab_shapes[slab->size_class];
        s->slot_bytes = s->shape->slot_bytes;
        m->living[slab->size_class] += slab->slot_count - slab->free_count;
    } else {
        s->large_bytes = ((const struct large *)r)->bytes;
        s->large_room = r->bytes;
    }
    s->to = move_alloc(m, s->slots * sizeof(uint64_t));
    s->seen = move_alloc(m, s->slots * sizeof(uint32_t));
    s->queued = move_alloc(m, s->slots * sizeof(uint32_t));
}

// A record stands in the table once for each of its granules.
static struct source *find_source(const struct mover *m, const struct record *r)
{
    for (uint32_t i = m->source_count; i-- > 0;) { // most often the one that was added last
        struct source *s = &m->source_list[i];
        if (s->record == r && s->start == r->start &&
            (s->slot_bytes == 0 ? r->kind == RECORD_LARGE
                                : r->kind == RECORD_SLAB &&
                                      s->shape == &slab_shapes[((const struct slab *)r)->size_class])) {
            return s;
        }
    }
    return nullptr;
}

static bool more_sources(struct mover *m)
{
    uint32_t room = m->source_max ? 2 * m->source_max : 256;
    struct source *list = move_alloc(m, room * sizeof(struct source));
    if (!list) {
        return false;
    }
    __builtin_memcpy(list, m->source_list, m->source_count * sizeof(struct source));
    // The table leads to the old list: it is filled anew, see open_sources.
    m->source_list = list;
    m->source_max = room;
    return true;
}

static struct source *source_of(struct mover *m, const struct record *r)
{
    if (!sound(m, r)) {
        if (!m->live) {
            move_fail(m, MOVE_HEAP, "record of %#llx", (unsigned long long)r->start);
        }
        m->next_whole = true; // what is stored there meanwhile is not seen
        return nullptr;
    }
    struct source *s = find_source(m, r);
    if (!s && m->source_count < m->source_max) {
        s = &m->source_list[m->source_count++];
        fill_source(m, s, r);
    }
    if (s) {
        s->gone = false;
        m->whole = m->whole || s->dropped; // a rollback brought it back
        s->dropped = false;
    }
    if (s && s->slot_bytes == 0 && s->large_bytes != ((const struct large *)r)->bytes) {
        s->resized = true;
    }
    return s;
}

static uint32_t records_in_table(const struct mover *m)
{
    uint32_t count = 0;
    for (size_t i = 0; i <= m->heap_mask; i++) {
        count += m->heap_table[i].granule != 0;
    }
    return count;
}

static bool open_sources(struct mover *m)
{
    if (!table_copy(m)) {
        return false;
    }
    while (m->source_count + records_in_table(m) > m->source_max && more_sources(m)) {
    }
    for (uint32_t i = 0; i < m->source_count; i++) {
        m->source_list[i].gone = true;
    }
    for (size_t i = 0; m->error == MOVE_OK && i <= m->heap_mask; i++) {
        const struct heap_entry *e = &m->heap_table[i];
        m->sources[i] = e->granule ? source_of(m, e->record) : nullptr;
    }
    return m->error == MOVE_OK;
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
        m->living[c] = 0;
    }
}

// Of each source, what is not placed yet has to find room on the work list and in the slabs.
static bool make_room(struct mover *m)
{
    uint64_t objects = 0;
    for (uint32_t i = 0; i < m->source_count; i++) {
        objects += m->source_list[i].slots;
    }
    if (objects + 1 > m->depth_max) {
        m->depth_max = (uint32_t)objects * 2 + 64;
        m->stack = move_alloc(m, m->depth_max * sizeof(struct visit));
    }
    if (!m->plans) {
        m->plans = move_alloc(m, HEAP_TYPES * sizeof(struct type_plan));
        m->unsure = move_alloc(m, MOVE_UNSURE * sizeof(uint64_t *));
    }
    return m->error == MOVE_OK;
}

bool objects_open(struct mover *m)
{
    m->heap = m->mode == MOVE_SAVE ? &heap : address_old(m, &heap);
    if (!m->heap) {
        move_fail(m, MOVE_HEAP, "it has none");
        return false;
    }
    if (!open_sources(m) || !make_room(m)) {
        return false;
    }
    if (m->mode == MOVE_SAVE) {
        return m->error == MOVE_OK;
    }
    if (!m->copied && !m->updating) { // before anything is placed
        m->numbers = address_old(m, &heap_numbers);
        __builtin_memcpy(heap_numbers.before, m->numbers->found, sizeof(heap_numbers.before));
    }
    reserve(m);
    if (m->updating) {
        update_types(m, m->heap);
    } else {
        take_types(m);
    }
    return m->error == MOVE_OK;
}

// ---- To-space ----

static void *place_small(struct mover *m, struct source *s, uint32_t slot, uint32_t *bytes,
                         uint32_t *type)
{
    int c = slab_class(s->slot_bytes - 1);
    uint32_t info = s->info[slot];
    *bytes = info & INFO_BYTES;
    *type = (info & ~INFO_LIVING) >> INFO_TYPE_SHIFT;
    // The seed's numbers choose the windows and slabs; between slots a fast generator will do.
    uint64_t z = m->random += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z ^= z >> 27;
    if (*type >= heap.type_count || *bytes >= s->slot_bytes || !(info & INFO_LIVING) ||
        (heap.classes[c].free_slots == 0 && !slab_reserve(c, 1))) {
        return nullptr;
    }
    s->seen[slot] = info;
    return slab_take(&heap.classes[c], s->shape, *bytes, *type, z);
}

uint32_t object_type(const struct source *s, uint32_t slot)
{
    return s->slot_bytes != 0 ? (s->info[slot] & ~INFO_LIVING) >> INFO_TYPE_SHIFT
                              : ((const struct large *)s->record)->type;
}

uint32_t object_bytes(const struct source *s, uint32_t slot)
{
    return s->slot_bytes != 0 ? s->info[slot] & INFO_BYTES : (uint32_t)s->large_bytes;
}

static void note_place(struct mover *m, struct source *s, uint32_t slot, uint64_t to)
{
    s->to[slot] = to;
    s->placed++;
    m->report->objects++;
}

static uint64_t place_saved(struct mover *m, struct source *s, uint32_t slot)
{
    uint32_t info = s->slot_bytes != 0 ? s->info[slot] : 0;
    uint32_t bytes = object_bytes(s, slot), type = object_type(s, slot);
    void *contents;
    uint64_t to = save_object(m, s, bytes, type, &contents);
    if (to != 0) {
        if (s->slot_bytes != 0) {
            s->seen[slot] = info;
        }
        note_place(m, s, slot, to);
        m->stack[m->depth++] = (struct visit){
            (const uint64_t *)source_slot(s, slot), contents, bytes, type};
        m->report->bytes += bytes;
    }
    return to;
}

// Of another length, perhaps; an object that keeps its length keeps its slot's.
static uint64_t place_updated(struct mover *m, struct source *s, uint32_t slot)
{
    uint32_t bytes = object_bytes(s, slot), type = object_type(s, slot), now;
    if (type >= m->heap->type_count || !update_bytes(m, type, bytes, &now)) {
        move_fail(m, MOVE_TYPE, "number %u", type);
        return 0;
    }
    int c = now == bytes && s->slot_bytes ? slab_class(s->slot_bytes - 1) : slab_class(now);
    void *to = nullptr;
    if (now >= HEAP_LARGE) {
        to = heap_place_large(now, now + 1ull, type);
    } else if (heap.classes[c].free_slots > 0 || slab_reserve(c, 1)) {
        to = slab_take(&heap.classes[c], &slab_shapes[c], now, type, heap_random());
    }
    if (!to || m->depth == m->depth_max) {
        move_fail(m, MOVE_NO_MEMORY, "an object of %u bytes", now);
        return 0;
    }
    note_place(m, s, slot, (uint64_t)to);
    m->stack[m->depth++] = (struct visit){
        (const uint64_t *)source_slot(s, slot), to, bytes, type};
    m->report->bytes += now;
    return (uint64_t)to;
}

uint64_t object_place(struct mover *m, struct source *s, uint32_t slot)
{
    uint32_t bytes, type;
    void *to;
    if (m->mode == MOVE_SAVE) {
        return place_saved(m, s, slot);
    }
    if (m->updating) {
        return place_updated(m, s, slot);
    }
    if (s->slot_bytes != 0) {
        to = place_small(m, s, slot, &bytes, &type);
    } else {
        bytes = (uint32_t)s->large_bytes;
        type = ((const struct large *)s->record)->type;
        to = type < heap.type_count ? heap_place_large(bytes, s->large_room, type) : nullptr;
    }
    if ((!to || m->depth == m->depth_max) && m->live) {
        return 0; // it changes just now; the next pass will see to it
    }
    if (!to || m->depth == m->depth_max) {
        move_fail(m, type < heap.type_count ? MOVE_NO_MEMORY : MOVE_TYPE, "an object of %u bytes",
                  bytes);
        return 0;
    }
    note_place(m, s, slot, (uint64_t)to);
    m->stack[m->depth++] = (struct visit){
        (const uint64_t *)source_slot(s, slot), to, bytes, type};
    m->report->bytes += bytes;
    return (uint64_t)to;
}

// ---- The work list ----

void objects_drain(struct mover *m)
{
    while (m->depth > 0 && m->error == MOVE_OK) {
        struct visit v = m->stack[--m->depth];
        m->raw = false;
        if (m->updating) {
            update_visit(m, &v);
        } else {
            plan_move(m, plan_of_type(m, v.type), v.from, v.to, v.bytes);
        }
        if (m->raw && m->live) {
            note_unsure(m, v.from);
        }
    }
}

static void take_leak(struct mover *m, struct source *s, uint32_t slot)
{
    m->report->leaks++;
    // What only a field pointed to that is gone now, is gone, too.
    if (!(m->startup->flags & STARTUP_DROP_LEAKS) && !m->updating) {
        (void)object_place(m, s, slot);
        objects_drain(m); // what only a leak leads to is no leak of its own
    }
}

// All that live have a place: what does not live any more has lost its own.
static bool is_complete(const struct source *s)
{
    const struct slab *slab = (const struct slab *)s->record;
    return s->slot_bytes != 0 ? s->placed + slab->free_count == s->slots : s->placed == 1;
}

void objects_rest(struct mover *m)
{
    for (uint32_t i = 0; i < m->source_count && m->error == MOVE_OK; i++) {
        struct source *s = &m->source_list[i];
        if (s->gone || is_complete(s)) {
            continue;
        }
        if (s->slot_bytes == 0) {
            take_leak(m, s, 0);
            continue;
        }
        for (uint32_t slot = source_next_changed(s, 0); slot < s->slots && m->error == MOVE_OK;
             slot = source_next_changed(s, slot + 1)) {
            if (s->info[slot] & INFO_LIVING && s->to[slot] == 0) {
                take_leak(m, s, slot);
            }
        }
    }
}
