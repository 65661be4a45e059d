// SPDX-License-Identifier: MIT
// Linear searches on purpose: this runs once for each death, and a module has a few thousand
// symbols. An index would have to be kept for every living service instead.
#include "randomizer/linker/symbolise.h"

uint64_t section_address(const struct module *m, const struct layout_record *layout,
                         uint64_t layout_bytes, uint32_t section)
{
    if (layout == nullptr || layout_bytes < sizeof(*layout) || layout->magic != LAYOUT_MAGIC ||
        section >= layout->sections || section >= m->section_count ||
        (layout_bytes - sizeof(*layout)) / sizeof(uint64_t) <= section ||
        !module_is_loaded(&m->sections[section])) {
        return 0;
    }
    uint64_t address = layout->address[section];
    return address < USER_MIN || address > USER_MAX - m->sections[section].size ? 0 : address;
}

static bool is_named(const struct module *m, const struct elf_symbol *s)
{
    unsigned type = elf_symbol_type(s);
    return (type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE) &&
           s->name < m->symbol_names_bytes && m->symbol_names[s->name] != 0;
}

// The last symbol of the section that starts at or before the offset.
static const struct elf_symbol *covering_symbol(const struct module *m, uint32_t section,
                                                uint64_t offset)
{
    const struct elf_symbol *best = nullptr;
    for (uint32_t i = 1; i < m->symbol_count; i++) {
        const struct elf_symbol *s = &m->symbols[i];
        if (s->section == section && s->value <= offset && is_named(m, s) &&
            (best == nullptr || s->value >= best->value)) {
            best = s;
        }
    }
    return best;
}

bool symbolise(const struct module *m, const struct layout_record *layout, uint64_t layout_bytes,
               uint64_t address, struct symbol_place *place)
{
    for (uint32_t i = 1; i < m->section_count; i++) {
        uint64_t start = section_address(m, layout, layout_bytes, i);
        if (start == 0 || address < start || address - start > m->sections[i].size) {
            continue;
        }
        const struct elf_symbol *s = covering_symbol(m, i, address - start);
        uint64_t value = s == nullptr ? 0 : s->value;
        place->name = s == nullptr ? module_section_name(m, i) : m->symbol_names + s->name;
        place->start = start + value;
        place->offset = address - place->start;
        place->section = i;
        return true;
    }
    return false;
}

static bool equal(const char *a, const char *b)
{
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

uint64_t symbol_address(const struct module *m, const struct layout_record *layout,
                        uint64_t layout_bytes, const char *name)
{
    for (uint32_t i = m->symbol_count; i-- > 1;) { // ELF keeps the global ones at the end
        const struct elf_symbol *s = &m->symbols[i];
        if (!is_named(m, s) || s->section == SHN_UNDEF || s->section >= m->section_count ||
            !equal(m->symbol_names + s->name, name) || s->value > m->sections[s->section].size) {
            continue;
        }
        uint64_t start = section_address(m, layout, layout_bytes, s->section);
        return start == 0 ? 0 : start + s->value;
    }
    return 0;
}

static void put(char *text, uint32_t bytes, uint32_t *used, const char *s)
{
    while (*s != 0 && *used + 1 < bytes) {
        text[(*used)++] = *s++;
    }
}

static void put_hex(char *text, uint32_t bytes, uint32_t *used, uint64_t x)
{
    char digits[17];
    int at = 16;
    digits[16] = 0;
    do {
        digits[--at] = "0123456789abcdef"[x & 15];
        x >>= 4;
    } while (x != 0);
    put(text, bytes, used, digits + at);
}

uint32_t symbolise_text(const struct module *m, const struct layout_record *layout,
                        uint64_t layout_bytes, uint64_t address, char *text, uint32_t bytes)
{
    struct symbol_place place;
    uint32_t used = 0;
    if (bytes == 0) {
        return 0;
    }
    if (symbolise(m, layout, layout_bytes, address, &place)) {
        put(text, bytes, &used, place.name);
        put(text, bytes, &used, "+0x");
        put_hex(text, bytes, &used, place.offset);
    } else {
        put(text, bytes, &used, "0x");
        put_hex(text, bytes, &used, address);
    }
    text[used] = 0;
    return used;
}
