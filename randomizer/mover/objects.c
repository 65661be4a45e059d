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

// ---- A second pass ----

static void forget(struct mover *m, struct source *s, uint32_t slot)
{
    m->report->objects--;
    m->report->bytes -= s->slot_bytes ? s->seen[slot] & INFO_BYTES : s->large_bytes;
    heap_displace((void *)s->to[slot]);
    s->placed--;
    s->to[slot] = 0;
    s->seen[slot] = 0;
}

// The next slot whose record is not what it was when its object was placed; of one that was not
// placed, not zero. Most are: many at a time.
static uint32_t next_changed(const struct source *s, uint32_t slot)
{
    typedef uint32_t many __attribute__((vector_size(64), aligned(4)));
    enum { MANY = sizeof(many) / sizeof(uint32_t) };
    for (; slot + 2 * MANY <= s->slots; slot += 2 * MANY) {
        const many *is = (const many *)&s->info[slot], *was = (const many *)&s->seen[slot];
        if (__builtin_reduce_or((is[0] ^ was[0]) | (is[1] ^ was[1])) != 0) {
            break;
        }
    }
    while (slot < s->slots && s->info[slot] == s->seen[slot]) {
        slot++;
    }
    return slot;
}

// Once a pass, however many records there are of stores to it.
static void again(struct mover *m, const struct source *s, uint32_t slot)
{
    if (s->to[slot] == 0 || s->queued[slot] == m->passes || m->depth == m->depth_max) {
        m->whole = m->whole || m->depth == m->depth_max;
        return;
    }
    s->queued[slot] = m->passes;
    uint32_t info = s->slot_bytes ? s->seen[slot] : 0;
    m->stack[m->depth++] = (struct visit){
        (const uint64_t *)source_slot(s, slot), (uint64_t *)s->to[slot],
        s->slot_bytes ? info & INFO_BYTES : (uint32_t)s->large_bytes,
        s->slot_bytes ? (info & ~INFO_LIVING) >> INFO_TYPE_SHIFT
                      : ((const struct large *)s->record)->type};
}

// Another object, or one of another size, is where one was that has a copy: it takes the copy's place, because not all that
// points to it need have changed.
static void replace(struct mover *m, struct source *s, uint32_t slot, uint32_t info)
{
    m->report->bytes += (info & INFO_BYTES) - (uint64_t)(s->seen[slot] & INFO_BYTES);
    heap_change((void *)s->to[slot], info & INFO_BYTES, (info & ~INFO_LIVING) >> INFO_TYPE_SHIFT);
    s->seen[slot] = info;
    again(m, s, slot);
}

static bool fits(const struct source *s, uint32_t info)
{
    return (info & INFO_LIVING) && (info & INFO_BYTES) < s->slot_bytes &&
           (info & ~INFO_LIVING) >> INFO_TYPE_SHIFT < heap.type_count;
}

// What a living one has freed keeps its copy for now: a rollback may bring it back, and what points to it would not have
// changed.
static void look_at_slots(struct mover *m, struct source *s)
{
    for (uint32_t slot = next_changed(s, 0); slot < s->slots; slot = next_changed(s, slot + 1)) {
        uint32_t info = s->info[slot];
        if (s->to[slot] == 0) {
            continue;
        }
        if (fits(s, info)) {
            replace(m, s, slot, info);
        } else if (!m->live) {
            forget(m, s, slot);
        }
    }
}

static void drop_source(struct mover *m, struct source *s)
{
    for (uint32_t slot = 0; slot < s->slots; slot++) {
        if (s->to[slot] != 0) {
            forget(m, s, slot);
        }
    }
    s->dropped = true;
}

// Room for it was reserved when it was placed.
static void resize_large(struct mover *m, struct source *s)
{
    uint64_t bytes = ((const struct large *)s->record)->bytes;
    s->resized = false;
    if (bytes >= s->large_room) {
        return; // not sound just now
    }
    if (s->to[0] != 0) {
        m->report->bytes += bytes - s->large_bytes;
        heap_change((void *)s->to[0], bytes, 0);
    }
    s->large_bytes = bytes;
    again(m, s, 0);
}

static void look_at_sources(struct mover *m)
{
    for (uint32_t i = 0; i < m->source_count; i++) {
        struct source *s = &m->source_list[i];
        if (s->gone && !s->dropped) {
            drop_source(m, s);
        } else if (s->gone) {
            continue;
        } else if (s->slot_bytes != 0) {
            look_at_slots(m, s);
        } else if (s->resized) {
            resize_large(m, s);
        }
    }
}

