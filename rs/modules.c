// SPDX-License-Identifier: MIT
// Program files: each is checked once, when it is read, and shared by the services that run it.
// Those of the boot archive stay for ever; those that came with an update go with their last user.
#include "randomizer/mover/checkpoint.h"
#include "lib/rt/movable.h"
#include "randomizer/linker/recipe.h"
#include "rs/archive.h"
#include "rs/manifest.h"
#include "rs/service.h"
#include <stdio.h>
#include <string.h>

enum { MODULES_MAX = MANIFEST_SERVICES_MAX + 32 };
static struct module_file modules[MODULES_MAX];
static uint32_t files_seen;

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

// ---- Recipes ----

static uint64_t page_round(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) & -(uint64_t)PAGE_SIZE;
}

// Memory that is written through a mapping, which is gone before anybody else sees it.
MOVE_ADDRESSES static struct recipe *paper(uint64_t bytes, uint32_t flags, handle_t *memory)
{
    uint64_t at = 0;
    enum status status = sys_mem_create(bytes, flags, memory);
    if (status == OK) {
        status = sys_mem_map(0, *memory, &at, 0, bytes, PROT_READ | PROT_WRITE);
        if (status != OK) {
            (void)sys_handle_close(*memory);
        }
    }
    return status == OK ? (struct recipe *)at : nullptr;
}

static void put_away(const struct recipe *r, uint64_t bytes)
{
    (void)sys_mem_unmap(0, (uint64_t)r, bytes);
}

// As long as it is: how long that will be is known only when it is written.
static void make_fair_copy(struct module_file *f, const struct recipe *draft)
{
    uint64_t bytes = page_round(draft->bytes);
    handle_t memory;
    struct recipe *fair = paper(bytes, MEM_POPULATE, &memory);
    if (fair == nullptr) {
        return;
    }
    recipe_write_out(fair, draft);
    put_away(fair, bytes);
    if (weaken(&memory, RIGHT_READ) == OK) {
        f->recipe = memory;
        f->recipe_bytes = bytes;
    } else {
        (void)sys_handle_close(memory);
    }
}

// Newborns can do without, and say then what is wrong with a module.
static void make_recipe(struct module_file *f)
{
    struct link_failure why;
    handle_t memory;
    uint64_t room = page_round(recipe_room(&f->elf));
    struct recipe *draft = paper(room, 0, &memory);
    if (draft == nullptr) {
        return;
    }
    if (recipe_make(draft, &f->elf, &why) == LINK_OK) {
        make_fair_copy(f, draft);
    }
    put_away(draft, room);
    (void)sys_handle_close(memory);
}

static uint64_t zeroed_bytes(const struct module *m)
{
    uint64_t zeroed = 0;
    for (uint32_t i = 1; i < m->section_count; i++) {
        const struct elf_section *s = &m->sections[i];
        zeroed += module_is_loaded(s) && s->type == SHT_NOBITS ? s->size : 0;
    }
    return zeroed;
}

static void examine(struct module_file *f)
{
    struct link_failure why;
    f->usable = f->bytes && module_open(&f->elf, f->bytes, f->size, &why) == LINK_OK;
    f->moves = f->usable && has_symbol(&f->elf, moves_symbol);
    if (f->usable) {
        f->zeroed = zeroed_bytes(&f->elf);
        make_recipe(f);
    }
}

static struct module_file *free_place(void)
{
    for (uint32_t i = 0; i < MODULES_MAX; i++) {
        if (modules[i].name[0] == '\0') {
            return &modules[i];
        }
    }
    return nullptr;
}

static struct module_file *known(const char *name)
{
    for (uint32_t i = 0; i < MODULES_MAX; i++) {
        if (strcmp(modules[i].name, name) == 0 && name[0] != '\0') {
            return &modules[i];
        }
    }
    return nullptr;
}

static void load(struct module_file *f)
{
    char file_name[sizeof(f->name) + 5];
    struct archive_file file;
    snprintf(file_name, sizeof(file_name), "%s.mod", f->name);
    if (archive_has(file_name, &file)) {
        f->memory = archive_memory(&file, &f->bytes);
        f->size = file.bytes;
        examine(f);
    }
}

