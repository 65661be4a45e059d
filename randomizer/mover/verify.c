// SPDX-License-Identifier: MIT
// A second look at what was copied ahead, for tests (STARTUP_CHECK): all that the undo log and the heap's records did not tell
// of would be old in it. Objects only; globals are copied whole each time.
#include "randomizer/mover/lookup.h"

// What leads to an object that is gone may still lead to where that one's copy was.
static bool leads_to_the_gone(struct mover *m, uint64_t old, uint64_t now)
{
    return now == old && address_may_be(old) && source_at(m, old) != nullptr;
}

// The first word that is not what it should be; `words` if all are.
static uint32_t first_difference(struct mover *m, const uint64_t *from, const uint64_t *should, const uint64_t *is, uint32_t words)
{
    uint32_t i = 0;
    while (i < words && (should[i] == is[i] || leads_to_the_gone(m, from[i], should[i]))) {
        i++;
    }
    return i;
}

static void verify(struct mover *m, const struct source *s, uint32_t slot, uint64_t *scratch)
{
    const uint64_t *from = (const uint64_t *)(s->start + (uint64_t)slot * s->slot_bytes);
    const uint64_t *is = (const uint64_t *)s->to[slot];
    uint32_t bytes = object_bytes(s, slot), type = object_type(s, slot), words = bytes / sizeof(uint64_t);
    plan_copy(m, plan_of_type(m, type), from, scratch, bytes);
    uint32_t at = first_difference(m, from, scratch, is, words);
    if (at < words || __builtin_memcmp(&scratch[words], &is[words], bytes % sizeof(uint64_t)) != 0) {
        move_fail(m, MOVE_COPY, "%u bytes of type %u, at %u: %#llx, not %#llx", bytes, type, at * 8, (unsigned long long)is[at],
                  (unsigned long long)scratch[at]);
    }
}

static uint64_t longest(const struct mover *m)
{
    uint64_t most = HEAP_LARGE;
    for (uint32_t i = 0; i < m->source_count; i++) {
        const struct source *s = &m->source_list[i];
        most = !s->gone && s->slot_bytes == 0 && s->large_bytes > most ? s->large_bytes : most;
    }
    return most;
}

void verify_copies(struct mover *m)
{
    const struct move_report before = *m->report; // what is looked at twice counts once
    uint64_t *scratch = move_alloc(m, longest(m) + sizeof(uint64_t));
    for (uint32_t i = 0; scratch && m->error == MOVE_OK && i < m->source_count; i++) {
        const struct source *s = &m->source_list[i];
        for (uint32_t slot = 0; !s->gone && slot < s->slots && m->error == MOVE_OK; slot++) {
            if (s->to[slot] != 0) {
                verify(m, s, slot, scratch);
            }
        }
    }
    objects_drain(m); // what only the second look has led to
    if (m->error == MOVE_OK) {
        *m->report = before;
    }
}
