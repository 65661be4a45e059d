// SPDX-License-Identifier: MIT
// The parts of ELF-64 for x86-64 that a relocatable module uses (System V ABI, gABI chapter 4).
//
// All structures are packed: a module may lie at any address, inside an archive for instance.
#pragma once
#include <stdint.h>

struct __attribute__((packed)) elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t header_bytes, program_header_bytes, program_header_count;
    uint16_t section_header_bytes, section_count, section_names;
};

struct __attribute__((packed)) elf_section {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t align, entry_bytes;
};

struct __attribute__((packed)) elf_symbol {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
};

struct __attribute__((packed)) elf_rela {
    uint64_t offset;
    uint32_t type, symbol; // the two halves of r_info
    int64_t addend;
};

static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_section) == 64);
static_assert(sizeof(struct elf_symbol) == 24 && sizeof(struct elf_rela) == 24);

enum { ELF_CLASS_64 = 2, ELF_LITTLE_ENDIAN = 1, ELF_RELOCATABLE = 1, ELF_X86_64 = 62 };

enum elf_section_type {
    SHT_NULL = 0,
    SHT_PROGBITS = 1,
    SHT_SYMTAB = 2,
    SHT_STRTAB = 3,
    SHT_RELA = 4,
    SHT_NOTE = 7,
    SHT_NOBITS = 8,
    SHT_REL = 9,
    SHT_X86_64_UNWIND = 0x70000001,
};

enum elf_section_flag {
    SHF_WRITE = 0x1,
    SHF_ALLOC = 0x2,
    SHF_EXEC = 0x4,
    SHF_TLS = 0x400,
    SHF_COMPRESSED = 0x800,
    SHF_LARGE = 0x10000000, // x86-64: may be further than 2 GiB from the code that uses it
};

enum { SHN_UNDEF = 0, SHN_RESERVED = 0xff00, SHN_ABS = 0xfff1, SHN_COMMON = 0xfff2 };

enum { STB_LOCAL = 0, STB_GLOBAL = 1, STB_WEAK = 2 };
enum {
    STT_NOTYPE = 0,
    STT_OBJECT = 1,
    STT_FUNC = 2,
    STT_SECTION = 3,
    STT_FILE = 4,
    STT_TLS = 6,
    STT_IFUNC = 10
};

static inline unsigned elf_symbol_binding(const struct elf_symbol *s)
{
    return s->info >> 4;
}

static inline unsigned elf_symbol_type(const struct elf_symbol *s)
{
    return s->info & 15;
}

enum elf_relocation {
    R_X86_64_NONE = 0,
    R_X86_64_64 = 1,
    R_X86_64_PC32 = 2,
    R_X86_64_PLT32 = 4,
    R_X86_64_GOTPCREL = 9,
    R_X86_64_32 = 10,
    R_X86_64_32S = 11,
    R_X86_64_PC64 = 24,
    R_X86_64_GOTPCRELX = 41,
    R_X86_64_REX_GOTPCRELX = 42,
};
