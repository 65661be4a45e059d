// SPDX-License-Identifier: MIT
// A relocatable module in memory, with every offset and size in it checked once.
#pragma once
#include "randomizer/linker/elf.h"
#include "randomizer/linker/error.h"
#include <stdint.h>

struct module {
    const uint8_t *bytes;
    uint64_t size;
    const struct elf_section *sections;
    uint32_t section_count;
    uint32_t symbol_count;
    const struct elf_symbol *symbols;
    const char *symbol_names; // zero-terminated as a whole
    uint64_t symbol_names_bytes;
    const char *section_names; // likewise
    uint64_t section_names_bytes;
};

enum : uint64_t {
    MODULE_ALIGN_MAX = 2ull << 20,   // a large page: nobody has a reason to ask for more
    MODULE_LOADED_MAX = 64ull << 20, // all sections together: keeps a window nearly empty, so that
                                     // free places are found at once
};

// Checks the file and prepares access to it. The bytes must stay there, unchanged, as long as the
// module is used. After LINK_OK the following hold for each section with SHF_ALLOC: its bytes lie
// in the file, its alignment is a power of two, it is not both writable and executable, it is of
// a supported kind; and each relocation section that applies to one lies in the file.
enum link_error module_open(struct module *m, const void *bytes, uint64_t size,
                            struct link_failure *why);

static inline bool module_is_loaded(const struct elf_section *s)
{
    return s->flags & SHF_ALLOC;
}

// True for relocations that the linker must apply: those of loaded sections.
static inline bool module_is_relocation(const struct module *m, const struct elf_section *s)
{
    return s->type == SHT_RELA && module_is_loaded(&m->sections[s->info]);
}

// Names are never null; a bad name offset gives "".
const char *module_section_name(const struct module *m, uint32_t section);
const char *module_symbol_name(const struct module *m, uint32_t symbol);
