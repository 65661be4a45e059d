// SPDX-License-Identifier: MIT
// The file that samsara-layout --gdb writes: every byte, symbol and address where it is in the
// service.
#include "randomizer/linker/symbolise.h"
#include "randomizer/linker/test/host.h"
#include "randomizer/linker/tool/placed.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void placed_close(struct placed *p)
{
    free(p->plan->address);
    free(p->plan->image);
    free(p->plan->order);
    free(p->plan);
    free(p->record);
    free(p->image);
    free(p->bytes);
}

static const struct elf_section *section_named(const struct placed *p, const char *name)
{
    const struct elf_header *h = (const struct elf_header *)p->bytes;
    const struct elf_section *s = (const struct elf_section *)(p->bytes + h->section_headers);
    const char *names = (const char *)p->bytes + s[h->section_names].offset;
    for (uint32_t i = 0; i < h->section_count; i++) {
        if (strcmp(names + s[i].name, name) == 0) {
            return &s[i];
        }
    }
    fail_msg("no section %s", name);
    return nullptr;
}

static bool holds_address(const struct placed *p, const struct elf_section *s, uint64_t address)
{
    for (uint64_t at = 0; at + sizeof(address) <= s->size; at += sizeof(address)) {
        if (memcmp(p->bytes + s->offset + at, &address, sizeof(address)) == 0) {
            return true;
        }
    }
    return false;
}

static void test_everything_is_at_its_address(void **state)
{
    (void)state;
    uint8_t seed[CHACHA_KEY_BYTES];
    struct placed p;
    seed_from(seed, 11);
    assert_null(placed_open(&p, MODULE_DIR "/sample-small.mod.full", seed));
    uint64_t check = symbol_address(&p.module, p.record, p.record_bytes, "sample_check");
    uint64_t words = symbol_address(&p.module, p.record, p.record_bytes, "sample_words");
    uint32_t symbols = p.module.symbol_count;
    uint64_t symbol_offset = (uint64_t)((const uint8_t *)p.module.symbols - p.bytes);
    assert_true(check != 0 && words != 0);
    placed_make_absolute(&p);

    const struct elf_header *h = (const struct elf_header *)p.bytes;
    assert_int_equal(h->type, 2);
    assert_int_equal(h->entry, p.plan->entry);
    assert_int_equal(section_named(&p, ".text.sample_check")->address, check);
    const struct elf_section *table = section_named(&p, ".data.sample_words");
    assert_int_equal(table->address, words);
    assert_memory_equal(
        p.bytes + table->offset,
        p.image + p.plan->image[table - (const struct elf_section *)(p.bytes + h->section_headers)],
        table->size);

    // Debug information: the address pool has the function, and no relocation is left to be done.
    assert_true(holds_address(&p, section_named(&p, ".debug_addr"), check));
    const struct elf_section *s = (const struct elf_section *)(p.bytes + h->section_headers);
    for (uint32_t i = 0; i < h->section_count; i++) {
        assert_int_not_equal(s[i].type, SHT_RELA);
    }
    const struct elf_symbol *symbol = (const struct elf_symbol *)(p.bytes + symbol_offset);
    bool found = false;
    for (uint32_t i = 0; i < symbols; i++) {
        found |= symbol[i].value == check && elf_symbol_type(&symbol[i]) == STT_FUNC;
    }
    assert_true(found);
    placed_close(&p);
}

static void test_errors_are_sentences(void **state)
{
    (void)state;
    uint8_t seed[CHACHA_KEY_BYTES] = {0};
    struct placed p = {0};
    assert_string_equal(placed_open(&p, "/nonexistent", seed), "cannot be read");
    assert_string_equal(placed_open(&p, "randomizer/README.md", seed), "not an ELF file");
    free(p.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_at_its_address),
        cmocka_unit_test(test_errors_are_sentences),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
