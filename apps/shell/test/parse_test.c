// SPDX-License-Identifier: MIT
// Words, quotes, redirection and completion of the shell.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
// cmocka wants the four first ones before it
#include <cmocka.h>

#include "apps/shell/parse.h"

static struct command_line c;

static void words_are(const char *line, const char *joined)
{
    char all[PARSE_BYTES + PARSE_WORDS] = "";
    assert_null(parse_line(&c, line));
    for (int i = 0; i < c.argc; i++) {
        strcat(strcat(all, i > 0 ? "|" : ""), c.argv[i]);
    }
    assert_string_equal(all, joined);
    assert_null(c.argv[c.argc]);
}

static void splitting(void **state)
{
    (void)state;
    words_are("", "");
    words_are("  \t ", "");
    words_are("ls", "ls");
    words_are("  cp  a\tb  ", "cp|a|b");
    words_are("echo a\\ b 'c d' \"e f\" g'h'\"i\"", "echo|a b|c d|e f|ghi");
    words_are("echo '' \"\"", "echo||");
    words_are("echo '\\' \"\\\"\" \\\\", "echo|\\|\"|\\");
    words_are("echo a#b # the rest", "echo|a#b");
    assert_int_equal(c.argc, 2);
}

static void redirecting(void **state)
{
    (void)state;
    words_are("echo a > /f", "echo|a");
    assert_string_equal(c.output, "/f");
    assert_false(c.append);
    words_are("echo a>>'my file' b", "echo|a|b");
    assert_string_equal(c.output, "my file");
    assert_true(c.append);
    words_are("echo '>' \\>", "echo|>|>");
    assert_null(c.output);
}

static void sequences(void **state)
{
    (void)state;
    words_are("a b; c d", "a|b");
    assert_string_equal(c.rest, " c d");
    words_are("a ';' \\;", "a|;|;");
    assert_null(c.rest);
    words_are(";", "");
    assert_string_equal(c.rest, "");
}

static void mistakes(void **state)
{
    (void)state;
    assert_string_equal(parse_line(&c, "echo 'a"), "a quote is not closed");
    assert_string_equal(parse_line(&c, "echo a\\"), "nothing follows the backslash");
    assert_string_equal(parse_line(&c, "echo >"), "the name of a file must follow >");
    assert_string_equal(parse_line(&c, "echo > ; b"), "the name of a file must follow >");
    assert_string_equal(parse_line(&c, "echo >a >b"), "the output can go to one file only");
    assert_string_equal(parse_line(&c, ">a"), "no command writes to the file");
    char many[2 * PARSE_WORDS + 3] = "";
    for (int i = 0; i <= PARSE_WORDS; i++) {
        strcat(many, "a ");
    }
    assert_string_equal(parse_line(&c, many), "too many words");
    char longer[PARSE_BYTES + 2];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    assert_string_equal(parse_line(&c, longer), "the line is too long");
    longer[PARSE_BYTES - 2] = 0; // fits exactly
    words_are(longer, longer);
}

static void word_is(const char *line, const char *expected, size_t start, int index)
{
    char word[PARSE_BYTES];
    size_t at;
    int before;
    assert_true(parse_word_at(line, strlen(line), word, &at, &before));
    assert_string_equal(word, expected);
    assert_int_equal(at, start);
    assert_int_equal(before, index);
}

static void completing(void **state)
{
    (void)state;
    word_is("", "", 0, 0);
    word_is("l", "l", 0, 0);
    word_is("ls ", "", 3, 1);
    word_is("ls /a/b", "/a/b", 3, 1);
    word_is("cp a\\ b 'c d", "c d", 8, 2);
    word_is("cp x; r", "r", 6, 0);
    word_is("echo x>/t", "/t", 7, 2);
    word_is("ls a\\", "a", 3, 1);
    char quoted[20];
    assert_true(parse_quote("a b'c", quoted, sizeof(quoted)));
    assert_string_equal(quoted, "a\\ b\\'c");
    assert_false(parse_quote("a b c d e f g h i j", quoted, sizeof(quoted)));
    char exact[4];
    assert_true(parse_quote("abc", exact, sizeof(exact)));
    assert_false(parse_quote("abcd", exact, sizeof(exact)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitting), cmocka_unit_test(redirecting), cmocka_unit_test(sequences),
        cmocka_unit_test(mistakes),  cmocka_unit_test(completing),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
