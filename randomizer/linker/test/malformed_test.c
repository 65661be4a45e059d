// SPDX-License-Identifier: MIT
// Modules that are not as they should be: each defect has its own answer, and no sequence of
// bytes makes the linker touch memory that is not its own (the sanitizers watch).
#include "randomizer/linker/symbolise.h"
#include "randomizer/linker/test/host.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SAMPLE MODULE_DIR "/kinds.mod"
#define BIG    MODULE_DIR "/sample-small.mod"

// The same with a recipe, if one can be made. What is wrong is found, too, if not always first.
static bool links_from_recipe(const struct module *m, const uint8_t *seed)
{
    struct link_failure why;
    struct recipe *r = recipe_new(m);
    if (r == nullptr) {
        return false;
    }
    struct plan *p = plan_new(m);
    struct plan_objects objects = recipe_objects(r);
    enum link_error error = plan_again(p, &objects, seed, 64 << 10, &why);
    if (error == LINK_OK) {
        uint8_t *image = calloc(1, p->image_bytes + 1);
        copy_again(r, m, p, image);
        error = relocate_again(r, m, p, image, &why);
        free(image);
    }
    plan_delete(p);
    free(r);
    return error == LINK_OK;
}

// The whole way, as the bootstrap goes it. In case of success the symboliser is tried as well.
static enum link_error link_bytes(const uint8_t *bytes, size_t size, struct link_failure *why)
{
    struct module m;
    uint8_t seed[CHACHA_KEY_BYTES];
    seed_from(seed, 1);
    enum link_error error = module_open(&m, bytes, size, why);
    if (error != LINK_OK) {
        return error;
    }
    bool from_recipe = links_from_recipe(&m, seed);
    struct plan *p = plan_new(&m);
    error = plan_layout(p, &m, seed, 64 << 10, why);
    if (error == LINK_OK) {
        uint8_t *image = calloc(1, p->image_bytes + 1);
        uint64_t *values = calloc(m.symbol_count + 1, sizeof(*values));
        copy_sections(&m, p, image);
        error = relocate(&m, p, image, values, why);
        free(values);
        free(image);
    }
    assert_int_equal(from_recipe, error == LINK_OK);
    if (error == LINK_OK) {
        uint64_t record_bytes = sizeof(struct layout_record) + m.section_count * sizeof(uint64_t);
        struct layout_record *r = calloc(1, record_bytes);
        char text[64];
        r->magic = LAYOUT_MAGIC;
        r->sections = m.section_count;
        memcpy(r->address, p->address, m.section_count * sizeof(uint64_t));
        symbolise_text(&m, r, record_bytes, p->entry + 1, text, sizeof(text));
        symbol_address(&m, r, record_bytes, "start_service");
        free(r);
    } else {
        module_section_name(&m, why->section);
        module_symbol_name(&m, why->symbol);
    }
    plan_delete(p);
    return error;
}

struct patch {
    struct file f;
    struct elf_header *header;
    struct elf_section *sections;
};

static struct patch patch_open(const char *path)
{
    struct patch p = {.f = file_read(path)};
    p.header = (struct elf_header *)p.f.bytes;
    p.sections = (struct elf_section *)(p.f.bytes + p.header->section_headers);
    return p;
}

static struct elf_section *section_named(struct patch *p, const char *name)
{
    const char *names = (const char *)p->f.bytes + p->sections[p->header->section_names].offset;
    for (int i = 0; i < p->header->section_count; i++) {
        if (strcmp(names + p->sections[i].name, name) == 0) {
            return &p->sections[i];
        }
    }
    fail_msg("no section %s", name);
    return nullptr;
}

static struct elf_rela *relocation(struct patch *p, const char *section, unsigned n)
{
    return (struct elf_rela *)(p->f.bytes + section_named(p, section)->offset) + n;
}

