// SPDX-License-Identifier: MIT
// The predecessor's table of granules, as it was at one moment.
#include "randomizer/mover/internal.h"

// Where it is, which a living one may just be changing.
struct place {
    const struct heap_entry *table;
    size_t slots;
};

static struct place look(const struct mover *m)
{
    const volatile struct heap *heap = m->heap;
    return (struct place){heap->table, heap->table_slots};
}

static bool copy_once(struct mover *m, const struct place *p)
{
    bool good = p->slots >= HEAP_FIRST_SLOTS && (p->slots & (p->slots - 1)) == 0 &&
                view_has(m, (uint64_t)p->table, p->slots * sizeof(struct heap_entry));
    if (!good) {
        move_fail(m, MOVE_HEAP, "its table");
        return false;
    }
    if (p->slots > m->heap_slots) {
        m->heap_table = move_alloc(m, p->slots * sizeof(struct heap_entry));
        m->sources = move_alloc(m, p->slots * sizeof(struct source *));
        m->heap_slots = p->slots;
    }
    m->heap_mask = p->slots - 1;
    if (m->error == MOVE_OK) {
        __builtin_memcpy(m->heap_table, p->table, p->slots * sizeof(struct heap_entry));
    }
    return m->error == MOVE_OK;
}

// Removal and rollback move entries about. One that was moved while the table was copied would be missing, and what leads
// to its objects would be taken for numbers. Whatever is moved between the places looked at first and those not
// looked at yet makes a difference where it was or where it is.
static bool is_unchanged(const struct mover *m, const struct place *before)
{
    struct place now = look(m);
    const volatile uint64_t *is = (const volatile uint64_t *)now.table;
    const uint64_t *was = (const uint64_t *)m->heap_table;
    bool same = now.table == before->table && now.slots == before->slots;
    for (size_t i = 0; same && i < now.slots * sizeof(struct heap_entry) / sizeof(*is); i++) {
        same = is[i] == was[i];
    }
    return same;
}

bool table_copy(struct mover *m)
{
    enum { TRIES = 4 };
    for (int i = 0; i < TRIES; i++) {
        struct place p = look(m);
        if (!copy_once(m, &p)) {
            return false;
        }
        if (!m->live || is_unchanged(m, &p)) {
            return true;
        }
    }
    m->next_whole = true;
    return true;
}
