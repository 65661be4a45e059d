// SPDX-License-Identifier: MIT
// The relocator.
//
// Targets are resolved by symbol and only then is the addend added: -O2 makes addends that point
// outside the object (array - 16), which would name a neighbour if they were looked up as a sum.
#include "randomizer/linker/relocate.h"

struct relocator {
    const struct module *m;
    const struct plan *p;
    uint8_t *image;
    uint32_t got_used;
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

static enum link_error resolve_special(const struct relocator *l, const struct elf_symbol *s,
                                       uint64_t *value)
{
    *value = s->value;
    if (s->section == SHN_ABS) {
        return LINK_OK;
    }
    if (s->section == SHN_COMMON) {
        return LINK_COMMON;
    }
    *value = 0;
    if (s->section != SHN_UNDEF) {
        return LINK_BAD_TARGET;
    }
    return elf_symbol_binding(s) == STB_WEAK || s == l->m->symbols ? LINK_OK : LINK_UNDEFINED;
}

static inline enum link_error resolve(const struct relocator *l, uint32_t symbol, uint64_t *value)
{
    if (symbol >= l->m->symbol_count) {
        return LINK_BAD_RELOCATION;
    }
    const struct elf_symbol *s = &l->m->symbols[symbol];
    if (s->section == SHN_UNDEF || s->section >= l->m->section_count) {
        return resolve_special(l, s, value);
    }
    uint64_t base = l->p->address[s->section];
    if (base == PLAN_UNPLACED || s->value > l->m->sections[s->section].size ||
        elf_symbol_type(s) >= STT_TLS) {
        return LINK_BAD_TARGET;
    }
    *value = base + s->value;
    return LINK_OK;
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
    uint64_t at = (uint64_t)l->got_used++ * sizeof(uint64_t);
    __builtin_memcpy(l->image + l->p->got_image + at, &value, sizeof(value));
    return l->p->got + at;
}

// A call to a weak function that does not exist: code that checks its pointer first never makes
// it. Address 0 is out of reach, so the call goes to the margin of the window, which is never mapped.
static uint64_t call_target(const struct relocator *l, uint64_t value)
{
    return value == 0 ? l->p->window : value;
}

// `to` is the place in the image, `address` its final address; `room` bytes are left in the section.
static inline enum link_error apply(struct relocator *l, const struct elf_rela *r, uint8_t *to,
                                    uint64_t address, uint64_t room)
{
    uint64_t value;
    uint64_t width = r->type == R_X86_64_64 || r->type == R_X86_64_PC64 ? 8 : 4;
    if (room < width) {
        return LINK_BAD_RELOCATION;
    }
    enum link_error error = resolve(l, r->symbol, &value);
    if (error != LINK_OK) {
        return error;
    }
    uint64_t addend = (uint64_t)r->addend;
    switch (r->type) {
    case R_X86_64_64:
        value += addend;
        __builtin_memcpy(to, &value, sizeof(value));
        return LINK_OK;
    case R_X86_64_PC64:
        value += addend - address;
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

static enum link_error relocate_section(struct relocator *l, const struct elf_section *table,
                                        struct link_failure *why)
{
    uint32_t target = table->info;
    uint64_t size = l->m->sections[target].size;
    uint64_t address = l->p->address[target];
    uint8_t *to = l->image + l->p->image[target];
    const struct elf_rela *r = (const struct elf_rela *)(l->m->bytes + table->offset);
    const struct elf_rela *end = r + table->size / sizeof(*r);

    for (; r < end; r++) {
        uint64_t offset = r->offset;
        if (r->type == R_X86_64_NONE) {
            continue;
        }
        enum link_error error =
            offset > size ? LINK_BAD_RELOCATION : apply(l, r, to + offset, address + offset, size - offset);
        if (error != LINK_OK) {
            *why = (struct link_failure){error, target, r->symbol, r->type, offset};
            return error;
        }
    }
    return LINK_OK;
}

enum link_error relocate(const struct module *m, const struct plan *p, uint8_t *image,
                         struct link_failure *why)
{
    struct relocator l = {.m = m, .p = p, .image = image};
    for (uint32_t i = 1; i < m->section_count; i++) {
        if (!module_is_relocation(m, &m->sections[i])) {
            continue;
        }
        enum link_error error = relocate_section(&l, &m->sections[i], why);
        if (error != LINK_OK) {
            return error;
        }
    }
    return LINK_OK;
}
