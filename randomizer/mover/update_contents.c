// SPDX-License-Identifier: MIT
// What an object's contents and an address become in another version of the program; and what a conversion function of that
// version can ask.
#include "lib/rt/movable.h"
#include "randomizer/mover/lookup.h"
#include "randomizer/mover/update.h"
#include <string.h>

// What a conversion function can ask.
struct move_old {
    struct mover *m;
    const struct conversion *conversion;
    const uint8_t *at; // the element
    uint64_t bytes;
};

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

static void refuse(const struct update_object *o, uint32_t entry, const char *why)
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
    struct update_object *o = context;
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

static void run_function(struct update_object *o, const struct move_converter *f)
{
    uint64_t each = o->conversion->from.entries->bytes, now = o->conversion->to.entries->bytes;
    for (uint64_t n = 0; (n + 1) * each <= o->bytes && (n + 1) * now <= o->now_bytes; n++) {
        struct move_old old = {o->m, o->conversion, o->old + n * each, each};
        if (o->m->error == MOVE_OK && !f->convert(o->now + n * now, &old)) {
            refuse(o, 0, "its conversion function refuses it");
        }
    }
}

void update_convert(struct update_object *o)
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

void update_scan(struct mover *m, const uint64_t *old, uint64_t *now, uint64_t bytes, const char *name)
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
