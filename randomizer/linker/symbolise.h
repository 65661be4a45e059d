// SPDX-License-Identifier: MIT
// Addresses of a placed module to names and back, from the module file and its layout record.
//
// The record may have been written by a service that has since gone wrong: nothing in it is
// believed without a check, and a bad one gives "unknown", never a crash.
#pragma once
#include "kernel/abi/startup.h"
#include "randomizer/linker/module.h"

struct symbol_place {
    const char *name; // of the function or datum, or of the section if no symbol covers the place;
                      // never null
    uint64_t offset;    // from its start
    uint64_t start;     // address of its start
    uint32_t section;   // ELF section index
};

// Where a section is, by its ELF index; 0 if it is nowhere or the record makes no sense for it.
uint64_t section_address(const struct module *m, const struct layout_record *layout,
                         uint64_t layout_bytes, uint32_t section);

// Finds what lies at `address`. layout_bytes is the size of the memory behind `layout`. False if no
// section of the module covers the address (one past a section's end counts as inside, as a return
// address after a last call may be that).
bool symbolise(const struct module *m, const struct layout_record *layout, uint64_t layout_bytes,
               uint64_t address, struct symbol_place *place);

// The address of a function or datum with that name, global ones first; 0 if there is none.
uint64_t symbol_address(const struct module *m, const struct layout_record *layout,
                        uint64_t layout_bytes, const char *name);

// Writes "name+0x12" (cut at bytes - 1) or "0x…" if nothing is known there. Returns the length.
uint32_t symbolise_text(const struct module *m, const struct layout_record *layout,
                        uint64_t layout_bytes, uint64_t address, char *text, uint32_t bytes);