static struct elf_symbol *symbol_named(struct patch *p, const char *name)
{
    struct elf_section *table = section_named(p, ".symtab");
    struct elf_symbol *s = (struct elf_symbol *)(p->f.bytes + table->offset);
    const char *names = (const char *)p->f.bytes + p->sections[table->link].offset;
    while (strcmp(names + s->name, name) != 0) {
        s++;
    }
    return s;
}

// Links what was patched and expects this error; frees the patch.
static struct link_failure expect(struct patch *p, enum link_error error)
{
    struct link_failure why = {0};
    enum link_error got = link_bytes(p->f.bytes, p->f.size, &why);
    if (got != error || (error != LINK_OK && why.error != error)) {
        fail_msg("got \"%s\", not \"%s\"", link_error_text(got), link_error_text(error));
    }
    free(p->f.bytes);
    return why;
}

static void test_unchanged_links(void **state)
{
    (void)state;
    struct patch p = patch_open(SAMPLE);
    expect(&p, LINK_OK);
}

static void test_header(void **state)
{
    (void)state;
    struct link_failure why;
    assert_int_equal(link_bytes((const uint8_t *)"", 0, &why), LINK_NOT_ELF);
    struct patch p = patch_open(SAMPLE);
    p.header->ident[0] = 0;
    expect(&p, LINK_NOT_ELF);
    p = patch_open(SAMPLE);
    p.header->type = 2; // an executable
    expect(&p, LINK_WRONG_ELF);
    p = patch_open(SAMPLE);
    p.header->machine = 183; // for ARM
    expect(&p, LINK_WRONG_ELF);
    p = patch_open(SAMPLE);
    p.header->section_headers = UINT64_MAX - 63;
    expect(&p, LINK_TRUNCATED);
    p = patch_open(SAMPLE);
    p.header->section_names = 0;
    expect(&p, LINK_BAD_SECTION);
}

static void test_every_truncation(void **state)
{
    (void)state;
    struct file f = file_read(SAMPLE);
    for (size_t size = 0; size < f.size; size++) {
        struct link_failure why;
        uint8_t *part = malloc(size + 1); // at its exact end the sanitizer waits
        memcpy(part, f.bytes, size);
        part = realloc(part, size == 0 ? 1 : size);
        assert_int_not_equal(link_bytes(part, size, &why), LINK_OK);
        free(part);
    }
    free(f.bytes);
}

static void test_sections(void **state)
{
    (void)state;
    static const char *data = ".data.kinds_datum";
    struct patch p = patch_open(SAMPLE);
    section_named(&p, data)->flags |= SHF_EXEC;
    expect(&p, LINK_WRITE_EXEC);
    p = patch_open(SAMPLE);
    section_named(&p, data)->flags |= SHF_TLS;
    expect(&p, LINK_SECTION_KIND);
    p = patch_open(SAMPLE);
    section_named(&p, data)->type = 14; // SHT_INIT_ARRAY: nobody would run it
    expect(&p, LINK_SECTION_KIND);
    p = patch_open(SAMPLE);
    section_named(&p, data)->align = 24;
    expect(&p, LINK_ALIGNMENT);
    p = patch_open(SAMPLE);
    section_named(&p, data)->align = 1ull << 40;
    expect(&p, LINK_ALIGNMENT);
    p = patch_open(SAMPLE);
    section_named(&p, data)->size = 1 << 20;
    expect(&p, LINK_TRUNCATED);
    p = patch_open(SAMPLE);
    section_named(&p, data)->offset = UINT64_MAX;
    expect(&p, LINK_TRUNCATED);
    p = patch_open(SAMPLE);
    section_named(&p, data)->type = SHT_NOBITS;
    section_named(&p, data)->size = MODULE_LOADED_MAX;
    struct link_failure why = expect(&p, LINK_TOO_BIG);
    assert_int_equal(why.kind, UINT32_MAX);
    p = patch_open(SAMPLE);
    section_named(&p, ".strtab")->size = 1; // its last byte is still zero: names become empty
    expect(&p, LINK_NO_ENTRY);
    p = patch_open(SAMPLE);
    section_named(&p, ".symtab")->entry_bytes = 23;
    expect(&p, LINK_BAD_SYMBOLS);
    p = patch_open(SAMPLE);
    section_named(&p, ".rela.text.kinds")->type = SHT_REL;
    expect(&p, LINK_SECTION_KIND);
    p = patch_open(SAMPLE);
    section_named(&p, ".rela.text.kinds")->info = 60000;
    expect(&p, LINK_BAD_SECTION);
    p = patch_open(SAMPLE);
    p.sections[0].flags = SHF_ALLOC;
    expect(&p, LINK_BAD_SECTION);
}

