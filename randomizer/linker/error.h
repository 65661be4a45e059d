// SPDX-License-Identifier: MIT
// Why a module cannot be linked, and where it went wrong; expanded from error.def.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum link_error {
#define LINK_ERROR(name, number, sentence) name = number,
#include "randomizer/linker/error.def"
#undef LINK_ERROR
    LINK_ERROR_COUNT
};

enum { LINK_EXIT_BASE = 0x4c00 }; // exit codes of newborns that could not be linked ("L")

// Filled in where the error is found. UINT32_MAX means that a field does not apply.
struct link_failure {
    enum link_error error;
    uint32_t section; // ELF section index
    uint32_t symbol;  // ELF symbol index
    uint32_t kind;    // relocation type, or the status of a refused system call
    uint64_t offset;  // in the section
};

// The sentence of an error, never null.
const char *link_error_text(enum link_error error);
