// SPDX-License-Identifier: MIT
// The relocator.
//
// Targets are resolved by symbol and only then is the addend added: -O2 makes addends that point
// outside the object (array - 16), which would name a neighbour if they were looked up as a sum.
#include "randomizer/linker/relocate.h"

// Marks a symbol in the table of values that the fast path leaves to resolve(): undefined, weak,
// absolute, or bad. No symbol of a module has this address (USER_MIN is above it).
enum : uint64_t { VALUE_SLOW = 1 };

// The inner loops copy from here what they need: stores into the image and the tables could alias
// what is reached through pointers, and the compiler would load it again for each relocation.
struct relocator {
    const struct elf_section *sections;
    const struct elf_symbol *symbols;
    const uint64_t *address; // of the sections
    const uint64_t *values;  // of the symbols, or VALUE_SLOW
    uint32_t section_count, symbol_count;
    uint64_t window;
    uint64_t got;       // address of the next free slot of the address table
    uint8_t *got_image; // where that slot is in the image
};

void copy_sections(const struct module *m, const struct plan *p, uint8_t *image)
{
    for (uint32_t i = 1; i < m->section_count; i++) {
        const struct elf_section *s = &m->sections[i];
        if (module_is_loaded(s) && s->type != SHT_NOBITS) {
            __builtin_memcpy(image + p->image[i], m->bytes + s->offset, s->size);
        }
    }
}

// The value of a symbol that is in no section of the module.
static enum link_error resolve_special(const struct elf_symbol *s, bool is_null, uint64_t *value)
{
    *value = s->section == SHN_ABS ? s->value : 0;
    if (s->section == SHN_ABS) {
        return LINK_OK;
    }
    if (s->section == SHN_COMMON) {
        return LINK_COMMON;
    }
    if (s->section != SHN_UNDEF) {
        return LINK_BAD_TARGET;
    }
    return elf_symbol_binding(s) == STB_WEAK || is_null ? LINK_OK : LINK_UNDEFINED;
}

static inline bool is_in_section(const struct relocator *l, const struct elf_symbol *s)
{
    uint32_t section = s->section;
    return section < l->section_count && l->address[section] != PLAN_UNPLACED && // nor is section 0
           s->value <= l->sections[section].size && elf_symbol_type(s) < STT_TLS;
}

// Says of any symbol what its value is, or what is wrong with it.
static enum link_error resolve(const struct relocator *l, uint32_t symbol, uint64_t *value)
{
    if (symbol >= l->symbol_count) {
        return LINK_BAD_RELOCATION;
    }
    const struct elf_symbol *s = &l->symbols[symbol];
    if (s->section == SHN_UNDEF || s->section >= l->section_count) {
        return resolve_special(s, symbol == 0, value);
    }
    if (!is_in_section(l, s)) {
        return LINK_BAD_TARGET;
    }
    *value = l->address[s->section] + s->value;
    return LINK_OK;
}

static void find_values(const struct relocator *l, uint64_t *values)
{
    struct relocator here = *l;
    for (uint32_t i = 0; i < here.symbol_count; i++) {
        const struct elf_symbol *s = &here.symbols[i];
        values[i] = is_in_section(&here, s) ? here.address[s->section] + s->value : VALUE_SLOW;
    }
}

static inline enum link_error store_signed(uint8_t *to, uint64_t value)
{
    int32_t narrow = (int32_t)(uint32_t)value;
    if ((uint64_t)(int64_t)narrow != value) {
        return LINK_OVERFLOW;
    }
    __builtin_memcpy(to, &narrow, sizeof(narrow));
    return LINK_OK;
}

static inline enum link_error store_unsigned(uint8_t *to, uint64_t value)
{
    uint32_t narrow = (uint32_t)value;
    if (narrow != value) {
        return LINK_OVERFLOW;
    }
    __builtin_memcpy(to, &narrow, sizeof(narrow));
    return LINK_OK;
}

