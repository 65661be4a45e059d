// SPDX-License-Identifier: MIT
// Where the pointers of a type are, in the form in which thousands of objects of it are gone
// through: a list of offsets. Only types whose pointers depend on their contents are walked.
#include "randomizer/mover/lookup.h"

enum { SLOTS_MAX = 4096 }; // of one element; more are walked

RT_OWN static struct plan_slot draft[SLOTS_MAX];

struct drafting {
    const struct type_map *map;
    uint32_t count;
    bool failed; // the map must be walked
};

struct condition {
    uint32_t tag, when;
    uint8_t tag_bytes; // 0: none
};

static void draft_run(struct drafting *d, uint32_t at, uint64_t whole, struct condition c);

static void draft_slot(struct drafting *d, uint64_t offset, uint32_t kind, struct condition c)
{
    if (d->count == SLOTS_MAX || offset > UINT32_MAX) {
        d->failed = true;
        return;
    }
    draft[d->count++] = (struct plan_slot){.offset = (uint32_t)offset, .kind = (uint8_t)kind,
                                           .tag_bytes = c.tag_bytes, .tag = c.tag, .when = c.when};
}

// Slots for each alternative under its value; before them, if not all values are allowed, the list
// of those that are.
static void draft_union(struct drafting *d, uint32_t at, uint64_t start, uint64_t whole,
                        struct condition c)
{
    const struct type_map_entry *e = d->map->entries, *tag = &e[e[at].aux];
    uint32_t end = at + 1 + e[at].below, first = d->count;
    bool all = false;
    if (!(e[at].flags & TYPE_TAGGED)) {
        if (e[at].below) {
            draft_run(d, at + 1, start, c);
        }
        return;
    }
    if (c.tag_bytes != 0 || tag->kind != TYPE_PLAIN || tag->bytes > 8 ||
        (tag->bytes & (tag->bytes - 1)) != 0) {
        d->failed = true;
        return;
    }
    c = (struct condition){(uint32_t)(whole + tag->offset), 0, (uint8_t)tag->bytes};
    draft_slot(d, start, PLAN_TAG, c);
    for (uint32_t i = at + 1; i < end && !d->failed; i += 1 + e[i].below) {
        c.when = e[i].aux;
        all = all || !(e[i].flags & TYPE_WHEN);
        draft_slot(d, e[at].bytes, PLAN_VALUE, c);
    }
    draft[first].choices = (uint16_t)(d->count - first - 1);
    if (all) {
        d->count = first; // any value will do
    }
    for (uint32_t i = at + 1; i < end && !d->failed; i += 1 + e[i].below) {
        c.when = e[i].aux;
        if (e[i].flags & TYPE_WHEN) {
            draft_run(d, i, start, c);
        }
    }
}

static void draft_one(struct drafting *d, uint32_t at, uint64_t start, uint64_t whole,
                      struct condition c)
{
    const struct type_map_entry *e = &d->map->entries[at];
    if (e->kind == TYPE_POINTER || e->kind == TYPE_FUNCTION || e->kind == TYPE_HANDLE) {
        draft_slot(d, start, e->kind, c);
    } else if (e->kind == TYPE_SCAN) {
        for (uint64_t o = (start + 7) & ~7ull; o + 8 <= start + e->bytes && !d->failed; o += 8) {
            draft_slot(d, o, TYPE_SCAN, c);
        }
    } else if (e->kind == TYPE_UNION) {
        draft_union(d, at, start, whole, c);
    } else if (e->kind == TYPE_STRUCT) {
        for (uint32_t i = at + 1; i < at + 1 + e->below && !d->failed;
             i += 1 + d->map->entries[i].below) {
            draft_run(d, i, start, c);
        }
    }
}

// The slots of an array's first element again, `shift` bytes further. A tag lies in the element, too, unless
// the whole array is a union's alternative.
static void draft_again(struct drafting *d, uint32_t first, uint32_t count, uint64_t shift,
                        bool tags)
{
    for (uint32_t i = first; i < first + count; i++) {
        struct plan_slot s = draft[i];
        s.offset += s.kind != PLAN_VALUE ? (uint32_t)shift : 0; // of that one, it is the union's length
        s.tag += tags && s.tag_bytes != 0 && s.kind != PLAN_RUN ? (uint32_t)shift : 0;
        draft[d->count++] = s;
    }
}

