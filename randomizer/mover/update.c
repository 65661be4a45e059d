// SPDX-License-Identifier: MIT
// A move into another version of the program. What is the same as in any move (the view, the heap's
// sources, places on demand, the work list) stands where it always does; here is what differs:
// everything is found by its name, and what has changed goes through update_contents.c and convert.c.
//
// Done once, in the pause: nothing is copied ahead.
#include "lib/rt/movable.h"
#include "randomizer/mover/lookup.h"
#include "randomizer/mover/update.h"
#include <string.h>

static struct type_map map_from(struct mover *m, const void *map, uint64_t bytes)
{
    struct type_map open = {.entry_count = 0};
    enum type_map_error error = map ? type_map_open(&open, map, bytes) : TYPE_MAP_TRUNCATED;
    if (error != TYPE_MAP_OK) {
        move_fail(m, MOVE_MAP, "%s", type_map_error_text(error));
    }
    return open;
}

static struct conversion *make_conversion(struct mover *m, uint64_t old_map, const void *map)
{
    uint64_t left = 0;
    const void *old = version_bytes(&m->updating->old, old_map, &left);
    struct type_map from = map_from(m, old, left);
    struct type_map to = map_from(m, map, ((const struct type_map_header *)map)->bytes);
    struct conversion *c = m->error == MOVE_OK ? move_alloc(m, sizeof(*c)) : nullptr;
    uint32_t *pair = c ? move_alloc(m, from.entry_count * sizeof(*pair)) : nullptr;
    if (!pair) {
        return nullptr;
    }
    convert_make(c, &from, &to, pair);
    return c;
}

static const struct move_converter *function_of(const struct mover *m, const struct conversion *c)
{
    const struct version *v = &m->updating->now;
    const char *type = c && !c->same ? c->from.strings + c->from.entries->type : nullptr;
    for (uint32_t i = 1; type && i < v->section_count; i++) {
        uint64_t at = v->layout->address[i];
        if (at == 0 || strcmp(version_section_name(v, i), "samsara_converts") != 0) {
            continue;
        }
        const struct move_converter *f = (const struct move_converter *)at;
        for (uint64_t n = 0; n < v->sections[i].size / sizeof(*f); n++) {
            if (strcmp(f[n].type, type) == 0) {
                return &f[n];
            }
        }
    }
    return nullptr;
}

// ---- Finding globals ----

typedef void take_record(struct mover *m, const struct version *v, const struct type_global *g,
                         uint32_t section);

static void each_record(struct mover *m, const struct version *v, take_record *take)
{
    for (uint32_t i = 1; i < v->section_count && m->error == MOVE_OK; i++) {
        const struct elf_section *e = &v->sections[i];
        const void *data = (const void *)v->layout->address[i];
        enum type_map_error error = TYPE_MAP_OK;
        size_t at = 0;
        const struct type_global *g;
        if (!data || strcmp(version_section_name(v, i), "samsara_globals") != 0) {
            continue;
        }
        if (v == &m->updating->old && !view_has(m, (uint64_t)data, e->size)) {
            move_fail(m, MOVE_RECORDS, "not in the predecessor's memory");
            return;
        }
        while (m->error == MOVE_OK && (g = type_global_next(data, e->size, &at, &error)) != nullptr) {
            if (e->link == 0 || e->link >= v->section_count) {
                move_fail(m, MOVE_RECORDS, "%s has no section", type_global_name(g));
            } else {
                take(m, v, g, e->link);
            }
        }
        if (error != TYPE_MAP_OK) {
            move_fail(m, MOVE_RECORDS, "%s", type_map_error_text(error));
        }
    }
}

static bool is_special(const struct version *v, uint32_t section)
{
    const char *name = version_section_name(v, section);
    return strncmp(name, ".bss.own", 8) == 0 || strncmp(name, ".data.own", 9) == 0 ||
           strstr(name, ".rt_type_of_new") != nullptr;
}

static void collect(struct mover *m, const struct version *v, const struct type_global *g,
                    uint32_t section)
{
    struct updating *u = m->updating;
    if (u->record_count == v->section_count) {
        move_fail(m, MOVE_RECORDS, "more of them than sections");
        return;
    }
    u->records[u->record_count++] = (struct record_of){g, section};
}

static const struct record_of *record_named(const struct mover *m, const char *name)
{
    const struct updating *u = m->updating;
    for (uint32_t i = 0; i < u->record_count; i++) {
        if (strcmp(type_global_name(u->records[i].global), name) == 0) {
            return &u->records[i];
        }
    }
    return nullptr;
}