// Takes the next slot of the address table, puts `value` there, and returns the slot's address.
static uint64_t got_slot(struct relocator *l, uint64_t value)
{
    __builtin_memcpy(l->got_image, &value, sizeof(value));
    l->got_image += sizeof(value);
    l->got += sizeof(value);
    return l->got - sizeof(value);
}

// A call to a weak function that does not exist: code that checks its pointer first never makes
// it. Address 0 is out of reach, so the call goes to the margin of the window, which is never
// mapped.
static uint64_t call_target(const struct relocator *l, uint64_t value)
{
    return value == 0 ? l->window : value;
}

// `to` is the place in the image, `address` its final address, `room` what is left of the section.
static enum link_error apply_slow(struct relocator *l, const struct elf_rela *r, uint8_t *to,
                                  uint64_t address, uint64_t room)
{
    uint64_t value, width = r->type == R_X86_64_64 || r->type == R_X86_64_PC64 ? 8 : 4;
    if (r->type == R_X86_64_NONE) {
        return LINK_OK;
    }
    enum link_error error = room < width ? LINK_BAD_RELOCATION : resolve(l, r->symbol, &value);
    if (error != LINK_OK) {
        return error;
    }
    uint64_t addend = (uint64_t)r->addend;
    switch (r->type) {
    case R_X86_64_64:
    case R_X86_64_PC64:
        value += addend - (r->type == R_X86_64_PC64 ? address : 0);
        __builtin_memcpy(to, &value, sizeof(value));
        return LINK_OK;
    case R_X86_64_PC32:
        return store_signed(to, value + addend - address);
    case R_X86_64_PLT32:
        return store_signed(to, call_target(l, value) + addend - address);
    case R_X86_64_32:
        return store_unsigned(to, value + addend);
    case R_X86_64_32S:
        return store_signed(to, value + addend);
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX:
        return store_signed(to, got_slot(l, value) + addend - address);
    default:
        return LINK_RELOCATION_KIND;
    }
}

// A section that is being relocated.
struct place {
    uint8_t *image;
    uint64_t address, size;
};

// Applies relocations of the three kinds that make up nearly all of a module, against symbols of
// the module, up to the first that is not so plain; returns that one, or `end`. This loop is most
// of a birth: it stands alone so that all it needs fits into registers.
[[gnu::noinline]]
static const struct elf_rela *apply_plain(const struct relocator *l, struct place p,
                                          const struct elf_rela *r, const struct elf_rela *end)
{
    const uint64_t *values = l->values;
    uint32_t symbol_count = l->symbol_count;
    uint64_t end4 = p.size < 4 ? 0 : p.size - 3; // offsets of 4 bytes are below this
    uint64_t end8 = p.size < 8 ? 0 : p.size - 7;

    for (; r < end && r->symbol < symbol_count && values[r->symbol] != VALUE_SLOW; r++) {
        uint64_t offset = r->offset;
        uint64_t sum = values[r->symbol] + (uint64_t)r->addend;
        if (r->type == R_X86_64_PC32 || r->type == R_X86_64_PLT32) {
            if (offset >= end4 ||
                store_signed(p.image + offset, sum - p.address - offset) != LINK_OK) {
                break;
            }
        } else if (r->type == R_X86_64_64 && offset < end8) {
            __builtin_memcpy(p.image + offset, &sum, sizeof(sum));
        } else {
            break;
        }
    }
    return r;
}

static enum link_error apply_one(struct relocator *l, uint32_t target, struct place p,
                                 const struct elf_rela *r, struct link_failure *why)
{
    uint64_t at = r->offset < p.size ? r->offset : p.size;
    enum link_error error = apply_slow(l, r, p.image + at, p.address + at, p.size - at);
    if (error != LINK_OK) {
        *why = (struct link_failure){error, target, r->symbol, r->type, r->offset};
    }
    return error;
}