// An array is a run, if its elements are as simple: tables of hundreds of entries are gone through at each birth, and most of
// their pointers are null.
static bool draft_repeated(struct drafting *d, uint32_t first, uint32_t each, const struct type_map_entry *e)
{
    enum { MANY = 4, EACH_MAX = 64 };
    bool simple = e->count >= MANY && each <= EACH_MAX && d->count < SLOTS_MAX;
    for (uint32_t i = first; i < d->count && simple; i++) {
        simple = draft[i].tag_bytes == 0;
    }
    if (simple) {
        __builtin_memmove(&draft[first + 1], &draft[first], each * sizeof(draft[0]));
        draft[first] = (struct plan_slot){.kind = PLAN_RUN, .tag_bytes = 1, .choices = (uint16_t)each,
                                          .tag = (uint32_t)e->bytes, .when = e->count};
        d->count++;
    }
    return simple;
}

static void draft_run(struct drafting *d, uint32_t at, uint64_t whole, struct condition c)
{
    const struct type_map_entry *e = &d->map->entries[at];
    uint32_t first = d->count;
    if (!(e->flags & TYPE_LIVE)) {
        return;
    }
    uint64_t start = whole + e->offset, end = start + (uint64_t)e->count * e->bytes;
    d->failed = d->failed || e->count == TYPE_MAP_FLEXIBLE || end > UINT32_MAX;
    // Where the words of scanned memory are depends on where it starts, if that is no multiple of 8.
    bool alike = e->bytes % 8 == 0;
    for (uint32_t i = 0; i < e->count && !d->failed && (i == 0 || !alike); i++) {
        draft_one(d, at, start + (uint64_t)i * e->bytes, whole, c);
    }
    uint32_t each = d->count - first;
    if (!alike || e->count <= 1 || each == 0 || d->failed || draft_repeated(d, first, each, e)) {
        return;
    }
    d->failed = (uint64_t)each * e->count > SLOTS_MAX - first;
    for (uint32_t i = 1; i < e->count && !d->failed; i++) {
        draft_again(d, first, each, (uint64_t)i * e->bytes, c.tag_bytes == 0);
    }
}

static bool has_tail(const struct type_map *map)
{
    for (uint32_t i = 0; i < map->entry_count; i++) {
        if (map->entries[i].count == TYPE_MAP_FLEXIBLE) {
            return true;
        }
    }
    return false;
}

static bool is_bare(const struct plan_slot *slots, uint32_t count)
{
    bool bare = true;
    for (uint32_t i = 0; i < count; i++) {
        bare = bare && slots[i].tag_bytes == 0 && slots[i].kind != TYPE_HANDLE;
    }
    return bare;
}

bool plan_of_map(struct mover *m, struct type_plan *plan, const void *map)
{
    const struct type_map_header *header = map;
    enum type_map_error error = type_map_open(&plan->map, map, header->bytes);
    if (error != TYPE_MAP_OK) {
        move_fail(m, MOVE_MAP, "%s", type_map_error_text(error));
        return false;
    }
    struct drafting d = {.map = &plan->map};
    plan->element = plan->map.entries->bytes;
    draft_run(&d, 0, 0, (struct condition){0});
    if (d.failed) {
        plan->kind = PLAN_WALK;
        return true;
    }
    plan->single = has_tail(&plan->map);
    plan->kind = d.count ? PLAN_SLOTS : PLAN_PLAIN;
    plan->count = d.count;
    plan->bare = is_bare(draft, d.count);
    plan->slots = move_alloc(m, (d.count + 1) * sizeof(struct plan_slot));
    if (plan->slots) {
        __builtin_memcpy(plan->slots, draft, d.count * sizeof(struct plan_slot));
    }
    return plan->slots != nullptr;
}

const struct type_plan *plan_of_type(struct mover *m, uint32_t type)
{
    struct type_plan *plan = &m->plans[type];
    if (plan->kind != PLAN_UNKNOWN) {
        return plan;
    }
    const struct rt_type *t = heap.types[type];
    if (type == 0 || !t || !t->map) {
        plan->kind = PLAN_SCAN;
    } else if (!plan_of_map(m, plan, t->map)) {
        plan->kind = PLAN_PLAIN; // m->error says why
    }
    return plan;
}

// ---- Copying ----

static inline uint64_t load(const void *at)
{
    uint64_t word;
    __builtin_memcpy(&word, at, sizeof(word));
    return word;
}

static inline void store(void *at, uint64_t word)
{
    __builtin_memcpy(at, &word, sizeof(word));
}