// Sources by the address of their slots' records, for is_info. Shell's sort: there are hundreds.
static void sort_by_info(struct mover *m)
{
    m->by_info = move_alloc(m, (m->source_count + 1) * sizeof(struct source *));
    m->by_info_count = 0;
    for (uint32_t i = 0; m->by_info && i < m->source_count; i++) {
        if (m->source_list[i].slot_bytes != 0 && !m->source_list[i].gone) {
            m->by_info[m->by_info_count++] = &m->source_list[i];
        }
    }
    for (uint32_t gap = m->by_info_count / 2; gap > 0; gap /= 2) {
        for (uint32_t i = gap; i < m->by_info_count; i++) {
            const struct source *s = m->by_info[i];
            uint32_t at = i;
            for (; at >= gap && m->by_info[at - gap]->info > s->info; at -= gap) {
                m->by_info[at] = m->by_info[at - gap];
            }
            m->by_info[at] = s;
        }
    }
    const struct source *last = m->by_info_count > 0 ? m->by_info[m->by_info_count - 1] : nullptr;
    m->info_low = last ? (uint64_t)m->by_info[0]->info : 0;
    m->info_span = last ? (uint64_t)(last->info + last->slots) - m->info_low : 0;
}

// A store to a slot's record: the slot was freed and given out again, perhaps to just such an
// object.
[[gnu::noinline]] static void if_info(struct mover *m, uintptr_t address)
{
    uint32_t low = 0, high = m->by_info_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if ((uintptr_t)m->by_info[middle]->info <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct source *s = low > 0 ? m->by_info[low - 1] : nullptr;
    uint64_t slot = s ? (address - (uintptr_t)s->info) / sizeof(uint32_t) : 0;
    if (s && slot < s->slots) {
        again(m, s, (uint32_t)slot);
    }
}

static void note_unsure(struct mover *m, const uint64_t *object)
{
    if (m->unsure_count < MOVE_UNSURE) {
        m->unsure[m->unsure_count++] = object;
    } else {
        m->next_whole = true;
    }
}

// Of a large object without fixed places for pointers, what was stored to is enough.
static bool again_in_part(struct mover *m, const struct source *s, uint64_t offset, uint64_t bytes)
{
    uint32_t type = ((const struct large *)s->record)->type;
    // A pointer at an odd place could lie across the border.
    if (s->to[0] == 0 || type >= heap.type_count || m->scan_step < sizeof(uint64_t)) {
        return false;
    }
    const struct type_plan *plan = plan_of_type(m, type);
    if (plan->kind != PLAN_SCAN && plan->kind != PLAN_PLAIN) {
        return false;
    }
    uint64_t from = offset & ~7ull, end = (offset + bytes + 7) & ~7ull;
    end = end < s->large_bytes ? end : s->large_bytes;
    m->raw = false;
    if (from < end) {
        plan_copy(m, plan, (const uint64_t *)(s->start + from), (uint64_t *)(s->to[0] + from),
                  end - from);
    }
    if (m->raw && m->live) {
        note_unsure(m, (const uint64_t *)s->start);
    }
    return true;
}

[[gnu::noinline]] static void change_in(struct mover *m, const struct source *s, uintptr_t address, size_t bytes)
{
    uint64_t first = address - s->start, last = first + bytes - 1;
    if (s->slot_bytes == 0) {
        if (!again_in_part(m, s, first, bytes)) {
            again(m, s, 0);
        }
        return;
    }
    uint32_t slot;
    uint64_t where;
    (void)slot_at(s->shape, first, &slot, &where); // or the next one
    for (; slot < s->slots && slot_offset(s->shape, slot) <= last; slot++) {
        again(m, s, slot);
    }
}

// Most are of globals, which are copied in any case.
static void on_change(void *context, uintptr_t address, size_t bytes)
{
    struct mover *m = context;
    const struct source *s = source_at(m, address);
    if (s) {
        change_in(m, s, address, bytes);
    } else if (address - m->info_low < m->info_span) {
        if_info(m, address);
    }
}

// The whole object that is there.
static void again_at(struct mover *m, uintptr_t address)
{
    const struct source *s = source_at(m, address);
    uint32_t slot = 0;
    uint64_t where;
    if (s && (s->slot_bytes == 0 || slot_at(s->shape, address - s->start, &slot, &where)) && slot < s->slots) {
        again(m, s, slot);
    }
}

// false: changes are not known one by one.
static bool look_at_changes(struct mover *m)
{
    look_at_sources(m);
    sort_by_info(m);
    uint32_t unsure = m->unsure_count;
    m->unsure_count = 0;
    for (uint32_t i = 0; i < unsure; i++) {
        again_at(m, (uintptr_t)m->unsure[i]);
    }
    bool known = undo_since(address_old(m, &undo_log), m->mark, on_change, m);
    return known && !m->whole;
}

void objects_update(struct mover *m)
{
    m->passes++;
    if (look_at_changes(m)) {
        return;
    }
    m->depth = 0;
    m->passes++; // what was on the list is forgotten
    for (uint32_t i = 0; i < m->source_count; i++) {
        for (uint32_t slot = 0; slot < m->source_list[i].slots; slot++) {
            again(m, &m->source_list[i], slot);
        }
        objects_drain(m);
    }
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
        for (uint32_t slot = next_changed(s, 0); slot < s->slots && m->error == MOVE_OK;
             slot = next_changed(s, slot + 1)) {
            if (s->info[slot] & INFO_LIVING && s->to[slot] == 0) {
                take_leak(m, s, slot);
            }
        }
    }
}