struct module_file *module_named(const char *name)
{
    struct module_file *f = known(name);
    if (f == nullptr && (f = free_place()) != nullptr) {
        copy_name(f->name, sizeof(f->name), name);
        f->stays = true;
        load(f);
    }
    return f;
}

struct module_file *module_in_archive(const char *name)
{
    char file_name[RS_NAME_BYTES + 5];
    struct archive_file file;
    snprintf(file_name, sizeof(file_name), "%s.mod", name);
    return archive_has(file_name, &file) ? module_named(name) : nullptr;
}

// Whole pages: what lies behind the file's end is zero, and belongs to no section.
struct module_file *module_given(const char *name, handle_t memory)
{
    struct mem_info info;
    struct module_file *f = free_place();
    if (f == nullptr || sys_mem_info(memory, &info) != OK ||
        rt_map(memory, 0, info.bytes, PROT_READ, RT_SHARED, &f->bytes) != OK) {
        return nullptr;
    }
    copy_name(f->name, sizeof(f->name), name);
    f->memory = memory;
    f->size = info.bytes;
    f->stays = true;
    examine(f);
    return f;
}

// ---- Handed over by a caller ----

// Copied through a mapping that is gone before anybody else sees the memory.
MOVE_ADDRESSES static enum status copy_grant(struct request *rq, handle_t memory, uint64_t bytes,
                                             uint64_t room)
{
    uint64_t at = 0;
    enum status status = sys_mem_map(0, memory, &at, 0, room, PROT_READ | PROT_WRITE);
    if (status == OK) {
        status = rt_grant_read_unlogged(rq, 0, (void *)at, bytes);
        (void)sys_mem_unmap(0, at, room);
    }
    return status;
}

enum status module_from_grant(struct request *rq, const char *service, struct module_file **out)
{
    struct module_file *f = free_place();
    uint64_t bytes = rt_grant_bytes(rq), room = (bytes + PAGE_SIZE - 1) & -(uint64_t)PAGE_SIZE;
    if (f == nullptr) {
        return ERR_QUOTA;
    }
    enum status status = sys_mem_create(room, MEM_POPULATE, &f->memory);
    if (status != OK) {
        return status;
    }
    status = copy_grant(rq, f->memory, bytes, room);
    // To be lent for a checkpoint, too.
    status = status == OK ? weaken(&f->memory, RIGHT_READ | RIGHT_TRANSFER) : status;
    status = status == OK ? rt_map(f->memory, 0, room, PROT_READ, RT_SHARED, &f->bytes) : status;
    if (status != OK) {
        (void)sys_handle_close(f->memory);
        *f = (struct module_file){0};
        return status;
    }
    f->size = bytes;
    snprintf(f->name, sizeof(f->name), "%.20s:%u", service, ++files_seen);
    examine(f);
    *out = f;
    return OK;
}

uint64_t module_program(struct module_file *f)
{
    if (f->program == 0) {
        f->program = checkpoint_program(f->bytes, f->size);
    }
    return f->program;
}

static bool in_use(const struct module_file *f)
{
    for (uint32_t i = 0; i < service_count; i++) {
        const struct service *s = &services[i];
        bool used = s->module == f || s->next_module == f || s->trial.old == f;
        for (uint32_t k = 0; k < BODIES; k++) {
            used |= s->bodies[k].task != HANDLE_NONE && s->bodies[k].module == f;
        }
        if (used) {
            return true;
        }
    }
    return false;
}

void modules_sweep(void)
{
    for (uint32_t i = 0; i < MODULES_MAX; i++) {
        struct module_file *f = &modules[i];
        if (f->name[0] != '\0' && !f->stays && !in_use(f)) {
            rt_unmap(f->bytes);
            rt_close_at_commit(f->memory);
            if (f->recipe != HANDLE_NONE) {
                rt_close_at_commit(f->recipe);
            }
            *f = (struct module_file){0};
        }
    }
}
