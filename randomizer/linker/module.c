// SPDX-License-Identifier: MIT
// Checking a module before anything is believed of it.
//
// A module that fails here kills only the newborn that tried to link it. Nothing later in the
// linker has to look at the file's own bounds again.
#include "randomizer/linker/module.h"

static bool in_file(const struct module *m, uint64_t offset, uint64_t bytes)
{
    return offset <= m->size && bytes <= m->size - offset;
}

static enum link_error fail(struct link_failure *why, enum link_error error, uint32_t section)
{
    *why = (struct link_failure){error, section, UINT32_MAX, UINT32_MAX, 0};
    return error;
}

static enum link_error check_header(struct module *m)
{
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
    const struct elf_header *h = (const struct elf_header *)m->bytes;
    if (m->size < sizeof(*h)) {
        return LINK_NOT_ELF;
    }
    for (int i = 0; i < 4; i++) {
        if (h->ident[i] != magic[i]) {
            return LINK_NOT_ELF;
        }
    }
    if (h->ident[4] != ELF_CLASS_64 || h->ident[5] != ELF_LITTLE_ENDIAN ||
        h->type != ELF_RELOCATABLE || h->machine != ELF_X86_64 ||
        h->section_header_bytes != sizeof(struct elf_section)) {
        return LINK_WRONG_ELF;
    }
    uint64_t table_bytes = (uint64_t)h->section_count * sizeof(struct elf_section);
    if (h->section_count == 0 || h->section_count >= SHN_RESERVED ||
        !in_file(m, h->section_headers, table_bytes)) {
        return LINK_TRUNCATED;
    }
    m->sections = (const struct elf_section *)(m->bytes + h->section_headers);
    m->section_count = h->section_count;
    return LINK_OK;
}

// A string table whose last byte is zero: any offset into it then starts a terminated string.
static enum link_error open_strings(const struct module *m, uint32_t section, const char **strings,
                                    uint64_t *bytes)
{
    if (section >= m->section_count || m->sections[section].type != SHT_STRTAB) {
        return LINK_BAD_SECTION;
    }
    const struct elf_section *s = &m->sections[section];
    if (!in_file(m, s->offset, s->size)) {
        return LINK_TRUNCATED;
    }
    if (s->size == 0 || m->bytes[s->offset + s->size - 1] != 0) {
        return LINK_BAD_SECTION;
    }
    *strings = (const char *)m->bytes + s->offset;
    *bytes = s->size;
    return LINK_OK;
}

static enum link_error open_symbols(struct module *m, const struct elf_section *s)
{
    if (m->symbols != nullptr || s->entry_bytes != sizeof(struct elf_symbol) ||
        s->size % sizeof(struct elf_symbol) != 0 ||
        s->size / sizeof(struct elf_symbol) > UINT32_MAX) {
        return LINK_BAD_SYMBOLS;
    }
    if (!in_file(m, s->offset, s->size)) {
        return LINK_TRUNCATED;
    }
    m->symbols = (const struct elf_symbol *)(m->bytes + s->offset);
    m->symbol_count = (uint32_t)(s->size / sizeof(struct elf_symbol));
    return open_strings(m, s->link, &m->symbol_names, &m->symbol_names_bytes);
}

static enum link_error check_loaded(const struct module *m, const struct elf_section *s)
{
    if ((s->flags & SHF_WRITE) && (s->flags & SHF_EXEC)) {
        return LINK_WRITE_EXEC;
    }
    if ((s->flags & (SHF_TLS | SHF_COMPRESSED)) ||
        (s->type != SHT_PROGBITS && s->type != SHT_NOBITS && s->type != SHT_NOTE &&
         s->type != SHT_X86_64_UNWIND)) {
        return LINK_SECTION_KIND;
    }
    if (s->align > MODULE_ALIGN_MAX || (s->align & (s->align - 1)) != 0) {
        return LINK_ALIGNMENT; // 0 and 1 both mean "anywhere"
    }
    if (s->size > MODULE_LOADED_MAX) {
        return LINK_TOO_BIG;
    }
    if (s->type != SHT_NOBITS && !in_file(m, s->offset, s->size)) {
        return LINK_TRUNCATED;
    }
    return LINK_OK;
}

static enum link_error check_relocations(const struct module *m, const struct elf_section *s)
{
    if (s->info >= m->section_count) {
        return LINK_BAD_SECTION;
    }
    const struct elf_section *target = &m->sections[s->info];
    if (!module_is_loaded(target)) {
        return LINK_OK; // of debug information: not our affair
    }
    if (s->type == SHT_REL) {
        return LINK_SECTION_KIND;
    }
    if (target->type == SHT_NOBITS || s->entry_bytes != sizeof(struct elf_rela) ||
        s->size % sizeof(struct elf_rela) != 0 || s->link >= m->section_count ||
        m->sections[s->link].type != SHT_SYMTAB) {
        return LINK_BAD_SECTION;
    }
    return in_file(m, s->offset, s->size) ? LINK_OK : LINK_TRUNCATED;
}

static enum link_error check_section(struct module *m, const struct elf_section *s)
{
    if (module_is_loaded(s)) {
        return check_loaded(m, s);
    }
    if (s->type == SHT_RELA || s->type == SHT_REL) {
        return check_relocations(m, s);
    }
    return s->type == SHT_SYMTAB ? open_symbols(m, s) : LINK_OK;
}

enum link_error module_open(struct module *m, const void *bytes, uint64_t size,
                            struct link_failure *why)
{
    *m = (struct module){.bytes = bytes, .size = size};
    enum link_error error = check_header(m);
    if (error != LINK_OK) {
        return fail(why, error, UINT32_MAX);
    }
    if (m->sections[0].type != SHT_NULL || module_is_loaded(&m->sections[0])) {
        return fail(why, LINK_BAD_SECTION, 0); // index 0 means "no section" everywhere
    }
    const struct elf_header *h = (const struct elf_header *)bytes;
    error = open_strings(m, h->section_names, &m->section_names, &m->section_names_bytes);
    if (error != LINK_OK) {
        return fail(why, error, h->section_names);
    }
    for (uint32_t i = 1; i < m->section_count; i++) {
        error = check_section(m, &m->sections[i]);
        if (error != LINK_OK) {
            return fail(why, error, i);
        }
    }
    return m->symbols == nullptr ? fail(why, LINK_BAD_SYMBOLS, UINT32_MAX) : LINK_OK;
}

const char *module_section_name(const struct module *m, uint32_t section)
{
    if (section >= m->section_count || m->sections[section].name >= m->section_names_bytes) {
        return "";
    }
    return m->section_names + m->sections[section].name;
}

const char *module_symbol_name(const struct module *m, uint32_t symbol)
{
    if (symbol >= m->symbol_count) {
        return "";
    }
    const struct elf_symbol *s = &m->symbols[symbol];
    if (elf_symbol_type(s) == STT_SECTION) {
        return module_section_name(m, s->section);
    }
    return s->name < m->symbol_names_bytes ? m->symbol_names + s->name : "";
}

const char *link_error_text(enum link_error error)
{
    switch (error) {
#define LINK_ERROR(name, number, sentence) \
    case name: \
        return sentence;
#include "randomizer/linker/error.def"
#undef LINK_ERROR
    default:
        return "unknown error";
    }
}
