// SPDX-License-Identifier: MIT
// Making a recipe. Following it is relocate.c's part.
#include "randomizer/linker/recipe.h"

// Places of sections and of what refers to them are that close to each other in any layout that a distance
// between them, and a constant up to this, fits 32 bits.
enum : int64_t { NEAR_CONSTANT = PLAN_WINDOW_MARGIN };

struct cook {
    struct recipe *r;
    const struct module *m;
    struct recipe_copy *copies;
    struct recipe_group *groups;
    struct recipe_link *links;
    struct recipe_rare *rares;
    uint32_t link_count;
};

static uint64_t relocation_count(const struct module *m)
{
    uint64_t count = 0;
    for (uint32_t i = 1; i < m->section_count; i++) {
        if (module_is_relocation(m, &m->sections[i])) {
            count += m->sections[i].size / sizeof(struct elf_rela);
        }
    }
    return count;
}

static uint64_t round_up8(uint64_t x)
{
    return (x + 7) & ~7ull;
}

// Takes the next piece of the recipe, for so many things of that size.
static uint64_t take(uint64_t *used, uint64_t count, uint64_t each)
{
    uint64_t at = *used;
    *used = round_up8(at + count * each);
    return at;
}

// With room for as many links, and as many rares, as there are relocations; close_up() makes it smaller.
static uint64_t lay(struct recipe *r, const struct module *m)
{
    uint64_t used = round_up8(sizeof(*r)), entries = plan_entries(m);
    r->order_at = take(&used, entries, sizeof(uint32_t));
    r->shapes_at = take(&used, entries, sizeof(struct plan_shape));
    r->copies_at = take(&used, entries, sizeof(struct recipe_copy));
    r->groups_at = take(&used, entries, sizeof(struct recipe_group));
    r->links_at = take(&used, relocation_count(m), sizeof(struct recipe_link));
    r->rares_at = take(&used, relocation_count(m), sizeof(struct recipe_rare));
    return used;
}

uint64_t recipe_room(const struct module *m)
{
    struct recipe r;
    return lay(&r, m);
}

static void note_copies(struct cook *k)
{
    for (uint32_t i = 1; i < k->m->section_count; i++) {
        const struct elf_section *s = &k->m->sections[i];
        if (module_is_loaded(s) && s->type != SHT_NOBITS && s->size != 0) {
            k->copies[k->r->copies++] =
                (struct recipe_copy){.section = i, .bytes = (uint32_t)s->size, .from = s->offset};
        }
    }
}

// The section that a symbol is in; 0: it is in none of the loaded, or there is something to say about it.
static uint32_t section_of(const struct module *m, uint32_t symbol)
{
    if (symbol >= m->symbol_count) {
        return 0;
    }
    const struct elf_symbol *s = &m->symbols[symbol];
    bool sound = s->section != SHN_UNDEF && s->section < m->section_count &&
                 elf_symbol_type(s) < STT_TLS && module_is_loaded(&m->sections[s->section]) &&
                 s->value <= m->sections[s->section].size;
    return sound ? s->section : 0;
}

static bool in_window(const struct module *m, uint32_t section)
{
    return !(m->sections[section].flags & SHF_LARGE);
}

static bool fits_section(const struct module *m, uint32_t section, const struct elf_rela *r,
                         uint64_t width)
{
    uint64_t size = m->sections[section].size;
    return size >= width && r->offset <= size - width && r->offset <= UINT16_MAX;
}

static bool make_near(const struct module *m, uint32_t section, const struct elf_rela *r,
                      struct recipe_link *link)
{
    uint32_t target = section_of(m, r->symbol);
    if (target == 0 || !in_window(m, section) || !in_window(m, target) ||
        !fits_section(m, section, r, 4)) {
        return false;
    }
    int64_t most = (int64_t)1 << 40; // beyond it sums could wrap
    int64_t constant = r->addend > -most && r->addend < most
                           ? (int64_t)m->symbols[r->symbol].value + r->addend - (int64_t)r->offset
                           : most;
    *link = (struct recipe_link){(uint16_t)r->offset, (uint16_t)target, (int32_t)constant};
    return constant >= -NEAR_CONSTANT && constant <= NEAR_CONSTANT;
}

