// SPDX-License-Identifier: MIT
// Program files: each is copied out of the boot archive once, checked once, and shared by the
// services that run it.
#include "rs/archive.h"
#include "rs/manifest.h"
#include "rs/service.h"
#include <stdio.h>
#include <string.h>

static struct module_file modules[MANIFEST_SERVICES_MAX];
static uint32_t module_count;

// Modules whose runtime can take over a predecessor's state say so by this symbol.
static const char moves_symbol[] = "rt_moves";

static bool has_symbol(const struct module *m, const char *name)
{
    for (uint32_t i = 1; i < m->symbol_count; i++) {
        if (m->symbols[i].section != SHN_UNDEF && strcmp(module_symbol_name(m, i), name) == 0) {
            return true;
        }
    }
    return false;
}

static void load(struct module_file *f)
{
    char file_name[MANIFEST_NAME_MAX + 5];
    struct archive_file file;
    struct link_failure why;
    snprintf(file_name, sizeof(file_name), "%s.mod", f->name);
    if (!archive_has(file_name, &file)) {
        return;
    }
    f->memory = archive_memory(&file, PROT_READ, &f->bytes);
    f->size = file.bytes;
    f->usable = f->bytes && module_open(&f->elf, f->bytes, f->size, &why) == LINK_OK;
    f->moves = f->usable && has_symbol(&f->elf, moves_symbol);
}

struct module_file *module_named(const char *name)
{
    for (uint32_t i = 0; i < module_count; i++) {
        if (strcmp(modules[i].name, name) == 0) {
            return &modules[i];
        }
    }
    struct module_file *f = &modules[module_count++];
    f->name = name;
    load(f);
    return f;
}
