// SPDX-License-Identifier: MIT
// Sections of two versions find each other by name and file, whatever their order and number.
#include "randomizer/mover/match.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PARTS_MAX = 32, BYTES = 16384 };

// A part is a section with a symbol in it: "FILE SECTION SYMBOL", global without a file ("-").
struct part {
    const char *file, *section, *symbol, *contents;
    uint64_t flags, size;
};

struct made {
    uint8_t *module;
    struct layout_record *layout;
    struct version v;
    const char *source[PARTS_MAX + 4];
};

static uint32_t add_text(char *texts, uint32_t *used, const char *text)
{
    uint32_t at = *used;
    strcpy(texts + at, text);
    *used += (uint32_t)strlen(text) + 1;
    return at;
}

// Sections 1..count are the parts; then symbols, names of symbols, names of sections.
static void make(struct made *m, const struct part *parts, uint32_t count, uint64_t base)
{
    uint32_t sections = count + 4, used = 1, section_used = 1, symbols = 1, at = 8192;
    m->module = calloc(1, BYTES);
    struct elf_header *elf = (struct elf_header *)m->module;
    struct elf_section *s = (struct elf_section *)(m->module + sizeof(*elf));
    struct elf_symbol *symbol = (struct elf_symbol *)(m->module + 3072);
    char *names = (char *)m->module + 5120, *section_names = (char *)m->module + 6656;
    *elf = (struct elf_header){.section_headers = sizeof(*elf), .section_count = (uint16_t)sections,
                               .section_names = (uint16_t)(count + 3)};
    m->layout = calloc(1, sizeof(*m->layout) + sections * sizeof(uint64_t));
    m->layout->sections = sections;
    const char *file = "-";
    for (uint32_t i = 1; i <= count; i++) {
        const struct part *p = &parts[i - 1];
        s[i] = (struct elf_section){.name = add_text(section_names, &section_used, p->section), .type = SHT_PROGBITS,
                                    .flags = p->flags | SHF_ALLOC, .offset = at, .size = p->size};
        if (p->contents) {
            memcpy(m->module + at, p->contents, p->size);
        }
        at += (uint32_t)(p->size + 15) & ~15u;
        m->layout->address[i] = base + i * 4096;
        if (strcmp(p->file, "-") != 0 && strcmp(p->file, file) != 0) {
            file = p->file;
            symbol[symbols++] = (struct elf_symbol){.name = add_text(names, &used, file), .info = STT_FILE, .section = SHN_ABS};
        }
        bool local = strcmp(p->file, "-") != 0;
        symbol[symbols++] = (struct elf_symbol){.name = add_text(names, &used, p->symbol), .section = (uint16_t)i,
                                                .info = (uint8_t)((local ? STB_LOCAL : STB_GLOBAL) << 4 | STT_OBJECT),
                                                .value = 0, .size = p->size};
    }
    s[count + 1] = (struct elf_section){.type = SHT_SYMTAB, .offset = 3072, .size = symbols * sizeof(*symbol), .link = count + 2};
    s[count + 2] = (struct elf_section){.type = SHT_STRTAB, .offset = 5120, .size = used};
    s[count + 3] = (struct elf_section){.type = SHT_STRTAB, .offset = 6656, .size = section_used};
    version_open(&m->v, m->module, m->layout, m->source);
}

static void done(struct made *m)
{
    free(m->module);
    free(m->layout);
}

static const struct part old_parts[] = {
    {"a.c", ".bss.first", "first", nullptr, SHF_WRITE, 8},     // 1
    {"a.c", ".text.run", "run", nullptr, SHF_EXEC, 32},        // 2
    {"b.c", ".bss.first", "first", nullptr, SHF_WRITE, 16},    // 3
    {"b.c", ".text.run", "run", nullptr, SHF_EXEC, 32},        // 4
    {"b.c", ".text.gone", "gone", nullptr, SHF_EXEC, 32},      // 5
    {"b.c", ".rodata.x", "x", "hello\0you", 0, 10},            // 6
    {"b.c", ".rodata.x", "x.1", nullptr, 0, 4},                // 7
    {"-", ".bss.shared", "shared", nullptr, SHF_WRITE, 8},     // 8
};
static const struct part new_parts[] = {
    {"n.c", ".bss.first", "first", nullptr, SHF_WRITE, 8},     // 1: of a new file
    {"b.c", ".text.run", "run", nullptr, SHF_EXEC, 48},        // 2
    {"b.c", ".bss.first", "first", nullptr, SHF_WRITE, 24},    // 3
    {"b.c", ".rodata.x", "x", nullptr, 0, 10},                 // 4
    {"b.c", ".rodata.x", "x.1", nullptr, 0, 4},                // 5
    {"b.c", ".rodata.x", "x.2", nullptr, 0, 4},                // 6
    {"a.c", ".text.run", "run", nullptr, SHF_EXEC, 32},        // 7
    {"a.c", ".bss.first", "first", nullptr, SHF_WRITE, 8},     // 8
    {"-", ".bss.shared", "shared", nullptr, SHF_WRITE, 8},     // 9
    {"-", ".text.gone", "gone", nullptr, SHF_WRITE, 8},        // 10: data of that name
};
enum { OLD = sizeof(old_parts) / sizeof(old_parts[0]), NEW = sizeof(new_parts) / sizeof(new_parts[0]) };

static void match(const struct made *from, const struct made *to, uint32_t *out)
{
    size_t words = 2 * to->v.section_count + 1024;
    uint32_t *scratch = calloc(words, sizeof(*scratch));
    match_sections(&from->v, &to->v, out, scratch, words);
    free(scratch);
}

static void test_sections(void **)
{
    static const uint32_t there[] = {0, 8, 7, 3, 2, 0, 4, 5, 9}, back[] = {0, 0, 4, 3, 6, 7, 0, 2, 1, 8, 0};
    struct made a, b;
    uint32_t found[PARTS_MAX + 4] = {0};
    make(&a, old_parts, OLD, 1 << 20);
    make(&b, new_parts, NEW, 1 << 24);
    match(&a, &b, found);
    for (uint32_t i = 1; i <= OLD; i++) {
        assert_int_equal(found[i], there[i]);
    }
    match(&b, &a, found);
    for (uint32_t i = 1; i <= NEW; i++) {
        assert_int_equal(found[i], back[i]);
    }
    match(&a, &a, found);
    for (uint32_t i = 1; i <= OLD; i++) {
        assert_int_equal(found[i], i);
    }
    done(&a);
    done(&b);
}

static void test_symbols_and_bytes(void **)
{
    struct made a;
    uint64_t left;
    make(&a, old_parts, OLD, 1 << 20);
    uint64_t shared = a.layout->address[8], text = a.layout->address[6];
    assert_string_equal(version_symbol_name(&a.v, version_symbol_at(&a.v, shared)), "shared");
    assert_null(version_symbol_at(&a.v, shared + 1));
    assert_null(version_symbol_at(&a.v, a.layout->address[1])); // a static has no name that both know
    assert_int_equal(version_symbol(&a.v, "shared")->section, 8);
    assert_null(version_symbol(&a.v, "first"));
    assert_string_equal(version_bytes(&a.v, text + 1, &left), "ello");
    assert_int_equal(left, 9);
    assert_null(version_bytes(&a.v, text + 10, &left));
    assert_null(version_bytes(&a.v, 77, &left));
    done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_symbols_and_bytes),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