static inline void copy_slot(struct mover *m, uint32_t kind, const uint8_t *from, uint8_t *to)
{
    if (kind == TYPE_HANDLE) {
        uint32_t handle;
        __builtin_memcpy(&handle, from, sizeof(handle));
        if (m->mode == MOVE_OVER) {
            handle_named(m, handle);
            return;
        }
        handle = m->mode == MOVE_SAVE ? handle_saved(handle) : handle_restored(m, handle);
        __builtin_memcpy(to, &handle, sizeof(handle));
        return;
    }
    uint64_t old = load(from);
    if (old == 0) {
        return;
    }
    bool inside = old - m->self < m->self_bytes; // one past the end is looked up
    uint64_t now = inside ? old - m->self + m->self_to : address_new(m, old);
    if (now != 0) {
        store(to, now);
        m->report->pointers++;
    } else {
        bool wild = kind != TYPE_SCAN;
        m->report->wild += wild;
        m->raw = m->raw || wild; // what it leads to may be there in the next pass
        if (m->mode != MOVE_OVER && wild && old - USER_MIN < USER_MAX - USER_MIN) {
            store(to, 0); // it says where things are in one layout, and leads nowhere in another
        }
    }
}

// In place of a loop where there is much: see lib/rt/mem.c.
static void copy_words(const uint64_t *from, uint64_t *to, uint64_t bytes)
{
    uint64_t words = (bytes + 7) / 8;
    if (words > 32) {
        __builtin_memcpy(to, from, words * 8);
        return;
    }
    for (uint64_t i = 0; i < words; i++) {
        to[i] = from[i];
    }
}

// The word at each step; behind a pointer, the search goes on behind its last byte. In front of an
// unaligned one, nothing is taken for a pointer by mistake: its upper half would have to be zero.
static void scan(struct mover *m, const uint64_t *from, uint64_t *to, uint64_t bytes)
{
    struct move_report *r = m->report;
    copy_words(from, to, bytes);
    for (uint64_t at = 0; at + 8 <= bytes;) {
        uint64_t word = load((const uint8_t *)from + at);
        uint64_t now = address_of_untyped(m, word); // most are small numbers
        r->tried++;
        if (now == 0) {
            if (address_may_be(word)) {
                r->doubtful += !(m->numbers && heap_avoided(m->numbers, word));
                heap_note_number(word);
            }
            at += m->scan_step;
            continue;
        }
        store((uint8_t *)to + at, now);
        r->pointers++;
        r->found++;
        at += 8;
    }
}

struct walker {
    struct mover *m;
    const uint8_t *from;
    uint8_t *to;
};

static bool walk_slot(void *context, const struct type_slot *slot)
{
    struct walker *w = context;
    copy_slot(w->m, slot->kind, w->from + slot->offset, w->to + slot->offset);
    return true;
}

static void walk(struct mover *m, const struct type_plan *plan, const uint64_t *from, uint64_t *to,
                 uint64_t bytes)
{
    struct walker w = {m, (const uint8_t *)from, (uint8_t *)to};
    enum type_map_error error = type_map_walk(&plan->map, from, bytes, walk_slot, &w);
    if (error != TYPE_MAP_OK) {
        move_fail(m, MOVE_TAG, "%s: %s", plan->map.strings + plan->map.entries[0].type,
                  type_map_error_text(error));
    }
}

static inline uint64_t tag_of(const uint8_t *at, uint32_t bytes)
{
    uint64_t value = 0;
    switch (bytes) {
    case 1:
        return *at;
    case 2:
        __builtin_memcpy(&value, at, 2);
        return value;
    case 4:
        __builtin_memcpy(&value, at, 4);
        return value;
    default:
        return (uint32_t)load(at);
    }
}

static inline bool tag_is(const struct plan_slot *s, const uint8_t *element)
{
    uint32_t mask = s->tag_bytes < 4 ? (1u << s->tag_bytes * 8) - 1 : UINT32_MAX;
    return tag_of(element + s->tag, s->tag_bytes) == (s->when & mask);
}

// A union whose tag has no value of the list is damage, unless all of it is zero.
static void check_tag(struct mover *m, const struct type_plan *plan, const struct plan_slot *s,
                      const uint8_t *element)
{
    bool zero = true;
    for (uint32_t i = 1; i <= s->choices; i++) {
        if (tag_is(&s[i], element)) {
            return;
        }
    }
    for (uint32_t i = 0; i < s[1].offset; i++) {
        zero = zero && element[s->offset + i] == 0;
    }
    if (!zero) {
        move_fail(m, MOVE_TAG, "%s", plan->map.strings + plan->map.entries[0].type);
    }
}

// Of a pointer that is not null. Stands alone, so that the loop that looks for one fits into registers.
[[gnu::noinline]]
static void copy_pointer(struct mover *m, uint32_t kind, const uint8_t *from, uint8_t *to)
{
    copy_slot(m, kind, from, to);
}

