// SPDX-License-Identifier: MIT
// What lookup.h finds sections by: a hash over granules of 1 KiB of their old addresses. They lie
// anywhere, and most are shorter than that. A pointer one past the end belongs to the section
// before it: the linker leaves at least a byte between two. The largest would fill the table, and stand
// beside it.
#include "lib/rt/sections.h"
#include "randomizer/mover/internal.h"

static bool same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

const char *address_section_name(const struct mover *m, uint32_t section)
{
    return m->elf_names + m->elf_sections[section].name;
}

static uint8_t kind_of(const char *name)
{
    if (section_is_linked(name) || same(name, "samsara_converts")) {
        return 0;
    }
    return SECTION_DATA | (section_is_own(name) ? SECTION_OWN : 0);
}

enum : uint64_t { LARGE = 16 << 10 };

void address_note(struct mover *m, uint64_t bytes)
{
    bool beside = bytes >= LARGE && m->large_noted++ < MOVE_LARGE;
    m->granules += beside ? 0 : (uint32_t)(bytes >> SECTION_GRANULE_SHIFT) + 2;
}

static void open_module(struct mover *m, const void *module)
{
    const uint8_t *file = module;
    m->elf = (const struct elf_header *)file;
    m->elf_sections = (const struct elf_section *)(file + m->elf->section_headers);
    m->section_count = m->elf->section_count;
    m->elf_names = (const char *)file + m->elf_sections[m->elf->section_names].offset;
    if (!m->old_layout || m->old_layout->magic != LAYOUT_MAGIC ||
        m->old_layout->sections != m->section_count) {
        move_fail(m, MOVE_NO_LAYOUT, "%s", m->old_layout ? "of another module" : "none");
    }
}

// Nearly all that can be written are records, and all of these have one name in the table of names.
static void open_writable(struct mover *m, uint32_t i, uint32_t *records_name)
{
    uint32_t name = m->elf_sections[i].name;
    m->writable[m->writable_count++] = i;
    if (name != *records_name && same(address_section_name(m, i), "samsara_globals")) {
        *records_name = name;
    }
    m->sections[i].kind =
        name == *records_name ? SECTION_RECORDS : kind_of(address_section_name(m, i));
}

static void open_section(struct mover *m, uint32_t i, uint32_t *records_name)
{
    const struct elf_section *e = &m->elf_sections[i];
    uint64_t from = m->old_layout->address[i], to = m->layout->address[i];
    m->sections[i] =
        (struct section){from, to, from, to, (uint32_t)e->size, e->flags & SHF_EXEC, 0};
    address_note(m, e->size);
    if ((e->flags & (SHF_WRITE | SHF_ALLOC)) == (SHF_WRITE | SHF_ALLOC)) {
        open_writable(m, i, records_name);
    }
}

void address_open(struct mover *m, const void *module, const struct layout_record *layout,
                  const struct layout_record *old_layout)
{
    m->layout = layout;
    m->old_layout = old_layout;
    m->user_span = USER_MAX - USER_MIN;
    open_module(m, module);
    if (m->error != MOVE_OK) {
        return;
    }
    m->sections = move_alloc(m, m->section_count * sizeof(struct section));
    m->writable = move_alloc(m, m->section_count * sizeof(uint32_t));
    uint32_t records_name = UINT32_MAX;
    for (uint32_t i = 0; m->error == MOVE_OK && i < m->section_count; i++) {
        if (m->old_layout->address[i] != 0) {
            open_section(m, i, &records_name);
        }
    }
    if (m->error == MOVE_OK) {
        address_index(m);
    }
}

const char *address_describe(const struct mover *m, uint64_t old, uint64_t *offset)
{
    for (uint32_t i = 0; i < m->section_count; i++) {
        const struct section *s = &m->sections[i];
        if (s->from != 0 && old - s->from < s->bytes) {
            *offset = old - s->from;
            return address_section_name(m, i);
        }
    }
    *offset = 0;
    return "heap";
}

// At each birth, for a thousand sections.
static void enter(struct mover *m)
{
    const struct section *sections = m->sections;
    struct bucket *buckets = m->buckets;
    uint32_t *heads = m->heads, mask = m->head_mask, count = 1; // 0 ends a chain
    for (uint32_t i = 0, end = m->section_count; i < end; i++) {
        const struct section *s = &sections[i];
        if (s->from == 0) {
            continue;
        }
        if (s->bytes >= LARGE && m->large_count < MOVE_LARGE) {
            m->large[m->large_count++] = s;
            continue;
        }
        uint64_t granule = s->from >> SECTION_GRANULE_SHIFT, last = (s->from + s->bytes) >> SECTION_GRANULE_SHIFT;
        do {
            uint32_t *head = &heads[(uint32_t)(granule * 0x9e3779b97f4a7c15 >> 40) & mask]; // as in lookup.h
            buckets[count] = (struct bucket){i, *head};
            *head = count++;
        } while (++granule <= last);
    }
}

void address_index(struct mover *m)
{
    uint32_t most = m->granules + 1; // 0 ends a chain
    m->head_mask = 63;
    while (m->head_mask < most) {
        m->head_mask = m->head_mask * 2 + 1;
    }
    m->heads = move_alloc(m, (m->head_mask + 1) * sizeof(uint32_t));
    m->buckets = move_alloc(m, most * sizeof(struct bucket));
    m->large_count = 0;
    if (m->buckets) {
        enter(m);
    }
}

// Few and rare: a walk over all that can be written will do.
void *address_old(const struct mover *m, const void *own)
{
    if (m->updating) {
        return update_old(m, own);
    }
    uint64_t address = (uint64_t)own;
    for (uint32_t i = 0; i < m->writable_count; i++) {
        const struct section *s = &m->sections[m->writable[i]];
        if (address - s->to < s->bytes) {
            return (void *)(s->from + (address - s->to));
        }
    }
    return nullptr;
}
