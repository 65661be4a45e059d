// SPDX-License-Identifier: MIT
// Where the pointers of a type are, in the form in which thousands of objects of it are gone
// through: a list of offsets. Only types whose pointers depend on their contents are walked.
#include "randomizer/mover/internal.h"

enum { SLOTS_MAX = 4096 }; // of one element; more are walked

struct collector {
    struct plan_slot *slots;
    uint32_t count, max;
};

static bool collect(void *context, const struct type_slot *slot)
{
    struct collector *c = context;
    if (c->count == c->max || slot->offset > UINT32_MAX) {
        return false;
    }
    c->slots[c->count++] = (struct plan_slot){(uint32_t)slot->offset, slot->kind};
    return true;
}

static bool depends_on_contents(const struct type_map *map)
{
    for (uint32_t i = 0; i < map->entry_count; i++) {
        if ((map->entries[i].flags & TYPE_TAGGED) || map->entries[i].count == TYPE_MAP_FLEXIBLE) {
            return true;
        }
    }
    return false;
}

bool plan_of_map(struct mover *m, struct type_plan *plan, const void *map)
{
    RT_OWN static struct plan_slot slots[SLOTS_MAX];
    const struct type_map_header *header = map;
    enum type_map_error error = type_map_open(&plan->map, map, header->bytes);
    if (error != TYPE_MAP_OK) {
        move_fail(m, MOVE_MAP, "%s", type_map_error_text(error));
        return false;
    }
    const struct type_map_entry *whole = plan->map.entries;
    plan->element = whole->bytes;
    if (!(whole->flags & TYPE_LIVE)) {
        plan->kind = PLAN_PLAIN;
        return true;
    }
    struct collector c = {slots, 0, SLOTS_MAX};
    plan->kind = PLAN_WALK;
    if (depends_on_contents(&plan->map) ||
        type_map_walk(&plan->map, nullptr, whole->bytes, collect, &c) != TYPE_MAP_OK) {
        return true;
    }
    plan->slots = move_alloc(m, (c.count + 1) * sizeof(struct plan_slot));
    if (!plan->slots) {
        return false;
    }
    __builtin_memcpy(plan->slots, slots, c.count * sizeof(struct plan_slot));
    plan->count = c.count;
    plan->kind = c.count ? PLAN_SLOTS : PLAN_PLAIN;
    return true;
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

static inline uint64_t moved(struct mover *m, uint64_t old)
{
    bool found;
    uint64_t now = address_new(m, old, &found);
    m->report->pointers += found;
    return now;
}

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
        handle_named(m, handle);
        return;
    }
    uint64_t old = load(from);
    if (old == 0) {
        return;
    }
    bool found;
    store(to, address_new(m, old, &found));
    m->report->pointers += found;
    m->report->wild += !found && kind != TYPE_SCAN;
}

static void copy_words(const uint64_t *from, uint64_t *to, uint64_t bytes)
{
    for (uint64_t i = 0; i < (bytes + 7) / 8; i++) {
        to[i] = from[i];
    }
}

static void scan(struct mover *m, const uint64_t *from, uint64_t *to, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes / 8; i++) {
        uint64_t word = from[i];
        // Small numbers, and what is no user address, are the bulk.
        to[i] = word < USER_MIN || word >= USER_MAX ? word : moved(m, word);
    }
    if (bytes % 8) {
        to[bytes / 8] = from[bytes / 8];
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

static void copy_slots(struct mover *m, const struct type_plan *plan, const uint64_t *from,
                       uint64_t *to, uint64_t bytes)
{
    const uint8_t *source = (const uint8_t *)from;
    uint8_t *target = (uint8_t *)to;
    for (uint64_t e = 0; e + plan->element <= bytes; e += plan->element) {
        for (uint32_t i = 0; i < plan->count; i++) {
            uint64_t at = e + plan->slots[i].offset;
            copy_slot(m, plan->slots[i].kind, source + at, target + at);
        }
    }
}

// Every word that would be a pointer if it were one must be known as one.
static void check_unknown(struct mover *m, const struct type_plan *plan, const uint64_t *from,
                          const uint64_t *to, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes / 8; i++) {
        bool found = false;
        if (to[i] == from[i] && from[i] >= USER_MIN && from[i] < USER_MAX) {
            (void)address_new(m, from[i], &found);
        }
        if (found) {
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
