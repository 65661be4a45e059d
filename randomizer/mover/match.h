// SPDX-License-Identifier: MIT
// Two versions of a program, side by side: which section of the one is which of the other.
//
// A section is known by its name and by the file that it comes from (two files may have statics of
// one name); of several that are alike in both, the first is the first. A global that has a record
// is known by that: it says its file and its name.
#pragma once
#include "randomizer/linker/elf.h"
#include "kernel/abi/startup.h"
#include <stddef.h>

struct version {
    const uint8_t *file;
    const struct elf_header *elf;
    const struct elf_section *sections;
    const struct elf_symbol *symbols;
    const char *section_names, *symbol_names;
    uint32_t section_count, symbol_count;
    const struct layout_record *layout;
    const char **source; // file name of each section; "": not known
};

// `module` was accepted by module_open. `source`: room for one pointer for each section.
void version_open(struct version *v, const void *module, const struct layout_record *layout,
                  const char **source);
const char *version_section_name(const struct version *v, uint32_t section);
// What the file says of the byte that is linked at `address`, and how many follow; nullptr: nothing.
const void *version_bytes(const struct version *v, uint64_t address, uint64_t *left);
// The symbol whose address that is, with a name that both versions can know it by; nullptr: none.
const struct elf_symbol *version_symbol_at(const struct version *v, uint64_t address);
const struct elf_symbol *version_symbol(const struct version *v, const char *name);
static inline const char *version_symbol_name(const struct version *v, const struct elf_symbol *s)
{
    return v->symbol_names + s->name;
}

// For each section of `old` the one of `now` that is the same, 0: there is none. `scratch`: room for
// 2 * now->section_count + 1024 numbers, zeroed.
void match_sections(const struct version *old, const struct version *now, uint32_t *match,
                    uint32_t *scratch, size_t scratch_words);
