// SPDX-License-Identifier: MIT
// From an old address to the new one, inlined: it runs once for every pointer of a service.
//
// The heap first (most pointers lead there), by the predecessor's own table of granules; then
// sections: the few large ones, the others by a hash of granules of their old addresses; then mappings, which are few.
#pragma once
#include "randomizer/mover/internal.h"

static inline struct source *source_at(struct mover *m, uint64_t old)
{
    const struct heap_entry *table = m->heap_table;
    uint64_t granule = old >> GRANULE_SHIFT;
    size_t at = (size_t)((granule * 0x9e3779b97f4a7c15) >> 32) & m->heap_mask;
    while (table[at].granule != granule) {
        if (table[at].granule == 0) {
            return nullptr;
        }
        at = (at + 1) & m->heap_mask;
    }
    m->raw = m->raw || !m->sources[at];
    return m->sources[at];
}

// The heap object at old has a place from now on; 0: it leads to none. *slot and *where: which one,
// and where in it.
static inline uint64_t object_found(struct mover *m, struct source *s, uint64_t old,
                                    uint32_t *at, uint64_t *where)
{
    uint64_t offset = old - s->start;
    uint32_t slot = 0;
    if (s->slot_bytes != 0) {
        if (!slot_at(s->shape, offset, &slot, &offset)) {
            return 0; // nothing is ever there
        }
        if (slot >= s->slots || !(s->info[slot] & INFO_LIVING)) {
            m->raw = true;
            return 0; // a dead object's
        }
    } else if (offset > s->large_bytes) {
        m->raw = true;
        return 0;
    }
    uint64_t to = s->to[slot];
    if (__builtin_expect(to == 0, 0)) {
        to = object_place(m, s, slot);
        if (to == 0) {
            m->raw = true;
            return 0;
        }
    }
    *at = slot;
    *where = offset;
    return to;
}

static inline uint64_t object_new(struct mover *m, struct source *s, uint64_t old)
{
    uint32_t slot;
    uint64_t offset, to = object_found(m, s, old, &slot, &offset);
    return to != 0 ? to + offset : 0;
}

static inline const struct section *section_at(const struct mover *m, uint64_t old)
{
    for (uint32_t i = 0; i < m->large_count; i++) {
        if (old - m->large[i]->from <= m->large[i]->bytes) {
            return m->large[i];
        }
    }
    uint64_t granule = old >> SECTION_GRANULE_SHIFT;
    uint32_t b = m->heads[(uint32_t)(granule * 0x9e3779b97f4a7c15 >> 40) & m->head_mask];
    for (; b != 0; b = m->buckets[b].next) {
        const struct section *s = &m->sections[m->buckets[b].section];
        if (old - s->from <= s->bytes) {
            return s;
        }
    }
    return nullptr;
}

static inline bool address_may_be(uint64_t word)
{
    return word - USER_MIN < USER_MAX - USER_MIN;
}

// What a word of untyped memory has become if it is an address; 0 if not. Numbers must not be taken for
// addresses by mistake, and mappings (caches, tables of devices) are by far the largest things that there
// are; so what leads into them is found in typed memory only.
static inline uint64_t address_of_untyped(struct mover *m, uint64_t old)
{
    if (old - USER_MIN >= m->user_span) {
        return old - m->key < m->key_span ? address_of_checkpoint(m, old) : 0;
    }
    struct source *source = source_at(m, old);
    if (source) {
        return object_new(m, source, old);
    }
    const struct section *s = section_at(m, old);
    return s && !(s->code && old != s->from) ? s->to + (old - s->from) : 0;
}

// What an old address has become; 0 if it leads to nothing that moves.
static inline uint64_t address_new(struct mover *m, uint64_t old)
{
    if (old - USER_MIN >= m->user_span) {
        return old - m->key < m->key_span ? address_of_checkpoint(m, old) : 0;
    }
    struct source *source = source_at(m, old);
    if (source) {
        return object_new(m, source, old);
    }
    const struct section *s = section_at(m, old);
    if (s) {
        return s->to + (old - s->from);
    }
    for (uint32_t i = 0; i < m->mapping_count; i++) {
        const struct region *r = &m->mappings[i];
        if (old - r->from <= r->bytes) {
            return r->to + (old - r->from);
        }
    }
    return 0;
}
