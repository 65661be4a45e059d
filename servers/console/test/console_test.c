// SPDX-License-Identifier: MIT
// Byte rings that outlive their driver, and a 16550 that is played here.
#include "servers/console/uart.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four above first
#include <cmocka.h>

static struct line_saved line;

static int start(void **)
{
    memset(&line, 0xcc, sizeof line);
    line_init(&line);
    return 0;
}

static void write_text(const char *text, uint64_t badge, uint32_t number)
{
    uint32_t bytes = (uint32_t)strlen(text);
    struct line_room room = line_out_place(&line, bytes);

    memcpy(room.first, text, room.first_bytes);
    memcpy(room.second, text + room.first_bytes, room.second_bytes);
    line_out_commit(&line, bytes, badge, number);
}

static uint32_t send_all(char *to, bool returns)
{
    uint32_t n = 0;
    int byte;

    while ((byte = line_out_next(&line, returns)) >= 0) {
        to[n++] = (char)byte;
        line_out_sent(&line, returns);
    }
    to[n] = 0;
    return n;
}

static void test_output_order(void **)
{
    char out[64];

    // Over the end of the ring, and over the end of 32 bits.
    line.out_head = line.out_tail = UINT32_MAX - 5;
    write_text("hello\nworld\n", 1, 1);
    assert_int_equal(line_out_used(&line), 12);
    send_all(out, true);
    assert_string_equal(out, "hello\r\nworld\r\n");
    write_text("a\nb", 1, 2);
    send_all(out, false);
    assert_string_equal(out, "a\nb");
}

static void test_write_is_known_again(void **)
{
    char out[64];

    assert_false(line_write_done(&line, 7, 1));
    write_text("x", 7, 1);
    assert_true(line_write_done(&line, 7, 1));
    assert_false(line_write_done(&line, 7, 2));
    assert_false(line_write_done(&line, 8, 1));
    send_all(out, false);
    assert_true(line_write_done(&line, 7, 1)); // also when it is long out
    write_text("y", 8, 1);
    assert_false(line_write_done(&line, 7, 1));
    // Death before the head moved: the record is there, the bytes are not.
    line.write_number = 9;
    line.write_head = line.out_head + 3;
    assert_false(line_write_done(&line, 8, 9));
}

// Death in the middle of a commit, at each of its stores: never half a text, never taken for done.
static void test_death_in_commit(void **)
{
    write_text("old", 7, 1);
    struct line_saved before = line;
    before.write_head = line.out_head + LINE_OUT + 1; // first store
    assert_false(line_write_done(&before, 7, 1));
    before.write_badge = 8;
    before.write_number = 2; // second, third
    assert_false(line_write_done(&before, 8, 2));
    before.write_head = before.out_head + 3; // fourth
    assert_false(line_write_done(&before, 8, 2));
    assert_int_equal(line_out_used(&before), 3);
    before.out_head += 3; // fifth
    assert_true(line_write_done(&before, 8, 2));
    assert_true(line_is_sound(&before));
}

static uint32_t read_some(char *to, uint32_t most)
{
    uint32_t n = 0;

    for (;;) {
        uint32_t bytes = most - n;
        const uint8_t *from = line_in_peek(&line, &bytes);
        if (bytes == 0) {
            to[n] = 0;
            return n;
        }
        memcpy(to + n, from, bytes);
        line_in_give(&line, bytes);
        n += bytes;
    }
}

static void type(const char *text)
{
    while (*text) {
        line_in_add(&line, (uint8_t)*text++);
    }
}

static void test_input(void **)
{
    char in[64];

    type("abcdef");
    line_read_begin(&line, 1, 1, false);
    assert_int_equal(read_some(in, 4), 4);
    assert_string_equal(in, "abcd");
    line_read_begin(&line, 1, 1, true); // the driver died: the same read comes again
    assert_int_equal(read_some(in, 4), 4);
    assert_string_equal(in, "abcd");
    line_read_begin(&line, 1, 1, false); // a client that always uses the same number
    assert_int_equal(read_some(in, 60), 2);
    assert_string_equal(in, "ef");
    line_read_begin(&line, 2, 1, true); // another client's
    assert_int_equal(read_some(in, 60), 0);
    assert_int_equal(line_in_room(&line), LINE_IN);
}