static bool make_far(const struct module *m, uint32_t section, const struct elf_rela *r,
                     struct recipe_link *link)
{
    uint32_t target = section_of(m, r->symbol);
    if (target == 0 || !fits_section(m, section, r, 8)) {
        return false;
    }
    uint64_t constant = m->symbols[r->symbol].value + (uint64_t)r->addend;
    *link = (struct recipe_link){(uint16_t)r->offset, (uint16_t)target, (int32_t)(uint32_t)constant};
    return (uint64_t)(int64_t)link->constant == constant;
}

enum usual { NEAR, FAR, OTHER };

static enum usual kind_of(const struct elf_rela *r)
{
    return r->type == R_X86_64_PC32 || r->type == R_X86_64_PLT32 ? NEAR
           : r->type == R_X86_64_64                              ? FAR
                                                                 : OTHER;
}

// The links of one kind that a table of relocations asks for; what cannot be one is rare. Returns how many.
static uint32_t note_links(struct cook *k, uint32_t table, enum usual kind)
{
    const struct elf_section *s = &k->m->sections[table];
    const struct elf_rela *r = (const struct elf_rela *)(k->m->bytes + s->offset);
    uint64_t count = s->size / sizeof(*r);
    uint32_t before = k->link_count;
    for (uint64_t i = 0; i < count; i++) {
        struct recipe_link *link = &k->links[k->link_count];
        if (kind_of(&r[i]) != kind) {
            continue;
        }
        if (kind != OTHER &&
            (kind == NEAR ? make_near : make_far)(k->m, s->info, &r[i], link)) {
            k->link_count++;
        } else {
            k->rares[k->r->rares++] = (struct recipe_rare){s->info, table, (uint32_t)i};
        }
    }
    return k->link_count - before;
}

static void note_groups(struct cook *k)
{
    for (uint32_t i = 1; i < k->m->section_count; i++) {
        if (!module_is_relocation(k->m, &k->m->sections[i])) {
            continue;
        }
        struct recipe_group group = {.section = k->m->sections[i].info};
        group.near = note_links(k, i, NEAR);
        group.far = note_links(k, i, FAR);
        (void)note_links(k, i, OTHER);
        if (group.near + group.far > 0) {
            k->groups[k->r->groups++] = group;
        }
    }
}

// Where module_open() found things.
static void note_module(struct recipe *r, const struct module *m)
{
    r->module_bytes = m->size;
    r->sections = (uint64_t)((const uint8_t *)m->sections - m->bytes);
    r->symbols = (uint64_t)((const uint8_t *)m->symbols - m->bytes);
    r->symbol_names = (uint64_t)((const uint8_t *)m->symbol_names - m->bytes);
    r->section_names = (uint64_t)((const uint8_t *)m->section_names - m->bytes);
    r->symbol_names_bytes = m->symbol_names_bytes;
    r->section_names_bytes = m->section_names_bytes;
    r->symbol_count = m->symbol_count;
}

// The rares come directly behind the links.
static void close_up(struct cook *k)
{
    struct recipe *r = k->r;
    uint64_t at = round_up8(r->links_at + k->link_count * sizeof(struct recipe_link));
    struct recipe_rare *to = (struct recipe_rare *)((uint8_t *)r + at);
    for (uint32_t i = 0; i < r->rares; i++) {
        to[i] = k->rares[i];
    }
    r->rares_at = at;
    r->bytes = round_up8(at + r->rares * sizeof(struct recipe_rare));
    r->magic = RECIPE_MAGIC;
}

enum link_error recipe_make(struct recipe *r, const struct module *m, struct link_failure *why)
{
    *r = (struct recipe){0};
    (void)lay(r, m);
    uint8_t *base = (uint8_t *)r;
    uint32_t *order = (uint32_t *)(base + r->order_at);
    struct plan_shape *shapes = (struct plan_shape *)(base + r->shapes_at);
    enum link_error error = plan_prepare(&r->objects, m, order, shapes, why);
    if (error != LINK_OK) {
        return error;
    }
    r->objects.order = nullptr;
    r->objects.shapes = nullptr;
    struct cook k = {.r = r, .m = m,
                     .copies = (struct recipe_copy *)(base + r->copies_at),
                     .groups = (struct recipe_group *)(base + r->groups_at),
                     .links = (struct recipe_link *)(base + r->links_at),
                     .rares = (struct recipe_rare *)(base + r->rares_at)};
    note_module(r, m);
    note_copies(&k);
    note_groups(&k);
    close_up(&k);
    return LINK_OK;
}

void recipe_write_out(struct recipe *to, const struct recipe *r)
{
    __builtin_memcpy(to, r, r->bytes);
}
