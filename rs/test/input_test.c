// SPDX-License-Identifier: MIT
// What comes from outside: boot archive, manifest, args. Good ones are understood, damaged ones
// refused; the sanitizers watch that nothing is read outside of a buffer of exactly the right size.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rs/archive.h"
#include "rs/args.h"
#include "rs/manifest.h"

// Made by tools/manifest from rs/test/image.toml; the build says where.
static uint8_t *archive;
static size_t archive_bytes;
static struct archive_file manifest_file;

static int load(void **)
{
    FILE *file = fopen(ARCHIVE, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    archive_bytes = (size_t)ftell(file);
    rewind(file);
    archive = malloc(archive_bytes);
    assert_int_equal(fread(archive, 1, archive_bytes, file), archive_bytes);
    fclose(file);
    assert_true(archive_find(archive, archive_bytes, "manifest.bin", &manifest_file));
    return 0;
}

static int unload(void **)
{
    free(archive);
    return 0;
}

static void *exact_copy(const void *from, size_t bytes)
{
    void *to = malloc(bytes ? bytes : 1);
    memcpy(to, from, bytes);
    return to;
}

static void test_archive(void **)
{
    struct archive_file file;
    assert_true(archive_find(archive, archive_bytes, "b.mod", &file));
    assert_int_equal(file.bytes, strlen("module b\n"));
    assert_memory_equal(file.data, "module b\n", file.bytes);
    assert_false(archive_find(archive, archive_bytes, "b.mo", &file));
    assert_false(archive_find(archive, archive_bytes, "", &file));
}

static void test_cut_archive(void **)
{
    struct archive_file file;
    for (size_t bytes = 0; bytes < archive_bytes; bytes++) {
        uint8_t *cut = exact_copy(archive, bytes);
        if (archive_find(cut, bytes, "manifest.bin", &file)) {
            assert_true((const uint8_t *)file.data + file.bytes <= cut + bytes);
        }
        free(cut);
    }
}

static void test_damaged_archive(void **)
{
    srand(2);
    for (int i = 0; i < 20000; i++) {
        uint8_t *bad = exact_copy(archive, archive_bytes);
        for (int k = rand() % 3; k >= 0; k--) {
            bad[(size_t)rand() % archive_bytes] = "0123456789abcdefF7"[rand() % 18];
        }
        struct archive_file file;
        if (archive_find(bad, archive_bytes, "manifest.bin", &file)) {
            assert_true((const uint8_t *)file.data + file.bytes <= bad + archive_bytes);
        }
        free(bad);
    }
}

static void test_manifest(void **)
{
    struct manifest m;
    void *data = exact_copy(manifest_file.data, manifest_file.bytes);
    assert_null(manifest_open(&m, data, manifest_file.bytes));
    assert_int_equal(m.header->services, 2);
    assert_string_equal(manifest_string(&m, m.header->image_name), "input-test");
    assert_int_equal(manifest_find(&m, "b"), 1);
    assert_int_equal(manifest_find(&m, "c"), -1);
    const struct manifest_service *a = &m.services[0], *b = &m.services[1];
    assert_string_equal(manifest_string(&m, a->args), "ecam=${ecam}");
    assert_int_equal(a->quota, 2 << 20);
    assert_int_equal(a->handles, 3);
    assert_int_equal(b->needs, 1);
    assert_int_equal(b->may, 5);
    assert_int_equal(b->rules.request_ms, 700);
    assert_int_equal(b->rules.fruitless_limit, 4);
    const struct manifest_handle *h = &m.handles[b->first_handle];
    assert_string_equal(manifest_string(&m, h->name), "friend");
    assert_int_equal(h->kind, HANDLE_PORT);
    assert_int_equal(h->a, 0);
    assert_int_equal(h->badge, 0x77);
    h = &m.handles[a->first_handle + 1];
    assert_int_equal(h->kind, HANDLE_IRQ);
    assert_int_equal(h->b, 3);
    free(data);
}

// Whatever passes the check must be safe to use: every string and handle is touched.
static size_t use(const struct manifest *m)
{
    size_t sum = strlen(manifest_string(m, m->header->image_name));
    for (uint32_t i = 0; i < m->header->services; i++) {
        const struct manifest_service *s = &m->services[i];
        sum += strlen(manifest_string(m, s->name)) + strlen(manifest_string(m, s->module)) +
               strlen(manifest_string(m, s->args));
        for (uint32_t k = 0; k < s->handles; k++) {
            const struct manifest_handle *h = &m->handles[s->first_handle + k];
            sum += strlen(manifest_string(m, h->name));
            sum += h->kind == HANDLE_PORT ? m->services[h->a].priority : 0;
        }
    }
    return sum;
}

static void test_cut_manifest(void **)
{
    for (size_t bytes = 0; bytes < manifest_file.bytes; bytes++) {
        struct manifest m;
        void *cut = exact_copy(manifest_file.data, bytes);
        assert_non_null(manifest_open(&m, cut, bytes));
        free(cut);
    }
}

static void test_damaged_manifest(void **)
{
    srand(3);
    int refused = 0;
    for (int i = 0; i < 200000; i++) {
        uint8_t *bad = exact_copy(manifest_file.data, manifest_file.bytes);
        for (int k = rand() % 4; k >= 0; k--) {
            size_t at = (size_t)rand() % manifest_file.bytes;
            bad[at] = rand() % 2 ? (uint8_t)rand() : (uint8_t)(bad[at] + rand() % 3 - 1);
        }
        struct manifest m;
        if (manifest_open(&m, bad, manifest_file.bytes) == nullptr) {
            use(&m);
        } else {
            refused++;
        }
        free(bad);
    }
    assert_in_range(refused, 50000, 199999);
}

// One change each that must be refused, with the sentence that tells why.
static void test_refusals(void **)
{
    struct manifest good;
    void *data = exact_copy(manifest_file.data, manifest_file.bytes);
    assert_null(manifest_open(&good, data, manifest_file.bytes));
    struct manifest_service *s = (void *)(uintptr_t)good.services;
    struct manifest_handle *h = (void *)(uintptr_t)good.handles;
    struct manifest m;
#define REFUSED(field, value, part)                                                                \
    do {                                                                                           \
        typeof(field) old = field;                                                                 \
        field = value;                                                                             \
        const char *why = manifest_open(&m, data, manifest_file.bytes);                            \
        assert_non_null(why);                                                                      \
        assert_non_null(strstr(why, part));                                                        \
        field = old;                                                                               \
        assert_null(manifest_open(&m, data, manifest_file.bytes));                                 \
    } while (0)
    REFUSED(s[0].needs, 2, "circle");
    REFUSED(s[0].needs, 1, "circle");
    REFUSED(s[0].needs, 4, "not there");
    REFUSED(s[1].name, s[0].name, "same name");
    REFUSED(s[1].name, 0, "no usable name");
    REFUSED(s[1].name, 0xffffffff, "no usable name");
    REFUSED(s[1].priority, 32, "priority");
    REFUSED(s[1].quota, 0, "quota");
    REFUSED(s[1].handles, 49, "outside");
    REFUSED(s[1].first_handle, 0xffffffff, "outside");
    REFUSED(s[1].rules.growth_percent, 99, "rules");
    REFUSED(s[1].rules.missed, 0, "rules");
    REFUSED(h[0].kind, 99, "unknown kind");
    REFUSED(h[3].a, 2, "names no service");
    REFUSED(h[3].badge, 0, "no badge");
    REFUSED(h[3].rights, 0x80000000, "unknown rights");
    free(data);
}

static void test_args(void **)
{
    struct boot_info boot = {.ecam_base = 0xb0000000, .ecam_bus_last = 255, .cpus = 2,
                             .rsdp = 0xe0000, .cmdline = "x=1 y"};
    char out[64];
    assert_true(args_expand("e=${ecam} b=${ecam_buses}", &boot, out, sizeof(out)));
    assert_string_equal(out, "e=0xb0000000 b=0-255");
    assert_true(args_expand("${cmdline}:${cpus}$ {", &boot, out, sizeof(out)));
    assert_string_equal(out, "x=1 y:2$ {");
    assert_true(args_expand("", &boot, out, 1));
    assert_false(args_expand("${nonsense}", &boot, out, sizeof(out)));
    assert_false(args_expand("${ecam", &boot, out, sizeof(out)));
    assert_false(args_expand("${}", &boot, out, sizeof(out)));
    assert_false(args_expand("abcdef", &boot, out, 6));
    assert_true(args_expand("abcde", &boot, out, 6));
    assert_false(args_expand("${cmdline}", &boot, out, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_archive),      cmocka_unit_test(test_cut_archive),
        cmocka_unit_test(test_damaged_archive), cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_cut_manifest), cmocka_unit_test(test_damaged_manifest),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_args),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