static void test_input_full(void **)
{
    static char in[LINE_IN + 1];

    line.in_head = UINT32_MAX - 10;
    line.in_taken = UINT32_MAX - 10;
    for (int i = 0; i < LINE_IN + 100; i++) {
        line_in_add(&line, (uint8_t)('a' + i % 26));
    }
    assert_int_equal(line_in_room(&line), 0);
    line_read_begin(&line, 1, 1, false);
    assert_int_equal(read_some(in, LINE_IN), LINE_IN);
    for (int i = 0; i < LINE_IN; i++) {
        assert_int_equal(in[i], 'a' + i % 26);
    }
    assert_true(line_is_sound(&line));
}

static void test_drop(void **)
{
    char in[64];

    type("typed ahead");
    line_read_begin(&line, 1, 1, false);
    read_some(in, 5);
    type("more");
    line_in_drop(&line);
    type("\3");
    line_read_begin(&line, 1, 1, true); // what had been given can still be given again
    assert_int_equal(read_some(in, 60), 6);
    assert_string_equal(in, "typed\3");
}

static void test_sound(void **)
{
    assert_true(line_is_sound(&line));
    line.out_tail = line.out_head + 1;
    assert_false(line_is_sound(&line));
    start(nullptr);
    line.in_taken = 1ull << 32;
    assert_false(line_is_sound(&line));
    start(nullptr);
    line.magic = 0;
    assert_false(line_is_sound(&line));
}

// ---- The chip ----

static struct {
    uint8_t scratch, enabled, control, divisor_access;
    char sent[40000], input[20000];
    uint32_t sends, fifo, inputs, taken;
    uint32_t takes;   // bytes that go out between two looks at the line status
    bool broken, transmit_pending, line_high;
    uint32_t edges;
} chip;

static bool wants(void)
{
    return ((chip.enabled & 1) && chip.taken < chip.inputs) ||
           ((chip.enabled & 2) && chip.transmit_pending);
}

static void settle(void)
{
    chip.edges += wants() && !chip.line_high;
    chip.line_high = wants();
}

static void drain_fifo(uint32_t bytes)
{
    if (chip.fifo > 0 && chip.fifo <= bytes) {
        chip.transmit_pending = true;
    }
    chip.fifo -= chip.fifo < bytes ? chip.fifo : bytes;
}

static uint8_t chip_read(struct uart *, uint32_t reg)
{
    uint8_t value = 0;

    if (chip.broken) {
        return 0xff;
    }
    switch (reg) {
    case 0:
        value = chip.taken < chip.inputs ? (uint8_t)chip.input[chip.taken++] : 0;
        break;
    case 2:
        value = chip.enabled & 1 && chip.taken < chip.inputs ? 4
                : chip.enabled & 2 && chip.transmit_pending  ? 2
                                                             : 1;
        chip.transmit_pending = value == 2 ? false : chip.transmit_pending;
        break;
    case 5:
        drain_fifo(chip.takes);
        value = (chip.taken < chip.inputs ? 1 : 0) | (chip.fifo == 0 ? 0x60 : 0);
        break;
    case 7:
        value = chip.scratch;
        break;
    }
    settle();
    return value;
}

static void chip_write(struct uart *, uint32_t reg, uint8_t value)
{
    switch (reg) {
    case 0:
        if (!chip.divisor_access) {
            assert_true(chip.fifo < 16); // the driver never overruns it
            chip.sent[chip.sends++] = (char)value;
            chip.fifo++;
            chip.transmit_pending = false;
        }
        break;
    case 1:
        if (!chip.divisor_access) {
            chip.transmit_pending |= (value & 2) && !(chip.enabled & 2) && chip.fifo == 0;
            chip.enabled = value;
        }
        break;
    case 3:
        chip.divisor_access = value & 0x80;
        break;
    case 7:
        chip.scratch = value;
        break;
    }
    settle();
}

