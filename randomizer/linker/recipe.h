// SPDX-License-Identifier: MIT
// What linking a module needs of it, worked out once for all its births.
//
// A birth that has only the module looks at each section header, symbol and relocation, most of them for nothing
// but to find out that all is as it was the last time. A recipe is what is left when that is done: the
// objects by class with their shapes, what is to be copied from where, and the relocations of the usual kinds,
// their symbols resolved, as one short row for each section. It holds no address and no secret, so one
// serves all births; it lies in one piece of memory without pointers.
//
// Whoever makes one has checked the module, and may be trusted by the newborns that get it: nothing in it is
// checked again. Modules for which none can be made are linked without, which also tells what is wrong with them.
#pragma once
#include "randomizer/linker/module.h"
#include "randomizer/linker/plan.h"

enum : uint64_t { RECIPE_MAGIC = 0x5045434552534d53 }; // "SMSRECEP"

struct recipe {
    uint64_t magic, bytes; // bytes: of all of it
    uint64_t module_bytes;
    // Where they are in the module. What is left to do symbol by symbol needs them.
    uint64_t sections, symbols, symbol_names, section_names;
    uint64_t symbol_names_bytes, section_names_bytes;
    uint32_t symbol_count;
    uint32_t copies, groups, rares; // how many
    struct plan_objects objects;    // without its pointers
    // Where these arrays are in the recipe.
    uint64_t order_at, shapes_at, copies_at, groups_at, links_at, rares_at;
};

struct recipe_copy {
    uint32_t section, bytes;
    uint64_t from; // in the module
};

// So many of the links belong to this section: first those that hold a distance, then those that hold an address.
struct recipe_group {
    uint32_t section, near, far;
};

// To be stored: the target's address and the constant; if a distance is asked for, less the beginning of the section.
struct recipe_link {
    uint16_t offset, target; // in the section; a section
    int32_t constant;
};

// A relocation that is looked at in the module at each birth, because it is none of the usual.
struct recipe_rare {
    uint32_t section;        // that it changes
    uint32_t table, index;   // where it stands
};

// Bytes that recipe_make() may need.
uint64_t recipe_room(const struct module *m);
// Makes one at `r`, which is 8-aligned and has that room. Says what is wrong with the module, as far as that does
// not depend on places.
enum link_error recipe_make(struct recipe *r, const struct module *m, struct link_failure *why);

// A copy at `to`, of r->bytes.
void recipe_write_out(struct recipe *to, const struct recipe *r);

static inline const void *recipe_part(const struct recipe *r, uint64_t at)
{
    return (const uint8_t *)r + at;
}

// Whether it is one for this module.
static inline bool recipe_fits(const struct recipe *r, uint64_t recipe_bytes, uint64_t module_bytes)
{
    return recipe_bytes >= sizeof(*r) && r->magic == RECIPE_MAGIC && r->bytes <= recipe_bytes &&
           r->module_bytes == module_bytes;
}

// Fills in what module_open() would have.
static inline void recipe_open(const struct recipe *r, const void *module, struct module *m)
{
    const uint8_t *bytes = module;
    *m = (struct module){.bytes = bytes,
                         .size = r->module_bytes,
                         .sections = (const struct elf_section *)(bytes + r->sections),
                         .section_count = r->objects.section_count,
                         .symbol_count = r->symbol_count,
                         .symbols = (const struct elf_symbol *)(bytes + r->symbols),
                         .symbol_names = (const char *)bytes + r->symbol_names,
                         .symbol_names_bytes = r->symbol_names_bytes,
                         .section_names = (const char *)bytes + r->section_names,
                         .section_names_bytes = r->section_names_bytes};
}

// The planner's part.
static inline struct plan_objects recipe_objects(const struct recipe *r)
{
    struct plan_objects o = r->objects;
    o.order = recipe_part(r, r->order_at);
    o.shapes = recipe_part(r, r->shapes_at);
    return o;
}
