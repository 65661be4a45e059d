// SPDX-License-Identifier: MIT
// A move into another version of the program. What is the same as in any move (the view, the heap's
// sources, places on demand, the work list) stands where it always does; here is what differs:
// everything is found by its name, and what has changed goes through convert.c.
//
// Done once, in the pause: nothing is copied ahead.
#include "lib/rt/movable.h"
#include "randomizer/mover/convert.h"
#include "randomizer/mover/lookup.h"
#include "randomizer/mover/match.h"
#include <stdio.h>
#include <string.h>

// A section of the old version, by its index there.
struct counterpart {
    uint32_t section;                 // of the new version; 0: none
    const struct type_global *old, *now; // records, if it is a global that both have
    struct conversion *conversion;    // of that; nullptr: untyped
    const struct move_converter *function;
};

struct heap_type {
    const char *name;
    struct conversion *conversion;      // nullptr: it has no map, and is scanned
    const struct move_converter *function;
    bool gone;
};

struct record_of {
    const struct type_global *global;
    uint32_t section;
};

struct updating {
    struct version old, now;
    struct record_of *records; // of the new version
    uint32_t record_count;
    struct counterpart *parts;
    struct heap_type types[HEAP_TYPES];
    uint32_t type_count;
};

// What a conversion function can ask.
struct move_old {
    struct mover *m;
    const struct conversion *conversion;
    const uint8_t *at; // the element
    uint64_t bytes;
};

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

// ---- Addresses ----

// A string literal has no name, only its text. One that the new version does not have any more goes
// on living on the heap.
static uint64_t find_text(struct mover *m, const char *text, uint64_t left)
{
    enum : uint64_t { SHF_TEXT = 0x30 }; // merged, strings
    const struct version *v = &m->updating->now;
    const char *end = memchr(text, '\0', left);
    if (!end) {
        return 0;
    }
    size_t bytes = (size_t)(end - text) + 1;
    for (uint32_t i = 1; i < v->section_count; i++) {
        const struct elf_section *s = &v->sections[i];
        const char *at = (const char *)v->file + s->offset;
        for (uint64_t o = 0; (s->flags & SHF_TEXT) == SHF_TEXT && v->layout->address[i] != 0 &&
                             o + bytes <= s->size; o++) {
            if (memcmp(at + o, text, bytes) == 0) {
                return v->layout->address[i] + o;
            }
        }
    }
    char *copy = rt_malloc(bytes);
    if (!copy) {
        move_fail(m, MOVE_NO_MEMORY, "a text");
        return 0;
    }
    memcpy(copy, text, bytes);
    m->report->objects++;
    m->report->bytes += bytes;
    return (uint64_t)copy;
}

static uint64_t section_new(struct mover *m, const struct section *s, uint64_t old,
                            const char *type)
{
    struct updating *u = m->updating;
    uint32_t i = (uint32_t)(s - m->sections);
    uint64_t offset = old - s->from, left;
    const struct counterpart *p = &u->parts[i];
    const struct elf_section *was = &u->old.sections[i], *is = &u->now.sections[p->section];
    if ((was->flags & 0x30) == 0x30) {
        const char *text = version_bytes(&u->old, old, &left);
        return text ? find_text(m, text, left) : 0;
    }
    if (p->section == 0 || u->now.layout->address[p->section] == 0) {
        return 0;
    }
    uint64_t to = u->now.layout->address[p->section];
    if (p->conversion) {
        int64_t where = convert_offset(p->conversion, p->old->bytes, offset, type);
        return where >= 0 ? to + (uint64_t)where : 0;
    }
    bool inside = was->size == is->size || offset == 0; // of code, only its beginning
    return inside && (offset == 0 || !(was->flags & SHF_EXEC)) ? to + offset : 0;
}