static enum link_error relocate_section(struct relocator *l, uint32_t target, struct place p,
                                        const struct elf_rela *r, const struct elf_rela *end,
                                        struct link_failure *why)
{
    enum link_error error = LINK_OK;
    while (error == LINK_OK && (r = apply_plain(l, p, r, end)) < end) {
        error = apply_one(l, target, p, r++, why);
    }
    return error;
}

static struct place place_of(const struct module *m, const struct plan *p, uint8_t *image,
                             uint32_t section)
{
    return (struct place){image + p->image[section], p->address[section],
                          m->sections[section].size};
}

enum link_error relocate(const struct module *m, const struct plan *p, uint8_t *image,
                         uint64_t *values, struct link_failure *why)
{
    struct relocator l = {m->sections,     m->symbols, p->address, values,
                          m->section_count, m->symbol_count, p->window, p->got,
                          image + p->got_image};
    find_values(&l, values);
    for (uint32_t i = 1; i < m->section_count; i++) {
        const struct elf_section *s = &m->sections[i];
        if (!module_is_relocation(m, s)) {
            continue;
        }
        const struct elf_rela *r = (const struct elf_rela *)(m->bytes + s->offset);
        enum link_error error = relocate_section(&l, s->info, place_of(m, p, image, s->info), r,
                                                 r + s->size / sizeof(*r), why);
        if (error != LINK_OK) {
            return error;
        }
    }
    return LINK_OK;
}

// ---- From a recipe ----

void copy_again(const struct recipe *r, const struct module *m, const struct plan *p,
                uint8_t *image)
{
    const struct recipe_copy *c = recipe_part(r, r->copies_at), *end = c + r->copies;
    const uint64_t *at = p->image;
    for (; c < end; c++) {
        __builtin_memcpy(image + at[c->section], m->bytes + c->from, c->bytes);
    }
}

// Most of a birth: a few instructions for each. 32 bits are enough for a distance that fits them.
static const struct recipe_link *link_near(const struct recipe_link *l, uint32_t count,
                                           const uint64_t *address, uint8_t *image, uint32_t here)
{
#pragma clang loop unroll_count(4)
    for (const struct recipe_link *end = l + count; l < end; l++) {
        uint32_t value = (uint32_t)address[l->target] + (uint32_t)l->constant - here;
        __builtin_memcpy(image + l->offset, &value, sizeof(value));
    }
    return l;
}

static const struct recipe_link *link_far(const struct recipe_link *l, uint32_t count,
                                          const uint64_t *address, uint8_t *image)
{
    for (const struct recipe_link *end = l + count; l < end; l++) {
        uint64_t value = address[l->target] + (uint64_t)(int64_t)l->constant;
        __builtin_memcpy(image + l->offset, &value, sizeof(value));
    }
    return l;
}

static void link_groups(const struct recipe *r, const struct plan *p, uint8_t *image)
{
    const uint64_t *address = p->address, *at = p->image;
    const struct recipe_link *l = recipe_part(r, r->links_at);
    const struct recipe_group *g = recipe_part(r, r->groups_at), *end = g + r->groups;
    for (; g < end; g++) {
        uint8_t *to = image + at[g->section];
        l = link_near(l, g->near, address, to, (uint32_t)address[g->section]);
        l = link_far(l, g->far, address, to);
    }
}

enum link_error relocate_again(const struct recipe *r, const struct module *m,
                               const struct plan *p, uint8_t *image, struct link_failure *why)
{
    struct relocator l = {m->sections,      m->symbols,      p->address, nullptr,
                          m->section_count, m->symbol_count, p->window,  p->got,
                          image + p->got_image};
    link_groups(r, p, image);
    const struct recipe_rare *rare = recipe_part(r, r->rares_at), *end = rare + r->rares;
    for (; rare < end; rare++) {
        const struct elf_rela *rela =
            (const struct elf_rela *)(m->bytes + m->sections[rare->table].offset) + rare->index;
        enum link_error error = apply_one(&l, rare->section, place_of(m, p, image, rare->section),
                                          rela, why);
        if (error != LINK_OK) {
            return error;
        }
    }
    return LINK_OK;
}