// Each old global that shares its section with no other finds the new one of its name.
static void match_global(struct mover *m, const struct version *v, const struct type_global *g,
                         uint32_t section)
{
    struct counterpart *p = &m->updating->parts[section];
    if (is_special(v, section) || g->address != v->layout->address[section]) {
        return;
    }
    const struct record_of *r = record_named(m, type_global_name(g));
    const struct type_global *now = r ? r->global : nullptr;
    *p = (struct counterpart){.section = r ? r->section : 0, .old = g, .now = now};
    if (now && !((g->flags | now->flags) & TYPE_GLOBAL_UNTYPED)) {
        p->conversion = make_conversion(m, g->map, (const void *)now->map);
        p->function = function_of(m, p->conversion);
    } else if (now && g->bytes != now->bytes) {
        move_fail(m, MOVE_VERSION, "%s has another size", type_global_name(g));
    }
}

// ---- The heap ----

static const char *old_text(struct mover *m, uint64_t address)
{
    uint64_t left = 0;
    const char *text = version_bytes(&m->updating->old, address, &left);
    return text && memchr(text, '\0', left) ? text : "?";
}

static uint64_t checksum_of(const void *map)
{
    return map ? ((const struct type_map_header *)map)->checksum : 0;
}

// The best of those of that name: of equal shape; from the same place in the text; any.
static struct rt_type *type_named(struct mover *m, const char *name, uint64_t checksum,
                                  const char *section)
{
    const struct version *v = &m->updating->now;
    struct rt_type *best = nullptr;
    int quality = 0;
    for (uint32_t i = 1; i < v->section_count; i++) {
        const char *own = version_section_name(v, i);
        struct rt_type *t = (struct rt_type *)v->layout->address[i];
        if (!t || strstr(own, ".rt_type_of_new") == nullptr ||
            v->sections[i].size < sizeof(struct rt_type) || strcmp(t->name, name) != 0) {
            continue;
        }
        int q = 1 + (strcmp(own, section) == 0) + 2 * (checksum_of(t->map) == checksum);
        if (q > quality) {
            best = t;
            quality = q;
        }
    }
    return best;
}

static void take_type(struct mover *m, uint32_t id, const struct rt_type *old)
{
    struct heap_type *t = &m->updating->types[id];
    const struct section *s = section_at(m, (uint64_t)old);
    uint64_t left = 0;
    if (!s || !view_has(m, (uint64_t)old, sizeof(*old))) {
        move_fail(m, MOVE_TYPE, "number %u", id);
        return;
    }
    const struct type_map_header *map = version_bytes(&m->updating->old, (uint64_t)old->map, &left);
    t->name = old_text(m, (uint64_t)old->name);
    struct rt_type *now = type_named(m, t->name, left >= sizeof(*map) ? checksum_of(map) : 0,
                                     version_section_name(&m->updating->old,
                                                          (uint32_t)(s - m->sections)));
    t->gone = now == nullptr;
    heap.types[id] = now;
    if (now) {
        now->id = id;
        t->conversion = map && now->map ? make_conversion(m, (uint64_t)old->map, now->map) : nullptr;
        t->function = function_of(m, t->conversion);
    }
}

void update_types(struct mover *m, const struct heap *old)
{
    m->updating->records = move_alloc(m, m->updating->now.section_count * sizeof(struct record_of));
    if (m->error == MOVE_OK) {
        each_record(m, &m->updating->now, collect);
        each_record(m, &m->updating->old, match_global);
    }
    m->updating->types[0].name = "untyped memory";
    for (uint32_t i = 1; i < old->type_count && i < HEAP_TYPES && m->error == MOVE_OK; i++) {
        take_type(m, i, old->types[i]);
    }
    heap.type_count = old->type_count < HEAP_TYPES ? old->type_count : HEAP_TYPES;
    m->updating->type_count = heap.type_count;
}

bool update_bytes(struct mover *m, uint32_t type, uint32_t bytes, uint32_t *now)
{
    const struct heap_type *t = &m->updating->types[type];
    if (t->gone) {
        move_fail(m, MOVE_VERSION, "%s is not in the new version", t->name);
        return false;
    }
    uint64_t wanted = t->conversion && bytes >= t->conversion->from.entries->bytes
                          ? convert_bytes(t->conversion, bytes)
                          : bytes;
    *now = (uint32_t)wanted;
    return wanted <= UINT32_MAX;
}

void update_visit(struct mover *m, const struct visit *v)
{
    const struct heap_type *t = &m->updating->types[v->type];
    uint32_t now = 0;
    if (!update_bytes(m, v->type, v->bytes, &now)) {
        return;
    }
    if (!t->conversion || v->bytes < t->conversion->from.entries->bytes) {
        update_scan(m, v->from, v->to, v->bytes, t->name);
        return;
    }
    struct update_object o = {m, t->conversion, t->function, (const uint8_t *)v->from, (uint8_t *)v->to, v->bytes, now,
                       "on the heap"};
    memset(v->to, 0, now);
    update_convert(&o);
}