static struct uart fresh_uart(void)
{
    struct uart u = {.read = chip_read, .write = chip_write};

    memset(&chip, 0, sizeof chip);
    chip.takes = 16;
    assert_true(uart_init(&u, true));
    return u;
}

static void test_chip_sends(void **)
{
    struct uart u = fresh_uart();
    char text[1001];

    chip.takes = 3; // slow: interrupts are needed
    for (int i = 0; i < 1000; i++) {
        text[i] = (char)('a' + i % 26);
    }
    text[1000] = 0;
    write_text(text, 1, 1);
    uart_service(&u, &line, false);
    assert_true(chip.sends < 1000);
    for (int i = 0; i < 1000 && line_out_used(&line) > 0; i++) {
        uint32_t edges = chip.edges;
        while (chip.fifo > 0) { // time passes
            drain_fifo(1);
            settle();
        }
        assert_int_equal(chip.edges,
                         edges + 1); // each empty FIFO is an edge, or it would stand still
        uart_service(&u, &line, false);
    }
    assert_int_equal(chip.sends, 1000);
    assert_memory_equal(chip.sent, text, 1000);
    drain_fifo(16);
    assert_true(uart_idle(&u, &line));
}

static void test_chip_receives(void **)
{
    struct uart u = fresh_uart();
    char in[64];

    uart_service(&u, &line, false);
    memcpy(chip.input, "ab\3c", 4);
    chip.inputs = 4;
    settle();
    assert_int_equal(chip.edges, 1);
    uart_service(&u, &line, false);
    assert_false(chip.line_high);
    assert_true(u.input_seen);
    assert_false(u.interrupt_seen); // nobody watches: an ordinary byte
    line_read_begin(&line, 1, 1, false);
    assert_int_equal(read_some(in, 60), 4);
    memcpy(chip.input + 4, "xy\3z", 4);
    chip.inputs = 8;
    settle();
    uart_service(&u, &line, true);
    assert_true(u.interrupt_seen);
    line_read_begin(&line, 1, 1, false);
    read_some(in, 60);
    assert_string_equal(in, "\3z");
}

// Input that nobody reads stays in the chip, whose sender must wait; then it goes on.
static void test_chip_back_pressure(void **)
{
    struct uart u = fresh_uart();
    static char in[LINE_IN + 1];

    chip.inputs = LINE_IN + 500;
    uint32_t shares = 0;
    while (uart_service(&u, &line, false)) {
        shares++;
        assert_int_equal(chip.taken, shares * UART_SHARE); // one byte a look; others get their turn
    }
    assert_int_equal(chip.taken, LINE_IN);
    assert_int_equal(chip.enabled & 1, 0);
    line_read_begin(&line, 1, 1, false);
    read_some(in, LINE_IN);
    line_read_begin(&line, 1, 1, false);
    while (uart_service(&u, &line, false)) {
    }
    assert_int_equal(chip.taken, LINE_IN + 500);
    assert_int_equal(chip.enabled & 1, 1);
}

static void test_no_chip(void **)
{
    struct uart u = fresh_uart();

    chip.broken = true;
    assert_false(uart_init(&u, true));
    write_text("lost", 1, 1);
    uart_service(&u, &line, false); // comes back
    assert_int_equal(line_out_used(&line), 4);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_output_order, start),
        cmocka_unit_test_setup(test_write_is_known_again, start),
        cmocka_unit_test_setup(test_death_in_commit, start),
        cmocka_unit_test_setup(test_input, start),
        cmocka_unit_test_setup(test_input_full, start),
        cmocka_unit_test_setup(test_drop, start),
        cmocka_unit_test_setup(test_sound, start),
        cmocka_unit_test_setup(test_chip_sends, start),
        cmocka_unit_test_setup(test_chip_receives, start),
        cmocka_unit_test_setup(test_chip_back_pressure, start),
        cmocka_unit_test_setup(test_no_chip, start),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
