// SPDX-License-Identifier: MIT
#include "randomizer/mover/match.h"
#include <string.h>

static void find_sources(struct version *v)
{
    const char *file = "";
    for (uint32_t i = 0; i < v->section_count; i++) {
        v->source[i] = "";
    }
    for (uint32_t i = 1; i < v->symbol_count; i++) {
        const struct elf_symbol *s = &v->symbols[i];
        if (elf_symbol_binding(s) != STB_LOCAL) {
            continue;
        }
        if (elf_symbol_type(s) == STT_FILE) {
            file = version_symbol_name(v, s);
        } else if (s->section < v->section_count && s->section != SHN_UNDEF) {
            v->source[s->section] = file;
        }
    }
}

void version_open(struct version *v, const void *module, const struct layout_record *layout,
                  const char **source)
{
    const uint8_t *file = module;
    const struct elf_header *elf = module;
    const struct elf_section *sections = (const struct elf_section *)(file + elf->section_headers);
    *v = (struct version){.file = file, .elf = elf, .sections = sections, .layout = layout,
                          .section_count = elf->section_count, .source = source,
                          .symbol_names = "",
                          .section_names = (const char *)file + sections[elf->section_names].offset};
    for (uint32_t i = 1; i < v->section_count; i++) {
        if (sections[i].type == SHT_SYMTAB) {
            v->symbols = (const struct elf_symbol *)(file + sections[i].offset);
            v->symbol_count = (uint32_t)(sections[i].size / sizeof(struct elf_symbol));
            v->symbol_names = (const char *)file + sections[sections[i].link].offset;
        }
    }
    find_sources(v);
}

const char *version_section_name(const struct version *v, uint32_t section)
{
    return v->section_names + v->sections[section].name;
}

const void *version_bytes(const struct version *v, uint64_t address, uint64_t *left)
{
    for (uint32_t i = 1; i < v->section_count; i++) {
        const struct elf_section *s = &v->sections[i];
        uint64_t at = v->layout->address[i];
        if (at != 0 && address - at < s->size && s->type != SHT_NOBITS) {
            *left = s->size - (address - at);
            return v->file + s->offset + (address - at);
        }
    }
    return nullptr;
}

static bool is_global(const struct version *v, const struct elf_symbol *s)
{
    return elf_symbol_binding(s) != STB_LOCAL && s->section != SHN_UNDEF &&
           s->section < v->section_count;
}

const struct elf_symbol *version_symbol_at(const struct version *v, uint64_t address)
{
    for (uint32_t i = 1; i < v->symbol_count; i++) {
        const struct elf_symbol *s = &v->symbols[i];
        if (is_global(v, s) && v->layout->address[s->section] + s->value == address) {
            return s;
        }
    }
    return nullptr;
}

const struct elf_symbol *version_symbol(const struct version *v, const char *name)
{
    for (uint32_t i = 1; i < v->symbol_count; i++) {
        const struct elf_symbol *s = &v->symbols[i];
        if (is_global(v, s) && strcmp(version_symbol_name(v, s), name) == 0) {
            return s;
        }
    }
    return nullptr;
}

// ---- Sections ----

static uint32_t hash(const struct version *v, uint32_t section)
{
    uint32_t sum = 2166136261u;
    for (const char *c = version_section_name(v, section); *c != '\0'; c++) {
        sum = (sum ^ (uint8_t)*c) * 16777619u;
    }
    for (const char *c = v->source[section]; *c != '\0'; c++) {
        sum = (sum ^ (uint8_t)*c) * 16777619u;
    }
    return sum;
}

static bool alike(const struct version *a, uint32_t i, const struct version *b, uint32_t k)
{
    const uint64_t kind = SHF_WRITE | SHF_ALLOC | SHF_EXEC;
    return ((a->sections[i].flags ^ b->sections[k].flags) & kind) == 0 &&
           strcmp(version_section_name(a, i), version_section_name(b, k)) == 0 &&
           strcmp(a->source[i], b->source[k]) == 0;
}

// Chains of those of equal hash, first ones first; who has found its like leaves the chain.
void match_sections(const struct version *old, const struct version *now, uint32_t *match,
                    uint32_t *scratch, size_t scratch_words)
{
    uint32_t *next = scratch, *heads = scratch + now->section_count;
    uint32_t count = (uint32_t)(scratch_words - now->section_count);
    for (uint32_t k = now->section_count - 1; k >= 1; k--) {
        uint32_t *head = &heads[hash(now, k) % count];
        next[k] = *head;
        *head = k;
    }
    for (uint32_t i = 1; i < old->section_count; i++) {
        uint32_t *link = &heads[hash(old, i) % count];
        while (*link != 0 && !alike(old, i, now, *link)) {
            link = &next[*link];
        }
        match[i] = *link;
        if (*link != 0) {
            *link = next[*link];
        }
    }
}
