// SPDX-License-Identifier: MIT
// Data sections: by the records that the compiler pass left of each global; what has no record is
// scanned.
#include "lib/rt/sections.h"
#include "randomizer/mover/internal.h"

bool globals_is_type(const struct mover *m, uint32_t section)
{
    static const char suffix[] = ".rt_type_of_new";
    if (!(m->sections[section].kind & SECTION_DATA) || m->sections[section].bytes < sizeof(struct rt_type)) {
        return false;
    }
    for (const char *at = address_section_name(m, section); *at != '\0'; at++) {
        if (section_begins(at, suffix)) {
            return true;
        }
    }
    return false;
}

// A checkpoint names types in its own table.
bool globals_has_state(const struct mover *m, uint32_t section)
{
    uint8_t kind = m->sections[section].kind;
    return (kind & SECTION_DATA) && !(kind & SECTION_OWN) &&
           (m->mode == MOVE_OVER || !globals_is_type(m, section));
}

static void add(struct mover *m, const struct section *s, uint64_t offset, uint64_t bytes, const void *map)
{
    struct global *g = &m->globals[m->global_count];
    *g = (struct global){.plan.kind = PLAN_SCAN, .from = (const uint64_t *)(s->read + offset),
                         .to = (uint64_t *)(s->write + offset), .bytes = bytes};
    if (!map || plan_of_map(m, &g->plan, map)) {
        m->global_count++;
    }
}

static void add_variable(struct mover *m, const struct type_global *g, uint32_t section)
{
    const struct section *s = &m->sections[section];
    uint64_t here = m->layout->address[section], offset = g->address - here;
    if (g->address < here || offset > s->bytes || g->bytes > s->bytes - offset) {
        move_fail(m, MOVE_RECORDS, "%s lies outside of its section", type_global_name(g));
    } else if (m->global_count == m->section_count) {
        move_fail(m, MOVE_RECORDS, "more of them than sections");
    } else {
        add(m, s, offset, g->bytes, g->flags & TYPE_GLOBAL_UNTYPED ? nullptr : (const void *)g->map);
    }
}

// The section of a global, by its address here; records carry it as their linked section.
static void add_records(struct mover *m, uint32_t records, uint8_t *has_record)
{
    const struct elf_section *e = &m->elf_sections[records];
    const void *data = (const void *)m->layout->address[records];
    enum type_map_error error = TYPE_MAP_OK;
    size_t at = 0;
    const struct type_global *g;
    while (m->error == MOVE_OK && (g = type_global_next(data, e->size, &at, &error)) != nullptr) {
        if (e->link == 0 || e->link >= m->section_count) {
            move_fail(m, MOVE_RECORDS, "%s has no section", type_global_name(g));
        } else {
            has_record[e->link] = 1;
            if (globals_has_state(m, e->link)) {
                add_variable(m, g, e->link);
            }
        }
    }
    if (error != TYPE_MAP_OK) {
        move_fail(m, MOVE_RECORDS, "%s", type_map_error_text(error));
    }
}

// Once: they are the same in each pass.
static void list_globals(struct mover *m)
{
    uint8_t *has_record = move_alloc(m, m->section_count);
    // Of a section there are its variables, or itself.
    m->globals = move_alloc(m, 2 * m->section_count * sizeof(struct global));
    for (uint32_t n = 0; m->error == MOVE_OK && n < m->writable_count; n++) {
        if (m->sections[m->writable[n]].kind & SECTION_RECORDS) {
            add_records(m, m->writable[n], has_record);
        }
    }
    for (uint32_t n = 0; m->error == MOVE_OK && n < m->writable_count; n++) {
        uint32_t i = m->writable[n];
        if (!has_record[i] && globals_has_state(m, i)) {
            add(m, &m->sections[i], 0, m->sections[i].bytes, nullptr);
        }
    }
}

void globals_move(struct mover *m)
{
    if (!m->globals) {
        list_globals(m);
    }
    for (uint32_t i = 0; m->error == MOVE_OK && i < m->global_count; i++) {
        const struct global *g = &m->globals[i];
        plan_move(m, &g->plan, g->from, g->to, g->bytes);
    }
}
