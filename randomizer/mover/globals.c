// SPDX-License-Identifier: MIT
// Data sections: by the records that the compiler pass left of each global; what has no record is
// scanned.
#include "randomizer/mover/internal.h"

static bool starts_with(const char *text, const char *start)
{
    while (*start != '\0' && *text == *start) {
        text++;
        start++;
    }
    return *start == '\0';
}

bool globals_is_type(const struct mover *m, uint32_t section)
{
    static const char suffix[] = ".rt_type_of_new";
    if (!(m->sections[section].kind & SECTION_DATA) || m->sections[section].bytes < sizeof(struct rt_type)) {
        return false;
    }
    for (const char *at = address_section_name(m, section); *at != '\0'; at++) {
        if (starts_with(at, suffix)) {
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

static void move_global(struct mover *m, const struct type_global *g, uint32_t section)
{
    const struct section *s = &m->sections[section];
    struct type_plan *plan = &m->global_plans[m->globals];
    uint64_t here = m->layout->address[section], offset = g->address - here;
    if (g->address < here || offset > s->bytes || g->bytes > s->bytes - offset) {
        move_fail(m, MOVE_RECORDS, "%s lies outside of its section", type_global_name(g));
        return;
    }
    if (plan->kind == PLAN_UNKNOWN) {
        plan->kind = PLAN_SCAN;
        if (!(g->flags & TYPE_GLOBAL_UNTYPED) && !plan_of_map(m, plan, (const void *)g->map)) {
            return;
        }
    }
    m->globals++;
    plan_copy(m, plan, (const uint64_t *)(s->read + offset), (uint64_t *)(s->write + offset), g->bytes);
}

// The section of a global, by its address here; records carry it as their linked section.
static void move_records(struct mover *m, uint32_t records, uint8_t *has_record)
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
            if (m->globals == m->section_count) {
                move_fail(m, MOVE_RECORDS, "more of them than sections");
            } else if (globals_has_state(m, e->link)) {
                move_global(m, g, e->link);
            }
        }
    }
    if (error != TYPE_MAP_OK) {
        move_fail(m, MOVE_RECORDS, "%s", type_map_error_text(error));
    }
}

void globals_move(struct mover *m)
{
    uint8_t *has_record = move_alloc(m, m->section_count);
    if (!m->global_plans) { // their order is the same in each pass
        m->global_plans = move_alloc(m, m->section_count * sizeof(struct type_plan));
    }
    m->globals = 0;
    for (uint32_t k = 0; m->error == MOVE_OK && k < m->writable_count; k++) {
        if (m->sections[m->writable[k]].kind & SECTION_RECORDS) {
            move_records(m, m->writable[k], has_record);
        }
    }
    struct type_plan unknown = {.kind = PLAN_SCAN};
    for (uint32_t k = 0; m->error == MOVE_OK && k < m->writable_count; k++) {
        uint32_t i = m->writable[k];
        if (!has_record[i] && globals_has_state(m, i)) {
            const struct section *s = &m->sections[i];
            plan_copy(m, &unknown, (const uint64_t *)s->read, (uint64_t *)s->write, s->bytes);
        }
    }
}