static uint64_t heap_new(struct mover *m, struct source *s, uint64_t old, const char *type)
{
    uint32_t slot;
    uint64_t offset, to = object_found(m, s, old, &slot, &offset);
    if (to == 0) {
        return 0;
    }
    const struct heap_type *t = &m->updating->types[object_type(s, slot)];
    if (!t->conversion) {
        return to + offset;
    }
    int64_t where = convert_offset(t->conversion, object_bytes(s, slot), offset, type);
    return where >= 0 ? to + (uint64_t)where : 0;
}

// What an old address has become. 0: nothing; *lost then says whether it was something.
static uint64_t address_updated(struct mover *m, uint64_t old, const char *type, bool *lost)
{
    *lost = false;
    if (old - USER_MIN >= USER_MAX - USER_MIN) {
        return 0;
    }
    struct source *source = source_at(m, old);
    const struct section *section = source ? nullptr : section_at(m, old);
    if (source) {
        uint64_t now = heap_new(m, source, old, type);
        uint32_t slot = 0;
        uint64_t where;
        bool there = source->slot_bytes == 0 || (slot_at(source->shape, old - source->start, &slot, &where) &&
                                                 source->info[slot] & INFO_LIVING);
        *lost = now == 0 && there;
        return now;
    }
    if (section) {
        uint64_t now = section_new(m, section, old, type);
        *lost = now == 0;
        return now;
    }
    for (uint32_t i = 0; i < m->mapping_count; i++) {
        const struct region *r = &m->mappings[i];
        if (old - r->from <= r->bytes) {
            return r->to + (old - r->from);
        }
    }
    return 0;
}

// ---- Objects ----

struct object {
    struct mover *m;
    const struct conversion *conversion;
    const struct move_converter *function; // nullptr: there is none
    const uint8_t *old;
    uint8_t *now;
    uint64_t bytes, now_bytes;
    const char *name;
};

static void refuse(const struct object *o, uint32_t entry, const char *why)
{
    char field[128];
    convert_name(o->conversion, entry, field, sizeof(field));
    move_fail(o->m, MOVE_VERSION, "%s (%s): %s", field, o->name, why);
}

// "struct item *" points to a "struct item".
static const char *target(const struct type_map *map, uint32_t entry, char *text, size_t size)
{
    const char *type = map->strings + map->entries[entry].type;
    size_t length = strlen(type);
    if (length < 3 || length - 2 >= size || strcmp(type + length - 2, " *") != 0) {
        return nullptr;
    }
    memcpy(text, type, length - 2);
    text[length - 2] = '\0';
    return text;
}

static bool slot(void *context, const struct type_slot *s)
{
    struct object *o = context;
    char type[128];
    bool lost;
    uint64_t bytes = s->kind == TYPE_HANDLE ? 4 : 8, word = 0;
    int64_t to = convert_slot(o->conversion, o->bytes, s->offset);
    if (to < 0 || (uint64_t)to + bytes > o->now_bytes) {
        return true; // the field is gone
    }
    memcpy(&word, o->old + s->offset, bytes);
    if (s->kind == TYPE_HANDLE) {
        handle_named(o->m, (uint32_t)word);
    } else if (word != 0) {
        const char *points_to = target(&o->conversion->from, s->entry, type, sizeof(type));
        uint64_t now = address_updated(o->m, word, points_to, &lost);
        if (lost) {
            refuse(o, s->entry, "what it points to is not in the new version");
            return false;
        }
        o->m->report->pointers += now != 0;
        o->m->report->wild += now == 0 && s->kind != TYPE_SCAN;
        word = now != 0 ? now : word;
    }
    memcpy(o->now + to, &word, bytes);
    return true;
}

static void run_function(struct object *o, const struct move_converter *f)
{
    uint64_t each = o->conversion->from.entries->bytes, now = o->conversion->to.entries->bytes;
    for (uint64_t n = 0; (n + 1) * each <= o->bytes && (n + 1) * now <= o->now_bytes; n++) {
        struct move_old old = {o->m, o->conversion, o->old + n * each, each};
        if (o->m->error == MOVE_OK && !f->convert(o->now + n * now, &old)) {
            refuse(o, 0, "its conversion function refuses it");
        }
    }
}

