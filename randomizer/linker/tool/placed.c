// SPDX-License-Identifier: MIT
#include "randomizer/linker/tool/placed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *read_file(struct placed *p, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == nullptr || fseek(f, 0, SEEK_END) != 0) {
        return "cannot be read";
    }
    p->size = (size_t)ftell(f);
    p->bytes = malloc(p->size + 1);
    rewind(f);
    if (p->bytes == nullptr || fread(p->bytes, 1, p->size, f) != p->size) {
        return "cannot be read";
    }
    fclose(f);
    return nullptr;
}

// The error with what it is about, as far as that is known.
static const char *explain(const struct module *m, const struct link_failure *why)
{
    static char text[512];
    int used = snprintf(text, sizeof(text), "%s", link_error_text(why->error));
    if (why->symbol != UINT32_MAX) {
        used += snprintf(text + used, sizeof(text) - (size_t)used, ": %.120s",
                         module_symbol_name(m, why->symbol));
    }
    if (why->section != UINT32_MAX && m->section_names != nullptr) {
        snprintf(text + used, sizeof(text) - (size_t)used, ", in %.120s+0x%lx",
                 module_section_name(m, why->section), why->offset);
    }
    return text;
}

static void make_record(struct placed *p)
{
    uint32_t n = p->module.section_count;
    p->record_bytes = sizeof(struct layout_record) + n * sizeof(uint64_t);
    p->record = calloc(1, p->record_bytes);
    p->record->magic = LAYOUT_MAGIC;
    p->record->sections = n;
    p->record->entry = p->plan->entry;
    memcpy(p->record->address, p->plan->address, n * sizeof(uint64_t));
}

const char *placed_open(struct placed *p, const char *path, const uint8_t seed[CHACHA_KEY_BYTES])
{
    struct link_failure why;
    const char *error = read_file(p, path);
    if (error != nullptr) {
        return error;
    }
    if (module_open(&p->module, p->bytes, p->size, &why) != LINK_OK) {
        return explain(&p->module, &why);
    }
    uint32_t entries = plan_entries(&p->module);
    p->plan = calloc(1, sizeof(*p->plan));
    p->plan->address = calloc(entries, sizeof(uint64_t));
    p->plan->image = calloc(entries, sizeof(uint64_t));
    p->plan->order = calloc(entries, sizeof(uint32_t));
    // The stack is placed by a stream of its own: its size changes no other address.
    if (plan_layout(p->plan, &p->module, seed, PLAN_STACK_MIN, &why) != LINK_OK) {
        return explain(&p->module, &why);
    }
    p->image = calloc(1, p->plan->image_bytes);
    uint64_t *values = calloc(p->module.symbol_count, sizeof(uint64_t));
    copy_sections(&p->module, p->plan, p->image);
    if (relocate(&p->module, p->plan, p->image, values, &why) != LINK_OK) {
        return explain(&p->module, &why);
    }
    free(values);
    make_record(p);
    return nullptr;
}

// What a symbol's value is in debug information: loaded sections have addresses, others start at 0.
static uint64_t debug_value(const struct placed *p, const struct elf_symbol *s)
{
    uint32_t section = s->section;
    return s->value + (section < p->module.section_count ? p->plan->address[section] : 0);
}

// Debug information uses 64-bit addresses and 32-bit offsets into other debug sections.
static void relocate_debug(struct placed *p, const struct elf_section *table)
{
    const struct elf_section *target = &p->module.sections[table->info];
    if (table->offset > p->size || table->size > p->size - table->offset ||
        target->offset > p->size || target->size > p->size - target->offset) {
        return;
    }
    const struct elf_rela *r = (const struct elf_rela *)(p->bytes + table->offset);
    for (uint64_t n = table->size / sizeof(*r); n > 0; n--, r++) {
        uint64_t width = r->type == R_X86_64_64 ? 8 : 4;
        if ((r->type != R_X86_64_64 && r->type != R_X86_64_32) ||
            r->symbol >= p->module.symbol_count || target->size < width ||
            r->offset > target->size - width) {
            continue; // NONE: of what the linker dropped
        }
        uint64_t value = debug_value(p, &p->module.symbols[r->symbol]) + (uint64_t)r->addend;
        memcpy(p->bytes + target->offset + r->offset, &value, width);
    }
}

static void place_section(struct placed *p, struct elf_section *s, uint32_t index)
{
    s->address = p->plan->address[index];
    if (s->type != SHT_NOBITS) {
        memcpy(p->bytes + s->offset, p->image + p->plan->image[index], s->size);
    }
}

void placed_make_absolute(struct placed *p)
{
    struct elf_header *h = (struct elf_header *)p->bytes;
    struct elf_section *sections = (struct elf_section *)(p->bytes + h->section_headers);
    struct elf_symbol *symbols =
        (struct elf_symbol *)((const uint8_t *)p->module.symbols - p->module.bytes + p->bytes);
    for (uint32_t i = 1; i < h->section_count; i++) {
        if (module_is_loaded(&sections[i])) {
            place_section(p, &sections[i], i);
        } else if (sections[i].type == SHT_RELA && !module_is_loaded(&sections[sections[i].info])) {
            relocate_debug(p, &sections[i]);
        }
    }
    for (uint32_t i = 1; i < p->module.symbol_count; i++) {
        symbols[i].value = debug_value(p, &symbols[i]);
    }
    for (uint32_t i = 1; i < h->section_count; i++) {
        if (sections[i].type == SHT_RELA) {
            sections[i].type = SHT_NULL; // done
            sections[i].size = 0;
        }
    }
    enum { ELF_EXECUTABLE = 2 };
    h->type = ELF_EXECUTABLE;
    h->entry = p->plan->entry;
}