static void test_symbols(void **state)
{
    (void)state;
    struct patch p = patch_open(SAMPLE);
    symbol_named(&p, "kinds_two")->section = SHN_UNDEF;
    struct link_failure why = expect(&p, LINK_UNDEFINED);
    assert_int_equal(why.kind, R_X86_64_GOTPCRELX);
    p = patch_open(SAMPLE);
    symbol_named(&p, "kinds_two")->section = SHN_COMMON;
    expect(&p, LINK_COMMON);
    p = patch_open(SAMPLE);
    symbol_named(&p, "kinds_two")->section = 0xff33;
    expect(&p, LINK_BAD_TARGET);
    p = patch_open(SAMPLE);
    symbol_named(&p, "kinds_two")->value = 1000;
    expect(&p, LINK_BAD_TARGET);
    p = patch_open(SAMPLE);
    symbol_named(&p, "kinds_two")->info = STB_GLOBAL << 4 | STT_IFUNC;
    expect(&p, LINK_BAD_TARGET);
    p = patch_open(SAMPLE);
    symbol_named(&p, "start_service")->info = STB_LOCAL << 4 | STT_FUNC;
    expect(&p, LINK_NO_ENTRY);
    p = patch_open(SAMPLE);
    symbol_named(&p, "start_service")->section = symbol_named(&p, "kinds_datum")->section;
    expect(&p, LINK_BAD_TARGET);
    p = patch_open(SAMPLE);
    symbol_named(&p, "kinds_two")->section =
        p.header->section_names; // a section that is not loaded
    expect(&p, LINK_BAD_TARGET);
}

static void test_relocations(void **state)
{
    (void)state;
    static const char *table = ".rela.rodata.kinds_table";
    struct patch p = patch_open(SAMPLE);
    relocation(&p, table, 0)->type = 19; // R_X86_64_TLSGD
    struct link_failure why = expect(&p, LINK_RELOCATION_KIND);
    assert_int_equal(why.kind, 19);
    assert_int_equal(why.offset, 0);
    p = patch_open(SAMPLE);
    relocation(&p, table, 0)->type = 64 + R_X86_64_GOTPCREL;
    expect(&p, LINK_RELOCATION_KIND);
    p = patch_open(SAMPLE);
    relocation(&p, table, 0)->offset = section_named(&p, ".rodata.kinds_table")->size - 7;
    expect(&p, LINK_BAD_RELOCATION);
    p = patch_open(SAMPLE);
    relocation(&p, table, 0)->offset = UINT64_MAX;
    expect(&p, LINK_BAD_RELOCATION);
    p = patch_open(SAMPLE);
    relocation(&p, table, 0)->symbol = 100000;
    expect(&p, LINK_BAD_RELOCATION);

    // Too far: 32 bits for an address in a 47-bit space, and a displacement with a huge addend.
    p = patch_open(SAMPLE);
    relocation(&p, table, 0)->type = R_X86_64_32;
    expect(&p, LINK_OVERFLOW);
    p = patch_open(SAMPLE);
    relocation(&p, table, 0)->type = R_X86_64_32S;
    expect(&p, LINK_OVERFLOW);
    p = patch_open(SAMPLE);
    relocation(&p, table, 0)->type = R_X86_64_PC32;
    relocation(&p, table, 0)->addend = 1ll << 31;
    expect(&p, LINK_OVERFLOW);
    p = patch_open(SAMPLE);
    relocation(&p, ".rela.text.kinds", 0)->addend = INT64_MIN; // of a kind with a table slot
    expect(&p, LINK_OVERFLOW);

    // Every kind at the last bytes of a section: each checks its own width.
    for (uint32_t kind = 0; kind < 64; kind++) {
        p = patch_open(SAMPLE);
        relocation(&p, table, 0)->type = kind;
        relocation(&p, table, 0)->offset = section_named(&p, ".rodata.kinds_table")->size - 1;
        expect(&p, kind == R_X86_64_NONE ? LINK_OK : LINK_BAD_RELOCATION);
    }
}

