// SPDX-License-Identifier: MIT
// samsara-layout: where everything of a service lies (or lay), from its module and layout seed.
//
//   samsara-layout MODULE SEED                    every section with its address
//   samsara-layout MODULE SEED --symbol ADDRESS   what is at an address: function+offset, section
//   samsara-layout MODULE SEED --name NAME        where a function or datum is
//   samsara-layout MODULE SEED --gdb FILE         writes the module as GDB can load it, with all
//                                                 addresses in place, and prints the GDB command
// SEED: hexadecimal digits as in the event stream and the death record; missing ones are zero.
// MODULE may be NAME.mod or NAME.mod.full (the same before debug information was stripped).
#include "randomizer/linker/symbolise.h"
#include "randomizer/linker/tool/placed.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

[[noreturn]] static void usage(const char *what)
{
    fprintf(stderr, "samsara-layout: %s; usage: samsara-layout MODULE SEED "
                    "[--symbol ADDRESS | --name NAME | --gdb FILE]\n", what);
    exit(2);
}

static void parse_seed(const char *text, uint8_t seed[CHACHA_KEY_BYTES])
{
    size_t digits = strlen(text);
    memset(seed, 0, CHACHA_KEY_BYTES);
    if (digits == 0 || digits > 2 * CHACHA_KEY_BYTES) {
        usage("the seed must have 1 to 64 hexadecimal digits");
    }
    for (size_t i = 0; i < digits; i++) {
        if (!isxdigit((unsigned char)text[i])) {
            usage("the seed must have 1 to 64 hexadecimal digits");
        }
        char digit[2] = {text[i], 0};
        seed[i / 2] |= (uint8_t)(strtoul(digit, nullptr, 16) << (i % 2 == 0 ? 4 : 0));
    }
}

static uint64_t parse_address(const char *text)
{
    char *end;
    uint64_t address = strtoull(text, &end, 16);
    if (*text == 0 || *end != 0) {
        usage("the address must be a hexadecimal number");
    }
    return address;
}

static char section_class(const struct elf_section *s)
{
    return s->flags & SHF_EXEC ? 'x' : s->flags & SHF_WRITE ? 'w' : 'r';
}

static int print_all(const struct placed *p)
{
    printf("# window %016lx, entry %016lx\n", p->plan->window, p->plan->entry);
    printf("# %-14s %8s  section\n", "address", "bytes");
    for (uint32_t i = 1; i < p->module.section_count; i++) {
        const struct elf_section *s = &p->module.sections[i];
        if (module_is_loaded(s)) {
            printf("%016lx %8lu %c %s\n", p->plan->address[i], s->size, section_class(s),
                   module_section_name(&p->module, i));
        }
    }
    return 0;
}

static int print_symbol(const struct placed *p, uint64_t address)
{
    struct symbol_place place;
    if (!symbolise(&p->module, p->record, p->record_bytes, address, &place)) {
        printf("%016lx is in no section\n", address);
        return 1;
    }
    printf("%s+0x%lx (%s)\n", place.name, place.offset,
           module_section_name(&p->module, place.section));
    return 0;
}

static int print_name(const struct placed *p, const char *name)
{
    uint64_t address = symbol_address(&p->module, p->record, p->record_bytes, name);
    if (address == 0) {
        fprintf(stderr, "samsara-layout: no symbol %s\n", name);
        return 1;
    }
    printf("%016lx\n", address);
    return 0;
}

static int write_for_gdb(struct placed *p, const char *path)
{
    FILE *f = fopen(path, "wb");
    placed_make_absolute(p);
    if (f == nullptr || fwrite(p->bytes, 1, p->size, f) != p->size || fclose(f) != 0) {
        fprintf(stderr, "samsara-layout: cannot write %s\n", path);
        return 1;
    }
    printf("add-symbol-file %s\n", path);
    return 0;
}

int main(int argc, char **argv)
{
    uint8_t seed[CHACHA_KEY_BYTES];
    struct placed p;
    if (argc != 3 && argc != 5) {
        usage("two or four arguments are needed");
    }
    parse_seed(argv[2], seed);
    const char *error = placed_open(&p, argv[1], seed);
    if (error != nullptr) {
        fprintf(stderr, "samsara-layout: %s: %s\n", argv[1], error);
        return 1;
    }
    if (argc == 3) {
        return print_all(&p);
    }
    if (strcmp(argv[3], "--symbol") == 0) {
        return print_symbol(&p, parse_address(argv[4]));
    }
    if (strcmp(argv[3], "--name") == 0) {
        return print_name(&p, argv[4]);
    }
    if (strcmp(argv[3], "--gdb") == 0) {
        return write_for_gdb(&p, argv[4]);
    }
    usage("unknown option");
}
