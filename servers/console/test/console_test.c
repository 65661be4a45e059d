// SPDX-License-Identifier: MIT
// Byte rings, some of which cannot be undone, and a 16550 that is played here.
#include "servers/console/uart.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four above first
#include <cmocka.h>

static struct line_bytes line;
static struct line_shared shared;

static int start(void **)
{
    memset(&shared, 0, sizeof shared);
    line_init(&line, &shared, false);
    return 0;
}

// Another line, that sends carriage returns, whose positions are near the end of `near`.
static void start_at(uint64_t near)
{
    start(nullptr);
    line.returns = true;
    line.out_head = shared.sent = line.in_head = line.in_tail = near;
    line.raw_taken = shared.received = near;
}

static void write_text(const char *text)
{
    line_out_add(&line, text, (uint32_t)strlen(text));
}

static uint32_t send_all(char *to)
{
    uint32_t n = 0;

    for (;;) {
        uint32_t bytes = 5;
        const uint8_t *from = line_out_peek(&line, &bytes);
        if (bytes == 0) {
            to[n] = 0;
            return n;
        }
        memcpy(to + n, from, bytes);
        shared.sent += bytes;
        n += bytes;
    }
}

static void test_output_order(void **)
{
    char out[64];

    start_at(UINT32_MAX - 5); // over the end of the ring, and over the end of 32 bits
    write_text("hello\nworld\n");
    assert_int_equal(line_out_used(&line), 14);
    send_all(out);
    assert_string_equal(out, "hello\r\nworld\r\n");
    line.returns = false;
    write_text("a\nb");
    send_all(out);
    assert_string_equal(out, "a\nb");
}

static void test_output_room(void **)
{
    static char text[LINE_OUT];

    memset(text, '\n', sizeof text);
    line.returns = true;
    assert_true(line_out_fits(&line, LINE_OUT / 2));
    assert_false(line_out_fits(&line, LINE_OUT / 2 + 1));
    line_out_add(&line, text, LINE_OUT / 2);
    assert_int_equal(line_out_used(&line), LINE_OUT);
    assert_false(line_out_fits(&line, 1));
    line.returns = false;
    shared.sent += 3;
    assert_true(line_out_fits(&line, 3));
    assert_false(line_out_fits(&line, 4));
}

static void test_write_is_known_again(void **)
{
    assert_false(line_write_done(&line, 7, 1));
    line_write_note(&line, 7, 1);
    assert_true(line_write_done(&line, 7, 1));
    assert_false(line_write_done(&line, 7, 2));
    assert_false(line_write_done(&line, 8, 1));
    line_write_note(&line, 8, 1);
    assert_false(line_write_done(&line, 7, 1));
}

// What was added by a transaction that is undone is never sent, and what was sent stays so.
static void test_undone_output(void **)
{
    char out[64];

    write_text("abc");
    struct line_bytes before = line;
    write_text("lost");
    shared.sent += 2;
    line = before;
    write_text("def");
    send_all(out);
    assert_string_equal(out, "cdef");
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

static void take_all(void)
{
    uint16_t raw;

    while (line_raw_next(&line, &raw)) {
        line_in_add(&line, (uint8_t)raw);
    }
}

// As the kernel does it. Returns how many bytes found room.
static uint32_t receive(const char *text, uint32_t bytes)
{
    uint32_t n = 0;

    for (;;) {
        uint32_t places = bytes - n;
        uint16_t *to = line_raw_place(&line, &places);
        if (places == 0) {
            return n;
        }
        for (uint32_t i = 0; i < places; i++) {
            to[i] = (uint8_t)text[n++] | 0x6100;
        }
        shared.received += places;
    }
}

static void type(const char *text)
{
    assert_int_equal(receive(text, (uint32_t)strlen(text)), strlen(text));
    take_all();
}

static void test_input(void **)
{
    char in[64];

    start_at(UINT32_MAX - 3);
    type("abcdef");
    line_read_begin(&line, 1, 1);
    assert_int_equal(read_some(in, 4), 4);
    assert_string_equal(in, "abcd");
    line_read_begin(&line, 1, 1); // the client's heir asks again
    assert_int_equal(read_some(in, 4), 4);
    assert_string_equal(in, "abcd");
    line_read_begin(&line, 1, 2);
    assert_int_equal(read_some(in, 60), 2);
    assert_string_equal(in, "ef");
    line_read_begin(&line, 2, 2); // another client's
    assert_int_equal(read_some(in, 60), 0);
    assert_int_equal(line_in_room(&line), LINE_IN);
}

// Received bytes are there until the taking of them is committed.
static void test_undone_input(void **)
{
    char in[64];

    assert_int_equal(receive("abc", 3), 3);
    struct line_bytes before = line;
    take_all();
    line_read_begin(&line, 1, 1);
    read_some(in, 60);
    line = before;
    assert_int_equal(receive("de", 2), 2);
    take_all();
    line_read_begin(&line, 1, 1);
    read_some(in, 60);
    assert_string_equal(in, "abcde");
}

static void test_input_full(void **)
{
    static char in[LINE_IN + 1], text[LINE_IN + LINE_RAW + 100];
    uint32_t n = 0, bytes;

    start_at(UINT32_MAX - 10);
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)('a' + i % 26);
    }
    do {
        bytes = receive(text + n, (uint32_t)sizeof text - n);
        n += bytes;
        take_all();
    } while (bytes > 0);
    assert_int_equal(n, LINE_IN + LINE_RAW);
    assert_int_equal(line_in_room(&line), 0);
    line_read_begin(&line, 1, 1);
    assert_int_equal(read_some(in, LINE_IN), LINE_IN);
    assert_memory_equal(in, text, LINE_IN);
    line_read_begin(&line, 1, 2);
    take_all();
    assert_int_equal(read_some(in, LINE_IN), LINE_RAW);
    assert_memory_equal(in, text + LINE_IN, LINE_RAW);
}

