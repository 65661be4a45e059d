// SPDX-License-Identifier: MIT
// What the name of a writable section says of what is in it.
#pragma once
#include <stdbool.h>

static inline bool section_begins(const char *name, const char *with)
{
    while (*with != '\0' && *name == *with) {
        name++;
        with++;
    }
    return *with == '\0';
}

// Written by the linker alone.
static inline bool section_is_linked(const char *name)
{
    return section_begins(name, ".data.rel.ro");
}

// Belongs to one incarnation: RT_OWN in lib/rt/internal.h.
static inline bool section_is_own(const char *name)
{
    return section_begins(name, ".bss.own") || section_begins(name, ".data.own");
}
