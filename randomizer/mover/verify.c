// SPDX-License-Identifier: MIT
// A second look at what was copied ahead, for tests (STARTUP_CHECK): all that the undo log and the heap's records did not tell
// of would be old in it. Objects only; globals are copied whole each time.
#include "randomizer/mover/lookup.h"

static bool was_there(const struct mover *m, uint64_t old)
{
    for (uint32_t i = 0; i < m->source_count; i++) {
        const struct source *s = &m->source_list[i];
        uint64_t bytes = s->slot_bytes ? s->slots / s->shape->per_block * (uint64_t)s->shape->block_bytes : s->large_room;
        if (s->gone && old - s->start < bytes) {
            return true;
        }
    }
    return false;
}

// What leads to an object that is gone may still lead to where that one's copy was: dangling pointers, mostly in what was
// never written to of an object whose slot was another's before.
static bool leads_to_the_gone(struct mover *m, const uint8_t *from, const uint8_t *should)
{
    uint64_t old, now;
    __builtin_memcpy(&old, from, sizeof(old));
    __builtin_memcpy(&now, should, sizeof(now));
    return (now == old || now == 0) && address_may_be(old) && (source_at(m, old) || was_there(m, old));
}

// Where the pointer to something gone ends that has a byte at `at`, wherever it begins; 0: there is none.
static uint32_t behind_the_gone(struct mover *m, const uint8_t *from, const uint8_t *should, uint32_t at, uint32_t bytes)
{
    for (uint32_t end = at / m->scan_step * m->scan_step + 8; end > at && end >= 8; end -= m->scan_step) {
        if (end <= bytes && leads_to_the_gone(m, from + end - 8, should + end - 8)) {
            return end;
        }
    }
    return 0;
}

// The first byte that is not what it should be; `bytes` if all are.
static uint32_t first_difference(struct mover *m, const uint8_t *from, const uint8_t *should, const uint8_t *is, uint32_t bytes)
{
    uint32_t at = 0;
    while (at < bytes) {
        uint32_t next = should[at] == is[at] ? at + 1 : behind_the_gone(m, from, should, at, bytes);
        if (next == 0) {
            break;
        }
        at = next;
    }
    return at;
}

static void verify(struct mover *m, const struct source *s, uint32_t slot, uint64_t *scratch)
{
    const uint64_t *from = (const uint64_t *)source_slot(s, slot);
    const uint8_t *should = (const uint8_t *)scratch, *is = (const uint8_t *)s->to[slot];
    uint32_t bytes = object_bytes(s, slot), type = object_type(s, slot);
    plan_copy(m, plan_of_type(m, type), from, scratch, bytes);
    uint32_t at = first_difference(m, (const uint8_t *)from, should, is, bytes);
    if (at < bytes) {
        uint32_t word = at & ~7u;
        uint64_t there = 0;
        __builtin_memcpy(&there, is + word, bytes - word < 8 ? bytes - word : 8);
        move_fail(m, MOVE_COPY, "%u bytes of type %u, at %u: %#llx, not %#llx of %#llx", bytes, type, at, (unsigned long long)there,
                  (unsigned long long)scratch[word / 8], (unsigned long long)from[word / 8]);
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