static void copy_run(struct mover *m, const struct plan_slot *run, const uint8_t *from, uint8_t *to)
{
    const struct plan_slot *end = run + 1 + run->choices;
    uint64_t bytes = run->tag;
    for (uint32_t left = run->when; left > 0; left--, from += bytes, to += bytes) {
        for (const struct plan_slot *s = run + 1; s < end; s++) {
            if (s->kind == TYPE_HANDLE || load(from + s->offset) != 0) {
                copy_pointer(m, s->kind, from + s->offset, to + s->offset);
            }
        }
    }
}

static inline void copy_element(struct mover *m, const struct type_plan *plan, const uint8_t *from,
                                uint8_t *to)
{
    for (const struct plan_slot *s = plan->slots, *end = s + plan->count; s < end; s++) {
        if (__builtin_expect(s->tag_bytes != 0, 0)) {
            if (s->kind == PLAN_RUN) {
                copy_run(m, s, from, to);
                s += s->choices;
                continue;
            }
            if (s->kind == PLAN_TAG) {
                check_tag(m, plan, s, from);
                s += s->choices;
                continue;
            }
            if (!tag_is(s, from)) {
                continue;
            }
        }
        copy_slot(m, s->kind, from + s->offset, to + s->offset);
    }
}

// Tables are long, and most of their pointers are null.
static void copy_bare(struct mover *m, const struct type_plan *plan, const uint8_t *from,
                      uint8_t *to, uint64_t bytes)
{
    const struct plan_slot *slots = plan->slots;
    uint64_t count = plan->count, element = plan->element;
    for (uint64_t left = bytes / element; left > 0; left--, from += element, to += element) {
        for (uint64_t i = 0; i < count; i++) {
            uint64_t at = slots[i].offset;
            if (load(from + at) != 0) {
                copy_pointer(m, slots[i].kind, from + at, to + at);
            }
        }
    }
}

static void copy_slots(struct mover *m, const struct type_plan *plan, const uint64_t *from,
                       uint64_t *to, uint64_t bytes)
{
    bytes = plan->single && bytes > plan->element ? plan->element : bytes;
    if (plan->bare) {
        copy_bare(m, plan, (const uint8_t *)from, (uint8_t *)to, bytes);
        return;
    }
    for (uint64_t e = 0; e + plan->element <= bytes; e += plan->element) {
        copy_element(m, plan, (const uint8_t *)from + e, (uint8_t *)to + e);
    }
}

// A word that has bytes of no field is no pointer, whatever was there before or on the stack that it was copied from.
static bool has_padding(const struct type_plan *plan, uint64_t at)
{
    bool covered = true, tail = has_tail(&plan->map);
    for (uint64_t end = at + 8; at < end && covered; at++) {
        covered = type_map_covers(&plan->map, tail ? at : at % plan->element);
    }
    return !covered;
}

// Every word that would be a pointer if it were one must be known as one.
static void check_unknown(struct mover *m, const struct type_plan *plan, const uint64_t *from,
                          const uint64_t *to, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes / 8; i++) {
        if (to[i] == from[i] && address_new(m, from[i]) != 0 &&
            (plan->kind == PLAN_SCAN || !has_padding(plan, i * 8))) {
            move_fail(m, MOVE_STALE, "%s+%llu holds %#llx",
                      plan->kind == PLAN_SCAN ? "?" : plan->map.strings + plan->map.entries[0].type,
                      (unsigned long long)i * 8, (unsigned long long)from[i]);
        }
    }
}

void plan_copy(struct mover *m, const struct type_plan *plan, const uint64_t *from, uint64_t *to,
               uint64_t bytes)
{
    if (plan->kind == PLAN_SCAN) {
        scan(m, from, to, bytes);
        return;
    }
    copy_words(from, to, bytes);
    if (plan->kind == PLAN_SLOTS) {
        copy_slots(m, plan, from, to, bytes);
    } else if (plan->kind == PLAN_WALK) {
        walk(m, plan, from, to, bytes);
    }
    if (m->check) {
        check_unknown(m, plan, from, to, bytes);
    }
}

void plan_move(struct mover *m, const struct type_plan *plan, const uint64_t *from, uint64_t *to,
               uint64_t bytes)
{
    m->self = (uint64_t)from;
    m->self_to = (uint64_t)to;
    m->self_bytes = m->mode == MOVE_OVER ? bytes : 0; // in a checkpoint, it is not where its place says
    plan_copy(m, plan, from, to, bytes);
    m->self_bytes = 0;
}
