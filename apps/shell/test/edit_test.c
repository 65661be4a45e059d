// SPDX-License-Identifier: MIT
// The line editor, seen by a small terminal that understands what the editor sends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four first ones before it
#include <cmocka.h>

#include "apps/shell/edit.h"

// One row of a terminal of unlimited width; bytes of a multi-byte character stand in one cell.
static struct {
    char cell[4096][5];
    size_t column, end;
    int rows; // line feeds seen
    int state;
    unsigned number;
} term;

static void put_cell(char c)
{
    bool more = term.column > 0 && ((unsigned char)c & 0xc0) == 0x80;
    assert_true(term.column + 1 < 4096);
    char *cell = term.cell[more ? term.column - 1 : term.column];
    size_t n = more ? strlen(cell) : 0;
    if (n + 1 == sizeof(term.cell[0])) {
        return; // stray bytes: no character is that long
    }
    cell[n] = c;
    cell[n + 1] = 0;
    term.column += !more;
    term.end = term.column > term.end ? term.column : term.end;
}

static void escape(char c)
{
    if (c >= '0' && c <= '9') {
        term.number = term.number * 10 + (unsigned)(c - '0');
        return;
    }
    if (c == '[') {
        term.number = 0;
        return;
    }
    term.state = 0;
    switch (c) {
    case 'K': term.end = term.column; break;
    case 'C': term.column += term.number; break;
    case 'H': term.column = 0; break;
    case 'J': term.end = 0; break;
    default: fail_msg("unknown sequence ESC [ %u %c", term.number, c);
    }
}

static void show(const char *bytes, size_t n, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < n; i++) {
        char c = bytes[i];
        if (term.state) {
            escape(c);
        } else if (c == 0x1b) {
            term.state = 1;
        } else if (c == '\r') {
            term.column = 0;
        } else if (c == '\n') {
            term.rows++;
            term.column = term.end = 0;
        } else {
            put_cell(c);
        }
    }
}

static struct editor e;

static int setup(void **state)
{
    (void)state;
    memset(&term, 0, sizeof(term));
    edit_init(&e, show, nullptr);
    edit_start(&e, "> ");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < e.history_count; i++) {
        free(e.history[i]);
    }
    return 0;
}

static enum edit_event keys(const char *text)
{
    enum edit_event last = EDIT_MORE;
    for (; *text; text++) {
        last = edit_key(&e, (unsigned char)*text);
    }
    return last;
}

static void row_is(const char *expected)
{
    char row[4096] = "";
    for (size_t i = 0; i < term.end; i++) {
        strcat(row, term.cell[i]);
    }
    assert_string_equal(row, expected);
}

static void enter_line(const char *text)
{
    keys(text);
    assert_int_equal(edit_key(&e, '\r'), EDIT_DONE);
    edit_remember(&e, e.line);
    edit_start(&e, "> ");
}

#define LEFT "\x1b[D"
#define RIGHT "\x1b[C"
#define UP "\x1b[A"
#define DOWN "\x1b[B"

static void typing(void **state)
{
    (void)state;
    keys("ls -l");
    row_is("> ls -l");
    assert_string_equal(e.line, "ls -l");
    assert_int_equal(term.column, 7);
    assert_int_equal(edit_key(&e, '\r'), EDIT_DONE);
    assert_string_equal(e.line, "ls -l");
    assert_int_equal(term.rows, 1);
}

static void moving_and_inserting(void **state)
{
    (void)state;
    keys("ace" LEFT LEFT "b" RIGHT "d");
    row_is("> abcde");
    assert_int_equal(term.column, 6);
    keys("\x01" "0" "\x05" "f" LEFT LEFT LEFT LEFT LEFT LEFT LEFT LEFT LEFT "_"); // LEFT stops at the start
    row_is("> _0abcdef");
    keys("\x1b[F!" "\x1b[H?" "\x1bOF." "\x1b[1~," "\x1b[4~;");
    row_is("> ,?_0abcdef!.;");
}

static void deleting(void **state)
{
    (void)state;
    keys("one two three\x17");
    row_is("> one two ");
    keys("\x7f\x08");
    row_is("> one tw");
    keys("\x01\x1b[3~\x04");
    row_is("> e tw");
    keys("\x0b");
    row_is("> ");
    keys("\x19\x19");
    row_is("> e twe tw");
    keys(LEFT LEFT "\x15");
    row_is("> tw");
    keys("\x0b\x7f\x08\x15\x17\x0b\x1b[3~"); // nothing left to delete
    row_is("> ");
    assert_int_equal(e.length, 0);
}

