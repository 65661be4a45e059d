// SPDX-License-Identifier: MIT
// A second pass: what of the heap has been freed, reused or stored to since the first.
//
// The undo log tells what was stored to. Where it is long and the heap small, to look at everything again costs less.
#include "randomizer/mover/lookup.h"

// Most are what they were: many at a time.
uint32_t source_next_changed(const struct source *s, uint32_t slot)
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

static void forget(struct mover *m, struct source *s, uint32_t slot)
{
    m->report->objects--;
    m->report->bytes -= s->slot_bytes ? s->seen[slot] & INFO_BYTES : s->large_bytes;
    heap_displace((void *)s->to[slot]);
    s->placed--;
    s->to[slot] = 0;
    s->seen[slot] = 0;
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

// What a living one has freed keeps its copy until the last pass, when that one is dead: a rollback may bring it back, and
// what points to it would not have changed.
static void look_at_slots(struct mover *m, struct source *s)
{
    for (uint32_t slot = source_next_changed(s, 0); slot < s->slots; slot = source_next_changed(s, slot + 1)) {
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

// Sources by the address of their slots' records, for if_info. Shell's sort: there are hundreds.
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

void note_unsure(struct mover *m, const uint64_t *object)
{
    if (m->unsure_count < MOVE_UNSURE) {
        m->unsure[m->unsure_count++] = object;
    } else {
        m->next_whole = true;
    }
}

// ---- Parts of large objects ----

enum { PART_SHIFT = 6 }; // bytes of a part: 64

// Of a large object without fixed places for pointers, what was stored to is enough. nullptr: all of it is to be looked at.
static const struct type_plan *plan_of_parts(struct mover *m, const struct source *s)
{
    uint32_t type = ((const struct large *)s->record)->type;
    // A pointer at an odd place could lie across the border.
    if (s->to[0] == 0 || type >= heap.type_count || m->scan_step < sizeof(uint64_t)) {
        return nullptr;
    }
    const struct type_plan *plan = plan_of_type(m, type);
    return plan->kind == PLAN_SCAN || plan->kind == PLAN_PLAIN ? plan : nullptr;
}

// Once a pass.
static void begin_parts(struct mover *m, struct source *s)
{
    uint64_t bytes = ((s->large_room >> PART_SHIFT) / 64 + 1) * sizeof(uint64_t);
    s->parts_pass = m->passes;
    s->parts_plan = plan_of_parts(m, s);
    if (s->parts_plan && !s->parts) {
        s->parts = move_alloc(m, bytes);
        s->parts_plan = s->parts ? s->parts_plan : nullptr;
    } else if (s->parts_plan) {
        __builtin_memset(s->parts, 0, bytes);
    }
}

// The same parts are stored to again and again: they are only noted, and copied once. false: all of it is to be looked at.
static bool note_parts(struct mover *m, struct source *s, uint64_t first, uint64_t last)
{
    if (s->parts_pass != m->passes) {
        begin_parts(m, s);
    }
    if (!s->parts_plan) {
        return false;
    }
    last = last < s->large_bytes ? last : s->large_bytes - 1;
    for (uint64_t part = first >> PART_SHIFT; part <= last >> PART_SHIFT && first < s->large_bytes; part++) {
        s->parts[part / 64] |= 1ull << (part % 64);
    }
    return true;
}

// The first part from `part` on that is noted, or is not; `parts`: there is none.
static uint64_t next_part(const struct source *s, uint64_t part, uint64_t parts, bool noted)
{
    while (part < parts) {
        uint64_t word = (noted ? s->parts[part / 64] : ~s->parts[part / 64]) >> part % 64;
        if (word != 0) {
            part += (uint64_t)__builtin_ctzll(word);
            return part < parts ? part : parts;
        }
        part = (part | 63) + 1;
    }
    return parts;
}

// Neighbours at once.
static void copy_parts(struct mover *m, const struct source *s)
{
    uint64_t parts = (s->large_bytes + (1 << PART_SHIFT) - 1) >> PART_SHIFT, end;
    m->raw = false;
    for (uint64_t part = next_part(s, 0, parts, true); part < parts; part = next_part(s, end, parts, true)) {
        end = next_part(s, part, parts, false);
        uint64_t from = part << PART_SHIFT, to = end << PART_SHIFT;
        to = to < s->large_bytes ? to : s->large_bytes;
        plan_copy(m, s->parts_plan, (const uint64_t *)(s->start + from), (uint64_t *)(s->to[0] + from), to - from);
    }
    if (m->raw && m->live) {
        note_unsure(m, (const uint64_t *)s->start);
    }
}

static void copy_all_parts(struct mover *m)
{
    for (uint32_t i = 0; i < m->source_count; i++) {
        const struct source *s = &m->source_list[i];
        if (s->parts_pass == m->passes && s->parts_plan && !s->gone) {
            copy_parts(m, s);
        }
    }
}

// ---- Stores ----

static void change_in(struct mover *m, struct source *s, uintptr_t address, size_t bytes)
{
    uint64_t first = address - s->start, last = first + bytes - 1;
    if (s->slot_bytes == 0) {
        if (!note_parts(m, s, first, last)) {
            again(m, s, 0);
        }
        return;
    }
    uint32_t slot;
    uint64_t where;
    bool inside = slot_at(s->shape, first, &slot, &where); // else it is the next one
    if (inside && slot < s->slots && where + bytes <= s->slot_bytes) {
        again(m, s, slot);
        return;
    }
    for (; slot < s->slots && slot_offset(s->shape, slot) <= last; slot++) {
        again(m, s, slot);
    }
}

// Most are of globals, which are copied in any case.
[[gnu::noinline]] static void change_at(struct mover *m, uintptr_t address, size_t bytes)
{
    struct source *s = source_at(m, address);
    if (s) {
        change_in(m, s, address, bytes);
    } else if (address - m->info_low < m->info_span) {
        if_info(m, address);
    }
}

// A long log is of the same words, request after request.
static bool was_seen(struct mover *m, uintptr_t address)
{
    uint64_t *at = &m->recent[address / sizeof(uint64_t) % MOVE_RECENT];
    bool seen = *at == address;
    *at = address;
    return seen;
}

// Stands alone, so that what is seen again costs no more than a look.
static void on_change(void *context, uintptr_t address, size_t bytes)
{
    struct mover *m = context;
    if (!m->recent || bytes != sizeof(uint64_t) || !was_seen(m, address)) {
        change_at(m, address, bytes);
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

// What a pass costs, in instructions: some 4 for a byte of the log, or 420 for an object and 1 for a byte of it.
static bool is_whole_cheaper(const struct mover *m, uint64_t log)
{
    enum { A_BYTE_OF_LOG = 4, AN_OBJECT = 420, A_BYTE = 1 };
    return log > (m->report->objects * AN_OBJECT + m->report->bytes * A_BYTE) / A_BYTE_OF_LOG;
}

// Of a short log, nothing is gained.
static void forget_seen(struct mover *m, uint64_t log)
{
    enum : uint64_t { BYTES = MOVE_RECENT * sizeof(uint64_t) };
    m->recent = log > BYTES ? m->recent_room ? m->recent_room : move_alloc(m, BYTES) : nullptr;
    if (m->recent) {
        m->recent_room = m->recent;
        __builtin_memset(m->recent, 0, BYTES);
    }
}

// false: changes are not known one by one.
static bool look_at_changes(struct mover *m, uint32_t unsure, uint64_t log)
{
    sort_by_info(m);
    forget_seen(m, log);
    for (uint32_t i = 0; i < unsure; i++) {
        again_at(m, (uintptr_t)m->unsure[i]);
    }
    bool known = undo_since(address_old(m, &undo_log), m->mark, on_change, m);
    if (known) {
        copy_all_parts(m);
    }
    return known && !m->whole; // which may have turned out only now
}

void objects_update(struct mover *m)
{
    uint32_t unsure = m->unsure_count;
    m->unsure_count = 0;
    m->passes++;
    uint64_t log = undo_bytes_since(address_old(m, &undo_log), m->mark);
    m->whole = m->whole || is_whole_cheaper(m, log);
    look_at_sources(m);
    if (!m->whole && look_at_changes(m, unsure, log)) {
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