// ---- Copying globals ----

static bool is_data(const struct version *v, uint32_t i)
{
    const char *name = version_section_name(v, i);
    return (v->sections[i].flags & (SHF_WRITE | SHF_ALLOC)) == (SHF_WRITE | SHF_ALLOC) &&
           v->layout->address[i] != 0 && strncmp(name, ".data.rel.ro", 12) != 0 &&
           strcmp(name, "samsara_globals") != 0 && strcmp(name, "samsara_converts") != 0 &&
           !is_special(v, i);
}

static void update_global(struct mover *m, uint32_t i)
{
    struct updating *u = m->updating;
    const struct counterpart *p = &u->parts[i];
    const uint64_t *old = (const uint64_t *)u->old.layout->address[i];
    uint64_t *now = (uint64_t *)u->now.layout->address[p->section];
    uint64_t bytes = u->old.sections[i].size;
    if (p->section == 0 || !now) {
        return; // it is gone, or of no name that could be found
    }
    if (p->conversion) {
        struct update_object o = {m, p->conversion, p->function, (const uint8_t *)old, (uint8_t *)now, p->old->bytes,
                           p->now->bytes, type_global_name(p->old)};
        update_convert(&o);
    } else if (bytes != u->now.sections[p->section].size) {
        move_fail(m, MOVE_VERSION, "%s has another size", version_section_name(&u->old, i));
    } else {
        update_scan(m, old, now, bytes, version_section_name(&u->old, i));
    }
}

void update_globals(struct mover *m)
{
    for (uint32_t i = 1; i < m->updating->old.section_count && m->error == MOVE_OK; i++) {
        if (is_data(&m->updating->old, i)) {
            update_global(m, i);
        }
    }
}

// ---- Opening ----

static void find_counterparts(struct mover *m)
{
    struct updating *u = m->updating;
    size_t words = 2 * u->now.section_count + 1024;
    uint32_t *match = move_alloc(m, u->old.section_count * sizeof(*match));
    uint32_t *scratch = move_alloc(m, words * sizeof(*scratch));
    u->parts = move_alloc(m, u->old.section_count * sizeof(*u->parts));
    m->sections = move_alloc(m, u->old.section_count * sizeof(*m->sections));
    if (m->error != MOVE_OK) {
        return;
    }
    match_sections(&u->old, &u->now, match, scratch, words);
    m->section_count = u->old.section_count;
    for (uint32_t i = 1; i < m->section_count; i++) {
        u->parts[i].section = match[i];
        m->sections[i].from = u->old.layout->address[i];
        m->sections[i].bytes = (uint32_t)u->old.sections[i].size;
        address_note(m, u->old.sections[i].size);
    }
    address_index(m);
}

static bool layout_is_of(const struct layout_record *layout, const void *module)
{
    const struct elf_header *elf = module;
    return layout && layout->magic == LAYOUT_MAGIC && layout->sections == elf->section_count;
}

void update_open(struct mover *m)
{
    const struct startup *s = m->startup;
    const struct layout_record *layout = (const struct layout_record *)s->layout,
                               *old_layout = (const struct layout_record *)s->old_layout;
    const struct elf_header *elf = (const void *)s->module, *old_elf = (const void *)s->old_module;
    struct updating *u = move_alloc(m, sizeof(*u));
    const char **source = move_alloc(m, elf->section_count * sizeof(*source));
    const char **old_source = move_alloc(m, old_elf->section_count * sizeof(*source));
    if (m->error != MOVE_OK) {
        return;
    }
    if (!layout_is_of(old_layout, old_elf) || !layout_is_of(layout, elf)) {
        move_fail(m, MOVE_NO_LAYOUT, "of another module");
        return;
    }
    m->updating = u;
    m->user_span = USER_MAX - USER_MIN;
    version_open(&u->now, elf, layout, source);
    version_open(&u->old, old_elf, old_layout, old_source);
    find_counterparts(m);
}

// The runtime's own, which the mover reads as it is: it must be of one version in both.
void *update_old(const struct mover *m, const void *own)
{
    const struct updating *u = m->updating;
    const struct elf_symbol *s = version_symbol_at(&u->now, (uint64_t)own);
    const struct elf_symbol *old = s ? version_symbol(&u->old, version_symbol_name(&u->now, s)) : nullptr;
    return old && old->size == s->size
               ? (void *)(u->old.layout->address[old->section] + old->value)
               : nullptr;
}