static void convert(struct object *o)
{
    const struct conversion *c = o->conversion;
    const struct move_converter *f = c->same ? nullptr : o->function;
    uint32_t misfit = c->same ? 0 : c->misfit;
    if (c->same) {
        memcpy(o->now, o->old, o->bytes < o->now_bytes ? o->bytes : o->now_bytes);
    } else {
        uint32_t value = convert_data(c, o->old, o->bytes, o->now);
        misfit = misfit ? misfit : value;
    }
    if (misfit != 0 && !f) {
        refuse(o, misfit - 1, "it has changed, and no conversion is known");
        return;
    }
    enum type_map_error error = type_map_walk(&c->from, o->old, o->bytes, slot, o);
    if (error != TYPE_MAP_OK && error != TYPE_MAP_STOPPED) {
        move_fail(o->m, MOVE_TAG, "%s: %s", o->name, type_map_error_text(error));
    } else if (f && o->m->error == MOVE_OK) {
        run_function(o, f);
    }
}

static void scan(struct mover *m, const uint64_t *old, uint64_t *now, uint64_t bytes,
                 const char *name)
{
    for (uint64_t i = 0; i < bytes / 8 && m->error == MOVE_OK; i++) {
        bool lost;
        uint64_t to = address_updated(m, old[i], nullptr, &lost);
        if (lost) {
            move_fail(m, MOVE_VERSION, "%s+%llu points to what is not in the new version", name,
                      (unsigned long long)i * 8);
        }
        m->report->pointers += to != 0;
        now[i] = to != 0 ? to : old[i];
    }
    memcpy((uint8_t *)now + bytes / 8 * 8, (const uint8_t *)old + bytes / 8 * 8, bytes % 8);
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
        scan(m, v->from, v->to, v->bytes, t->name);
        return;
    }
    struct object o = {m, t->conversion, t->function, (const uint8_t *)v->from, (uint8_t *)v->to, v->bytes, now,
                       "on the heap"};
    memset(v->to, 0, now);
    convert(&o);
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
        struct object o = {m, p->conversion, p->function, (const uint8_t *)old, (uint8_t *)now, p->old->bytes,
                           p->now->bytes, type_global_name(p->old)};
        convert(&o);
    } else if (bytes != u->now.sections[p->section].size) {
        move_fail(m, MOVE_VERSION, "%s has another size", version_section_name(&u->old, i));
    } else {
        scan(m, old, now, bytes, version_section_name(&u->old, i));
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

// ---- For conversion functions ----

static uint32_t field_of(const struct move_old *old, const char *name)
{
    return type_map_field(&old->conversion->from, 0, name);
}

const void *move_old_bytes(const struct move_old *old, const char *name, size_t *bytes)
{
    uint32_t at = field_of(old, name);
    const struct type_map_entry *e = &old->conversion->from.entries[at];
    if (at == 0 || e->count == TYPE_MAP_FLEXIBLE) {
        return nullptr;
    }
    *bytes = (size_t)e->bytes * e->count;
    return old->at + e->offset;
}

int64_t move_old_number(const struct move_old *old, const char *name)
{
    uint32_t at = field_of(old, name);
    return at == 0 ? 0 : convert_number_at(&old->conversion->from, at, old->at);
}

void *move_old_pointer(const struct move_old *old, const char *name)
{
    uint32_t at = field_of(old, name);
    const struct type_map_entry *e = &old->conversion->from.entries[at];
    char type[128];
    uint64_t word;
    bool lost;
    if (at == 0 || e->kind != TYPE_POINTER) {
        return nullptr;
    }
    memcpy(&word, old->at + e->offset, sizeof(word));
    return (void *)address_updated(old->m, word,
                                   target(&old->conversion->from, at, type, sizeof(type)), &lost);
}