static void test_drop(void **)
{
    char in[64];

    type("typed ahead");
    line_read_begin(&line, 1, 1);
    read_some(in, 5);
    type("more");
    line_in_drop(&line);
    type("\3");
    line_read_begin(&line, 1, 1); // what had been given can still be given again
    assert_int_equal(read_some(in, 60), 6);
    assert_string_equal(in, "typed\3");
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

static void chip_send(struct uart *u, const uint8_t *bytes, uint32_t count, uint64_t *sent)
{
    assert_true(count <= UART_BURST);
    for (uint32_t i = 0; i < count; i++) {
        chip_write(u, 0, bytes[i]);
    }
    *sent += count;
}

static void chip_receive(struct uart *u, uint16_t *to, uint32_t count, uint64_t *received)
{
    assert_true(count <= UART_BURST);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t status = chip_read(u, 5);
        if ((status & UART_HAS_DATA) == 0) {
            break;
        }
        to[i] = (uint16_t)(chip_read(u, 0) | status << 8);
        (*received)++;
    }
}

static struct uart fresh_uart(void)
{
    struct uart u = {.read = chip_read, .write = chip_write, .send = chip_send,
                     .receive = chip_receive};

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
    write_text(text);
    uart_service(&u, &line);
    assert_true(chip.sends < 1000);
    for (int i = 0; i < 1000 && line_out_used(&line) > 0; i++) {
        uint32_t edges = chip.edges;
        while (chip.fifo > 0) { // time passes
            drain_fifo(1);
            settle();
        }
        assert_int_equal(chip.edges,
                         edges + 1); // each empty FIFO is an edge, or it would stand still
        uart_service(&u, &line);
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

    uart_service(&u, &line);
    memcpy(chip.input, "ab\3c", 4);
    chip.inputs = 4;
    settle();
    assert_int_equal(chip.edges, 1);
    uart_service(&u, &line);
    assert_false(chip.line_high);
    assert_true(u.input_seen);
    assert_false(u.interrupt_seen); // nobody watches: an ordinary byte
    line_read_begin(&line, 1, 1);
    assert_int_equal(read_some(in, 60), 4);
    memcpy(chip.input + 4, "xy\3z", 4);
    chip.inputs = 8;
    settle();
    u.drop_on_interrupt = true;
    uart_service(&u, &line);
    assert_true(u.interrupt_seen);
    line_read_begin(&line, 1, 2);
    read_some(in, 60);
    assert_string_equal(in, "\3z");
}

// Input that nobody reads stays in the chip, whose sender must wait; then it goes on.
static void test_chip_back_pressure(void **)
{
    struct uart u = fresh_uart();
    static char in[LINE_IN + 1];

    chip.inputs = LINE_IN + LINE_RAW + 500;
    uint32_t taken = 0;
    bool more;
    do {
        more = uart_service(&u, &line);
        assert_true(chip.taken - taken <= LINE_RAW); // a share; others get their turn
        taken = chip.taken;
    } while (more);
    assert_int_equal(chip.taken, LINE_IN + LINE_RAW);
    assert_int_equal(chip.enabled & 1, 0);
    line_read_begin(&line, 1, 1);
    read_some(in, LINE_IN);
    line_read_begin(&line, 1, 2);
    while (uart_service(&u, &line)) {
    }
    assert_int_equal(chip.taken, LINE_IN + LINE_RAW + 500);
    assert_int_equal(chip.enabled & 1, 1);
}

// The driver dies when the chip was served, and nothing of that is committed; its heir goes on.
static void test_chip_crash(void **)
{
    struct uart u = fresh_uart();
    char in[64];

    chip.takes = 0;
    write_text("twenty bytes of text");
    memcpy(chip.input, "abc", 3);
    chip.inputs = 3;
    struct line_bytes before = line;
    struct uart uart_before = u;
    uart_service(&u, &line);
    assert_int_equal(chip.sends, 16);
    line = before;
    u = uart_before;
    uart_doubt(&u);
    chip.takes = 16;
    uart_service(&u, &line);
    assert_int_equal(chip.sends, 20);
    assert_memory_equal(chip.sent, "twenty bytes of text", 20);
    assert_int_equal(chip.enabled, 1);
    line_read_begin(&line, 1, 1);
    read_some(in, 60);
    assert_string_equal(in, "abc");
}

static void test_no_chip(void **)
{
    struct uart u = fresh_uart();

    chip.broken = true;
    assert_false(uart_init(&u, true));
    write_text("lost");
    uart_service(&u, &line); // comes back
    assert_int_equal(line_out_used(&line), 4);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_output_order, start),
        cmocka_unit_test_setup(test_output_room, start),
        cmocka_unit_test_setup(test_write_is_known_again, start),
        cmocka_unit_test_setup(test_undone_output, start),
        cmocka_unit_test_setup(test_input, start),
        cmocka_unit_test_setup(test_undone_input, start),
        cmocka_unit_test_setup(test_input_full, start),
        cmocka_unit_test_setup(test_drop, start),
        cmocka_unit_test_setup(test_chip_sends, start),
        cmocka_unit_test_setup(test_chip_receives, start),
        cmocka_unit_test_setup(test_chip_back_pressure, start),
        cmocka_unit_test_setup(test_chip_crash, start),
        cmocka_unit_test_setup(test_no_chip, start),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