static void test_stack_sizes(void **state)
{
    (void)state;
    struct file f = file_read(SAMPLE);
    struct module m;
    struct link_failure why;
    uint8_t seed[CHACHA_KEY_BYTES] = {0};
    assert_int_equal(module_open(&m, f.bytes, f.size, &why), LINK_OK);
    struct plan *p = plan_new(&m);
    assert_int_equal(plan_layout(p, &m, seed, PLAN_STACK_MIN - 1, &why), LINK_STACK);
    assert_int_equal(plan_layout(p, &m, seed, UINT64_MAX, &why), LINK_STACK);
    assert_int_equal(plan_layout(p, &m, seed, PLAN_STACK_MIN + 1, &why), LINK_OK);
    assert_int_equal(p->stack_high - p->stack_low, PLAN_STACK_MIN + PLAN_PAGE);
    plan_delete(p);
    free(f.bytes);
}

// Changes a few bytes, more often where the structure is than where the contents are.
static void mutate(struct chacha *random, uint8_t *bytes, size_t size)
{
    const struct elf_header *h = (const struct elf_header *)bytes;
    uint64_t headers = h->section_headers,
             table_bytes = (uint64_t)h->section_count * sizeof(struct elf_section);
    for (uint64_t n = 1 + chacha_below(random, 4); n > 0; n--) {
        uint64_t at = chacha_below(random, size);
        switch (chacha_below(random, 4)) {
        case 0:
            at = chacha_below(random, sizeof(*h));
            break;
        case 1:
            if (table_bytes != 0 && headers < size && table_bytes <= size - headers) {
                at = headers + chacha_below(random, table_bytes);
            }
            break;
        }
        static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff};
        bytes[at] = chacha_below(random, 2) ? edges[chacha_below(random, sizeof(edges))]
                                            : (uint8_t)chacha_word(random);
    }
}

static void mutate_many(const char *path, int rounds)
{
    struct file f = file_read(path);
    struct chacha random;
    uint8_t seed[CHACHA_KEY_BYTES], *copy = malloc(f.size);
    uint32_t seen[LINK_ERROR_COUNT] = {0};
    seed_from(seed, 42);
    chacha_start(&random, seed, 0);
    for (int i = 0; i < rounds; i++) {
        struct link_failure why = {LINK_OK, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0};
        memcpy(copy, f.bytes, f.size);
        mutate(&random, copy, f.size);
        enum link_error error = link_bytes(copy, f.size, &why);
        assert_true(error < LINK_ERROR_COUNT);
        assert_int_equal(error, why.error);
        seen[error]++;
    }
    unsigned kinds = 0;
    for (int i = 0; i < LINK_ERROR_COUNT; i++) {
        if (seen[i] != 0) {
            print_message("  %6u times: %s\n", seen[i], link_error_text((enum link_error)i));
            kinds++;
        }
    }
    assert_true(kinds >= 12); // else the mutations no longer reach what they should
    free(copy);
    free(f.bytes);
}

static void test_mutations(void **state)
{
    (void)state;
    mutate_many(SAMPLE, 60000);
    mutate_many(BIG, 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unchanged_links), cmocka_unit_test(test_header),
        cmocka_unit_test(test_every_truncation), cmocka_unit_test(test_sections),
        cmocka_unit_test(test_symbols),          cmocka_unit_test(test_relocations),
        cmocka_unit_test(test_stack_sizes),      cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
