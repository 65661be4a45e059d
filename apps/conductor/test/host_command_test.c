// SPDX-License-Identifier: MIT
// Lines of the host and what is understood of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
// cmocka wants the four first ones before it
#include <cmocka.h>

#include "apps/conductor/host_command.h"
#include "interfaces/rs.types.h"

static void understood(const char *line, enum host_verb verb, const char *service, uint32_t how)
{
    struct host_command c;
    assert_null(host_command_parse(&c, line));
    assert_int_equal(c.verb, verb);
    assert_string_equal(c.service, service);
    assert_int_equal(c.how, how);
}

static void commands(void **state)
{
    (void)state;
    understood("kill blk null", VERB_KILL, "blk", RS_NULL_POINTER);
    understood("kill blk jump", VERB_KILL, "blk", RS_JUMP);
    understood("kill blk loop", VERB_KILL, "blk", RS_LOOP);
    understood("kill blk assert", VERB_KILL, "blk", RS_ASSERTION);
    understood("kill blk exit", VERB_KILL, "blk", RS_END);
    understood("kill  fs  now ", VERB_KILL, "fs", RS_NOW);
    understood("hang fs", VERB_KILL, "fs", RS_SILENCE);
    understood("hold fs", VERB_HOLD, "fs", 0);
    understood("release fs", VERB_RELEASE, "fs", 0);
    understood("restart fs", VERB_RESTART, "fs", 0);
    understood("move fs", VERB_MOVE, "fs", 0);
    understood("start", VERB_START, "", 0);
    understood("pause", VERB_PAUSE, "", 0);
    understood("resume", VERB_RESUME, "", 0);
    understood("finish", VERB_FINISH, "", 0);
    understood("services", VERB_SERVICES, "", 0);
    understood("poweroff", VERB_POWEROFF, "", 0);
}

static void mistakes(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "kil blk null", "kill", "kill blk", "kill blk softly", "kill blk null null", "hang", "hang fs now",
        "start now", "", " ", "killblk", "kill abcdefghijklmnopqrstuvwxyzabcdef null", "averyveryverylongword",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct host_command c;
        assert_non_null(host_command_parse(&c, lines[i]));
    }
}

static enum host_line_state feed(struct host_line *l, const char *text)
{
    enum host_line_state last = LINE_MORE;
    for (; *text; text++) {
        last = host_line_byte(l, *text);
    }
    return last;
}

static void bytes_become_lines(void **state)
{
    (void)state;
    struct host_line l = {0};
    assert_int_equal(feed(&l, "pau"), LINE_MORE);
    assert_int_equal(feed(&l, "se\n"), LINE_WHOLE);
    assert_string_equal(l.text, "pause");
    assert_int_equal(feed(&l, "\n\r\n"), LINE_MORE);
    assert_int_equal(feed(&l, "resume\r"), LINE_WHOLE);
    assert_string_equal(l.text, "resume");
    for (int i = 0; i < 3 * HOST_LINE; i++) {
        assert_int_equal(host_line_byte(&l, 'x'), LINE_MORE);
    }
    assert_int_equal(host_line_byte(&l, '\n'), LINE_TOO_LONG);
    assert_int_equal(strlen(l.text), HOST_LINE - 1);
    assert_int_equal(feed(&l, "start\n"), LINE_WHOLE);
    assert_string_equal(l.text, "start");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands), cmocka_unit_test(mistakes), cmocka_unit_test(bytes_become_lines),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
