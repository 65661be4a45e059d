// SPDX-License-Identifier: MIT
// SHA-256 against the vectors of FIPS 180-4 and its examples; paths; JSON lines; error texts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four first ones before it
#include <cmocka.h>

#include "apps/lib/json.h"
#include "apps/lib/outcome.h"
#include "apps/lib/path.h"
#include "apps/lib/sha256.h"
#include <errno.h>

static void check_hash(const char *data, size_t bytes, const char *expected)
{
    struct sha256 sha;
    char hex[SHA256_HEX];
    sha256_start(&sha);
    sha256_add(&sha, data, bytes);
    sha256_hex(&sha, hex);
    assert_string_equal(hex, expected);
}

static void published_vectors(void **state)
{
    (void)state;
    check_hash("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_hash("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    check_hash(two, strlen(two), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    const char *long_one = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                           "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    check_hash(long_one, strlen(long_one),
               "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

static void a_million_letters(void **state)
{
    (void)state;
    char *a = malloc(1000000);
    assert_non_null(a);
    memset(a, 'a', 1000000);
    check_hash(a, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(a);
}

// However the data is cut, the digest is the same; lengths around the block size are where it goes wrong.
static void cuts_do_not_matter(void **state)
{
    (void)state;
    uint8_t data[300];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7 + 3);
    }
    for (size_t length = 0; length <= sizeof(data); length++) {
        struct sha256 whole;
        char expected[SHA256_HEX], hex[SHA256_HEX];
        sha256_start(&whole);
        sha256_add(&whole, data, length);
        sha256_hex(&whole, expected);
        for (size_t cut = 0; cut <= length; cut += 1 + length / 17) {
            struct sha256 sha;
            sha256_start(&sha);
            sha256_add(&sha, data, cut);
            sha256_hex(&sha, hex); // asking in the middle changes nothing
            sha256_add(&sha, data + cut, length - cut);
            sha256_hex(&sha, hex);
            assert_string_equal(hex, expected);
        }
    }
}

static void check_path(const char *base, const char *path, const char *expected)
{
    char to[PATH_SIZE];
    assert_true(path_absolute(to, base, path));
    assert_string_equal(to, expected);
}

static void paths_become_absolute(void **state)
{
    (void)state;
    check_path("/", "", "/");
    check_path("/a/b", "", "/a/b");
    check_path("/a/b", "c", "/a/b/c");
    check_path("/a/b", "/c", "/c");
    check_path("/a/b", "../c/./d//", "/a/c/d");
    check_path("/a", "../../..", "/");
    check_path("/", "...", "/...");
    check_path("/", ".hidden/..x", "/.hidden/..x");
    assert_string_equal(path_name("/a/bc"), "bc");
    assert_string_equal(path_name("/"), "");
    assert_true(path_inside("/a/b", "/a") && path_inside("/a", "/a") && path_inside("/x", "/"));
    assert_false(path_inside("/ab", "/a"));
    assert_false(path_inside("/", "/a"));
}

static void paths_that_do_not_fit(void **state)
{
    (void)state;
    char to[PATH_SIZE], name[PATH_SIZE];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    assert_false(path_absolute(to, "/", name));
    assert_string_equal(to, "");
    assert_false(path_join(to, "/a", name));
    name[PATH_SIZE - 2] = 0; // one less, for the slash
    assert_true(path_absolute(to, "/", name));
    assert_int_equal(strlen(to), PATH_SIZE - 1);
    assert_true(path_join(to, "/", name));
    assert_true(path_join(to, "/a/", "b"));
    assert_string_equal(to, "/a/b");
}

static void json_lines(void **state)
{
    (void)state;
    char line[200];
    struct json j;
    json_start(&j, line, sizeof(line));
    json_text(&j, "path", "/a\"b\\c\n\xc3");
    json_number(&j, "n", UINT64_MAX);
    json_number(&j, "zero", 0);
    json_bool(&j, "yes", true);
    json_hex(&j, "hex", (const uint8_t[]){0, 0xab}, 2);
    json_text_n(&j, "cut", "abcdef", 3);
    json_list(&j, "list");
    json_item(&j);
    json_number(&j, "i", 1);
    json_item_end(&j);
    json_item(&j);
    json_item_end(&j);
    json_list_end(&j);
    json_bool(&j, "last", false);
    size_t n = json_end(&j);
    const char *expected = "{\"path\":\"/a\\\"b\\\\c\\u000a\\u00c3\",\"n\":18446744073709551615,\"zero\":0,"
                           "\"yes\":true,\"hex\":\"00ab\",\"cut\":\"abc\",\"list\":[{\"i\":1},{}],\"last\":false}\n";
    assert_string_equal(line, expected);
    assert_int_equal(n, strlen(expected));
    assert_false(j.cut);
}

static void json_that_does_not_fit(void **state)
{
    (void)state;
    char long_text[300];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = 0;
    for (size_t size = 8; size < 60; size++) {
        char *line = malloc(size); // so that ASan sees one byte too many
        struct json j;
        json_start(&j, line, size);
        json_number(&j, "a", 1);
        json_text(&j, "text", long_text);
        json_number(&j, "b", 2);
        size_t n = json_end(&j);
        assert_true(j.cut && n < size && line[n] == 0);
        assert_null(strchr(line, 'x')); // the key went with its value
        assert_true(n == 3 || strcmp(line, "{\"a\":1}\n") == 0 || strcmp(line, "{\"b\":2}\n") == 0 ||
                    strcmp(line, "{\"a\":1,\"b\":2}\n") == 0);
        free(line);
    }
}

static void errors_in_words(void **state)
{
    (void)state;
    assert_string_equal(outcome_name(outcome_errno(ENOENT)), "ENOENT");
    assert_string_equal(outcome_name((struct outcome){ERR_BUSY, 0}), "ERR_BUSY");
    assert_string_equal(outcome_text(outcome_errno(ENOSPC)), "no space left on the disk: remove something and repeat");
    assert_non_null(strstr(outcome_text((struct outcome){ERR_RESTARTED, 0}), "reborn"));
    assert_non_null(outcome_text(outcome_errno(9999)));
    assert_non_null(outcome_text((struct outcome){(enum status)999, 0}));
    assert_true(is_errno(outcome_errno(EIO), EIO));
    assert_false(is_errno((struct outcome){ERR_IO, EIO}, EIO));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),    cmocka_unit_test(a_million_letters),
        cmocka_unit_test(cuts_do_not_matter),   cmocka_unit_test(paths_become_absolute),
        cmocka_unit_test(paths_that_do_not_fit), cmocka_unit_test(json_lines),
        cmocka_unit_test(json_that_does_not_fit), cmocka_unit_test(errors_in_words),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