static void words(void **state)
{
    (void)state;
    keys("one two  three\x1b" "b\x1b" "b|");
    row_is("> one |two  three");
    keys("\x1b" "f|\x1b[1;5C|\x1b[1;5D\x1b" "d");
    row_is("> one |two|  "); // ESC d removed "three|"
}

static void characters_of_several_bytes(void **state)
{
    (void)state;
    keys("aäb€");
    row_is("> aäb€");
    assert_int_equal(term.column, 6);
    keys(LEFT LEFT LEFT "x");
    row_is("> axäb€");
    keys("\x1b[3~");
    row_is("> axb€");
    keys("\x05\x7f");
    row_is("> axb");
    keys("ü\x14");
    row_is("> axüb");
}

static void history(void **state)
{
    (void)state;
    enter_line("first");
    enter_line("second");
    enter_line("second"); // not kept twice
    enter_line("");
    assert_int_equal(e.history_count, 2);
    keys("half" UP);
    row_is("> second");
    keys(UP UP);
    row_is("> first");
    keys("!" DOWN DOWN DOWN);
    row_is("> half");
    keys("\x10\x10\x0e");
    row_is("> second");
}

static void history_is_bounded(void **state)
{
    (void)state;
    char line[32];
    for (int i = 0; i < EDIT_HISTORY + 10; i++) {
        snprintf(line, sizeof(line), "line %d", i);
        enter_line(line);
    }
    assert_int_equal(e.history_count, EDIT_HISTORY);
    assert_string_equal(e.history[0], "line 10");
    keys(UP);
    row_is("> line 73");
}

static void searching(void **state)
{
    (void)state;
    enter_line("cat apple");
    enter_line("ls pear");
    enter_line("rm apple");
    keys("\x12" "app");
    row_is("app <- rm apple");
    keys("\x12");
    row_is("app <- cat apple");
    keys("\x12"); // nothing older
    row_is("app <- cat apple");
    keys("\x1b[D");
    row_is("> cat apple");
    keys("\x12zzz");
    row_is("zzz <- cat apple");
    assert_int_equal(keys("\r"), EDIT_DONE);
    assert_string_equal(e.line, "cat apple");
}

static void events(void **state)
{
    (void)state;
    assert_int_equal(keys("\t"), EDIT_COMPLETE);
    assert_int_equal(keys("\x04"), EDIT_END);
    edit_start(&e, "> ");
    assert_int_equal(keys("abc\x03"), EDIT_CANCEL);
    edit_start(&e, "> ");
    keys("co");
    edit_insert(&e, "mplete ", 7);
    row_is("> complete ");
}

static void long_lines_scroll(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        edit_key(&e, (unsigned char)('a' + i % 26));
        assert_true(term.column < EDIT_COLUMNS && term.end < EDIT_COLUMNS);
    }
    keys("\x01");
    assert_int_equal(term.column, 2);
    assert_int_equal(term.cell[2][0], 'a');
    assert_true(term.end < EDIT_COLUMNS);
}

static void the_line_never_overflows(void **state)
{
    (void)state;
    for (int i = 0; i < EDIT_LINE_SIZE + 100; i++) {
        edit_key(&e, 'x');
    }
    assert_int_equal(e.length, EDIT_LINE_SIZE - 1);
    assert_int_equal(strlen(e.line), EDIT_LINE_SIZE - 1);
    keys("\x15\x19\x19");
    assert_int_equal(e.length, EDIT_LINE_SIZE - 1);
}

// Whatever bytes come, the state stays sound and what is shown is the line.
static void random_keys(void **state)
{
    (void)state;
    static const unsigned char often[] = "ab c\x1b[DCABHF3~\x01\x05\x0b\x15\x17\x19\x12\x7f\x14\xc3\xa4";
    uint64_t x = 88172645463325252ull;
    for (int i = 0; i < 100000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        unsigned char byte = x >> 40 & 7 ? often[x % (sizeof(often) - 1)] : (unsigned char)(x >> 16);
        enum edit_event event = edit_key(&e, byte);
        assert_true(e.cursor <= e.length && e.length < EDIT_LINE_SIZE);
        assert_int_equal(strlen(e.line), e.length);
        if (event == EDIT_DONE || event == EDIT_CANCEL || event == EDIT_END) {
            edit_remember(&e, e.line);
            edit_start(&e, "> ");
        }
        assert_true(term.end < 4000);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(typing),    TEST(moving_and_inserting),  TEST(deleting),
        TEST(words),     TEST(characters_of_several_bytes), TEST(history),
        TEST(history_is_bounded), TEST(searching),    TEST(events),
        TEST(long_lines_scroll),  TEST(the_line_never_overflows), TEST(random_keys),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
