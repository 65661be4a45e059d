// SPDX-License-Identifier: MIT
// Generated code against a fake kernel: stub -> message -> dispatcher -> handler and back, and every
// kind of malformed message, none of which may reach a handler.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
// cmocka wants the four above first
#include <cmocka.h>

#include "interfaces/lamp.client.h"
#include "interfaces/lamp.server.h"
#include "interfaces/trace.h"

static struct {
    int calls;           // handlers run
    enum status result;  // what they return
    int err;             // what they put into err
    handle_t taken;      // the handle that a handler was given
    uint64_t seen[6];    // its arguments
    uint32_t delivery;   // of the next message
    uint32_t object, rights; // what the kernel says of any handle
    struct request last; // as the dispatcher left it
    uint64_t answer[6];  // of rt_answer
    enum status answer_status;
    handle_t answer_handle;
    uint32_t answer_rights;
} t;

static int reset(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.object = OBJ_MEMORY;
    t.rights = RIGHT_READ | RIGHT_WRITE | RIGHT_COPY;
    return 0;
}

// ---- Handlers ----

static enum status do_nothing(struct request *rq)
{
    (void)rq;
    t.calls++;
    return t.result;
}

static enum status do_words(struct request *rq, uint8_t a, uint16_t b, int32_t c, int64_t d, bool e,
                            enum lamp_colour f, uint8_t *u, uint16_t *v, int32_t *x, int64_t *y, bool *z,
                            enum lamp_colour *colour)
{
    (void)rq;
    t.calls++;
    *u = a, *v = b, *x = c, *y = d, *z = e, *colour = f;
    return t.result;
}

static enum status do_wide(struct request *rq, uint64_t a, uint64_t b)
{
    (void)rq;
    t.calls++;
    t.seen[0] = a, t.seen[1] = b;
    return t.result;
}

static enum status do_open(struct request *rq, size_t name_len, uint32_t flags, uint32_t *lamp,
                           uint64_t *size, int *err)
{
    t.calls++;
    assert_int_equal(rt_grant_bytes(rq), name_len);
    *lamp = flags + 1, *size = name_len, *err = t.err;
    return t.result;
}

static enum status do_read(struct request *rq, uint32_t lamp, size_t data_len, uint32_t *count, int *err)
{
    (void)rq, (void)lamp;
    t.calls++;
    *count = (uint32_t)data_len, *err = t.err;
    return t.result;
}

static enum status do_swap(struct request *rq, size_t both_len)
{
    (void)rq;
    t.calls++;
    assert_int_equal(both_len, 16);
    return t.result;
}

static enum status do_give(struct request *rq, uint32_t lamp, handle_t memory)
{
    (void)lamp;
    t.calls++;
    t.taken = memory;
    assert_int_equal(rq->m.handle, HANDLE_NONE); // while it runs the handle is the handler's
    return t.result;
}

static enum status do_take(struct request *rq, uint32_t lamp, handle_t *port, uint32_t *number)
{
    (void)rq;
    t.calls++;
    *port = 77, *number = lamp * 2;
    return t.result;
}

static const struct lamp_ops ops = {do_nothing, do_words, do_wide, do_open,
                                    do_read,    do_swap,  do_give, do_take};

// ---- The fake kernel and event loop ----

enum status fake_trap(uint64_t number, const uint64_t args[6], uint64_t *second)
{
    assert_int_equal(number, SYS_handle_info);
    *(struct handle_info *)args[1] = (struct handle_info){.type = t.object, .rights = t.rights};
    *second = 0;
    return OK;
}

// Runs a message through the dispatcher as the event loop would, and turns it into the answer.
static enum status deliver(struct ipc_message *m, const struct lamp_ops *table)
{
    t.last = (struct request){.m = *m};
    enum status status = lamp_dispatch(table, &t.last);
    m->tag = status;
    memcpy(m->w, t.last.m.w, sizeof(m->w));
    m->handle = t.last.answer_handle;
    if (m->handle != HANDLE_NONE) {
        m->tag |= TAG_HANDLE;
    }
    return status;
}

enum status fake_ipc(uint64_t number, uint64_t where, struct ipc_message *m, uint64_t r14, uint64_t r15)
{
    (void)r14;
    assert_int_equal(number, SYS_call);
    if (where == 0) {
        return ERR_HANDLE; // as if the port did not exist
    }
    m->grant = r15;
    m->handle = m->tag & TAG_HANDLE ? m->handle : HANDLE_NONE;
    m->tag |= (uint64_t)t.delivery << TAG_DELIVERY_SHIFT | 0xfedcba98ull << TAG_CALL_SHIFT;
    deliver(m, &ops);
    return OK;
}

void rt_answer(struct parked *parked, enum status status, const uint64_t *words)
{
    (void)parked;
    t.answer_status = status;
    memcpy(t.answer, words, sizeof(t.answer));
}

void rt_answer_handle(struct parked *parked, enum status status, const uint64_t *words, handle_t handle,
                      uint32_t rights)
{
    rt_answer(parked, status, words);
    t.answer_handle = handle;
    t.answer_rights = rights;
}

// ---- Good messages ----

static void all_types_travel_both_ways(void **state)
{
    (void)state;
    uint8_t u;
    uint16_t v;
    int32_t x;
    int64_t y;
    bool z;
    enum lamp_colour colour;
    assert_int_equal(lamp_words(1, 255, 10, INT32_MIN, -3, true, LAMP_BLUE, &u, &v, &x, &y, &z, &colour), OK);
    assert_int_equal(u, 255);
    assert_int_equal(v, 10);
    assert_int_equal(x, INT32_MIN);
    assert_int_equal(y, -3);
    assert_true(z);
    assert_int_equal(colour, LAMP_BLUE);
    assert_int_equal(lamp_wide(1, UINT64_MAX, LAMP_BIG), OK);
    assert_int_equal(t.seen[0], UINT64_MAX);
    assert_int_equal(t.seen[1], 1ull << 40);
    assert_int_equal(lamp_nothing(1), OK);
    assert_int_equal(t.calls, 3);
}

static void grants_give_their_length(void **state)
{
    (void)state;
    uint32_t lamp, count;
    uint64_t size;
    int err;
    char bytes[100] = "";
    assert_int_equal(lamp_open(1, bytes, LAMP_NAME_MAX, 2, &lamp, &size, &err), OK);
    assert_int_equal(lamp, 3);
    assert_int_equal(size, LAMP_NAME_MAX);
    assert_int_equal(lamp_read(1, 5, bytes, 100, &count, &err), OK);
    assert_int_equal(count, 100);
    assert_int_equal(lamp_read(1, 5, nullptr, 0, &count, &err), OK); // least length 0
    assert_int_equal(lamp_swap(1, bytes, 16), OK);
    assert_int_equal(t.calls, 4);
}

static void stub_refuses_a_length_that_spills(void **state)
{
    (void)state;
    uint32_t lamp;
    uint64_t size;
    int err;
    assert_int_equal(lamp_open(1, "x", 65, 0, &lamp, &size, &err), ERR_RANGE);
    assert_int_equal(lamp_open(1, "x", SIZE_MAX, 0, &lamp, &size, &err), ERR_RANGE);
    assert_int_equal(t.calls, 0);
}

static void errno_is_told_and_never_zero(void **state)
{
    (void)state;
    uint32_t lamp = 9;
    uint64_t size = 9;
    int err = 9;
    t.result = ERR_ERRNO;
    t.err = 28;
    assert_int_equal(lamp_open(1, "x", 1, 0, &lamp, &size, &err), ERR_ERRNO);
    assert_int_equal(err, 28);
    assert_int_equal(lamp, 0);
    assert_int_equal(size, 0);
    t.err = 0;
    assert_int_equal(lamp_open(1, "x", 1, 0, &lamp, &size, &err), ERR_ERRNO);
    assert_int_equal(err, 5);
    t.result = OK;
    t.err = 3; // means nothing without ERR_ERRNO
    assert_int_equal(lamp_open(1, "x", 1, 0, &lamp, &size, &err), OK);
    assert_int_equal(err, 0);
}

static void failed_results_are_zero(void **state)
{
    (void)state;
    uint8_t u = 1;
    uint16_t v = 1;
    int32_t x = 1;
    int64_t y = 1;
    bool z = true;
    enum lamp_colour colour = LAMP_RED;
    t.result = ERR_BUSY;
    assert_int_equal(lamp_words(1, 1, 5, 1, 1, true, LAMP_RED, &u, &v, &x, &y, &z, &colour), ERR_BUSY);
    assert_true(u == 0 && v == 0 && x == 0 && y == 0 && !z && colour == 0);
    for (int i = 0; i < IPC_WORDS; i++) {
        assert_int_equal(t.last.m.w[i], 0); // nothing half-made leaves the server
    }
    u = 1;
    assert_int_equal(lamp_words(0, 1, 5, 1, 1, true, LAMP_RED, &u, &v, &x, &y, &z, &colour), ERR_HANDLE);
    assert_int_equal(u, 0);
}

static void handles_change_owner(void **state)
{
    (void)state;
    assert_int_equal(lamp_give(1, 1, 42), OK);
    assert_int_equal(t.taken, 42);
    assert_int_equal(t.last.m.handle, HANDLE_NONE); // the event loop must not close it
    t.result = STATUS_PENDING;
    (void)lamp_give(1, 1, 42);
    assert_int_equal(t.last.m.handle, HANDLE_NONE);
    t.result = ERR_ARG;
    assert_int_equal(lamp_give(1, 1, 42), ERR_ARG);
    assert_int_equal(t.last.m.handle, 42); // given back, to be closed
    t.result = OK;
    handle_t port;
    uint32_t number;
    assert_int_equal(lamp_take(1, 21, &port, &number), OK);
    assert_int_equal(port, 77);
    assert_int_equal(number, 42);
    assert_int_equal(t.last.answer_rights, RIGHTS_ALL);
    t.result = ERR_NOT_FOUND;
    assert_int_equal(lamp_take(1, 21, &port, &number), ERR_NOT_FOUND);
    assert_int_equal(port, HANDLE_NONE);
}

static void parked_requests_are_answered(void **state)
{
    (void)state;
    struct parked parked = {0};
    lamp_open_reply(&parked, OK, 4, 5, 0);
    assert_int_equal(t.answer_status, OK);
    assert_true(t.answer[0] == 4 && t.answer[1] == 5);
    lamp_open_reply(&parked, ERR_ERRNO, 4, 5, 28);
    assert_true(t.answer[0] == 28 && t.answer[1] == 0);
    lamp_open_reply(&parked, ERR_IO, 4, 5, 28);
    assert_true(t.answer[0] == 0 && t.answer[1] == 0);
    lamp_words_reply(&parked, OK, 1, 2, -3, -4, true, LAMP_GREEN);
    assert_true(t.answer[2] == (uint64_t)-3 && t.answer[3] == (uint64_t)-4 && t.answer[4] == 1);
    assert_int_equal(t.answer_handle, HANDLE_NONE);
    lamp_take_reply(&parked, ERR_NOT_FOUND, 9, 1);
    assert_int_equal(t.answer_handle, HANDLE_NONE);
    lamp_take_reply(&parked, OK, 9, 1);
    assert_int_equal(t.answer_handle, 9);
}

// ---- Bad messages ----

// A message that fits, for each operation.
static const struct ipc_message good[] = {
    {.tag = LAMP_LABEL_NOTHING},
    {.tag = LAMP_LABEL_WORDS, .w = {255, 5, (uint64_t)INT32_MIN, (uint64_t)-3, 1, LAMP_BLUE}},
    {.tag = LAMP_LABEL_WIDE, .w = {UINT64_MAX, 1}},
    {.tag = LAMP_LABEL_OPEN, .w = {3}, .grant = 64 | GRANT_READ},
    {.tag = LAMP_LABEL_READ, .w = {UINT32_MAX}, .grant = 65536 | GRANT_WRITE},
    {.tag = LAMP_LABEL_SWAP, .grant = 16 | GRANT_READ | GRANT_WRITE},
    {.tag = LAMP_LABEL_GIVE | TAG_HANDLE, .w = {0}, .handle = 42},
    {.tag = LAMP_LABEL_TAKE, .w = {1}},
};
enum { OPERATIONS = sizeof(good) / sizeof(good[0]) };

static void refused(const struct ipc_message *bad, enum status expected)
{
    struct ipc_message m = *bad;
    int calls = t.calls;
    assert_int_equal(deliver(&m, &ops), expected);
    assert_int_equal(t.calls, calls);
    for (int i = 0; i < IPC_WORDS; i++) {
        assert_int_equal(m.w[i], 0); // the caller's words do not come back as an answer
    }
    assert_int_equal(t.last.m.handle, bad->handle); // left to the event loop, which closes it
}

static void refused_with_word(int operation, int word, uint64_t value)
{
    struct ipc_message m = good[operation];
    m.w[word] = value;
    refused(&m, ERR_PROTOCOL);
}

static void good_messages_arrive(void **state)
{
    (void)state;
    for (int i = 0; i < OPERATIONS; i++) {
        struct ipc_message m = good[i];
        assert_int_equal(deliver(&m, &ops), OK);
        assert_int_equal(t.calls, i + 1);
    }
}

static void words_out_of_range(void **state)
{
    (void)state;
    static const uint64_t bad[][6] = {
        // operation index, word, value
        {1, 0, 256}, {1, 0, UINT64_MAX}, {1, 1, 4}, {1, 1, 11}, {1, 1, 5 | 1ull << 32},
        {1, 2, 0x80000000}, // a negative number that is not sign-extended
        {1, 2, (uint64_t)INT32_MIN - 1}, {1, 3, 4}, {1, 3, (uint64_t)-4}, {1, 4, 2}, {1, 4, 1ull << 63},
        {1, 5, 0}, {1, 5, 3}, {1, 5, LAMP_BLUE | 1ull << 32}, {2, 1, 0}, {2, 1, LAMP_BIG + 1},
        {3, 0, 4}, {4, 0, 1ull << 32}, {6, 0, 1ull << 32}, {7, 0, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused_with_word((int)bad[i][0], (int)bad[i][1], bad[i][2]);
    }
}

static void unused_words_must_be_zero(void **state)
{
    (void)state;
    static const int used[OPERATIONS] = {0, 6, 2, 1, 1, 0, 1, 1};
    for (int i = 0; i < OPERATIONS; i++) {
        for (int word = used[i]; word < IPC_WORDS; word++) {
            refused_with_word(i, word, 1);
            refused_with_word(i, word, 1ull << 63);
        }
    }
}

static void grants_must_fit(void **state)
{
    (void)state;
    static const struct {
        int operation;
        uint64_t grant;
    } bad[] = {
        {0, 1 | GRANT_READ}, {1, 1 | GRANT_WRITE}, {7, 16 | GRANT_READ}, // none is expected
        {3, 0}, {3, GRANT_READ}, {3, 65 | GRANT_READ}, {3, 8 | GRANT_WRITE},
        {3, 8 | GRANT_READ | GRANT_WRITE}, {3, 8}, {3, 8 | GRANT_READ | 1ull << 40},
        {4, 8 | GRANT_READ}, {4, 65537 | GRANT_WRITE}, {4, 8}, {4, 1ull << 40},
        {5, 15 | GRANT_READ | GRANT_WRITE}, {5, 17 | GRANT_READ | GRANT_WRITE}, {5, 16 | GRANT_READ},
        {5, 16 | GRANT_WRITE}, {5, 0},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ipc_message m = good[bad[i].operation];
        m.grant = bad[i].grant;
        refused(&m, ERR_PROTOCOL);
    }
}

static void handles_must_fit(void **state)
{
    (void)state;
    for (int i = 0; i < OPERATIONS; i++) {
        struct ipc_message m = good[i];
        bool wanted = m.handle != HANDLE_NONE;
        m.tag ^= TAG_HANDLE;
        m.handle = wanted ? HANDLE_NONE : 42;
        refused(&m, ERR_PROTOCOL);
    }
    t.object = OBJ_PORT;
    refused(&good[6], ERR_TYPE);
    t.object = OBJ_MEMORY;
    t.rights = RIGHT_READ;
    refused(&good[6], ERR_RIGHTS);
}

static void unknown_operations(void **state)
{
    (void)state;
    static const uint32_t labels[] = {0, 1, 200, 200 << 8, 200 << 8 | 9, 200 << 8 | 255, 199 << 8 | 1, 0xffff};
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        refused(&(struct ipc_message){.tag = labels[i]}, ERR_PROTOCOL);
    }
}

static void missing_handlers(void **state)
{
    (void)state;
    static const struct lamp_ops none;
    for (int i = 0; i < OPERATIONS; i++) {
        struct ipc_message m = good[i];
        assert_int_equal(deliver(&m, &none), ERR_UNSUPPORTED);
    }
}

static const struct startup afresh;
const struct startup *rt_startup = &afresh; // the runtime's own

// Operations that may run again: all but one are idempotent or transactional.
static void delivered_before_an_heir(void **state)
{
    (void)state;
    static struct startup heir = {.flags = STARTUP_HEIR};
    const struct startup *before = rt_startup;
    rt_startup = &heir;
    int again = 0;
    for (int i = 0; i < OPERATIONS; i++) {
        struct ipc_message m = good[i];
        m.tag |= 1ull << TAG_DELIVERY_SHIFT;
        again += deliver(&m, &ops) == OK;
    }
    rt_startup = before;
    assert_int_equal(again, OPERATIONS - 1);
}

static void delivered_before(void **state)
{
    (void)state;
    static const bool idempotent[OPERATIONS] = {true, true, false, false, true, false, true, true};
    for (int i = 0; i < OPERATIONS; i++) {
        for (uint64_t delivery = 1; delivery <= 255; delivery += 127) {
            struct ipc_message m = good[i];
            m.tag |= delivery << TAG_DELIVERY_SHIFT;
            if (idempotent[i]) {
                assert_int_equal(deliver(&m, &ops), OK);
            } else {
                refused(&m, ERR_RESTARTED);
            }
        }
    }
}

// Random messages: whatever arrives at a handler satisfies the handlers' own assertions.
static void random_messages(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252ull; // xorshift64, a fixed start
    for (int i = 0; i < 200000; i++) {
        struct ipc_message m = good[i % OPERATIONS];
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t value = x;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t *fields[] = {&m.tag, &m.w[0], &m.w[1], &m.w[2], &m.w[3], &m.w[4], &m.w[5], &m.grant};
        *fields[x % 8] = value >> (x >> 8) % 64;
        m.handle = m.tag & TAG_HANDLE ? 42 : HANDLE_NONE;
        enum status status = deliver(&m, &ops);
        assert_true(status == OK || status == ERR_PROTOCOL || status == ERR_RESTARTED);
    }
}

// ---- Text ----

static void check_text(const char *expected, const struct ipc_message *m)
{
    char line[200];
    size_t n = trace_message(line, sizeof(line), m->tag, m->w, m->grant);
    assert_string_equal(line, expected);
    assert_int_equal(n, strlen(expected));
}

static void messages_as_text(void **state)
{
    (void)state;
    check_text("lamp.nothing()", &good[0]);
    check_text("lamp.words(a=255, b=5, c=-2147483648, d=-3, e=true, f=BLUE)", &good[1]);
    check_text("lamp.open(name=in 64 bytes, flags=3)", &good[3]);
    check_text("lamp.give(lamp=0, memory=memory)", &good[6]);
    check_text("label 0x1234() delivered before: 2",
               &(struct ipc_message){.tag = 0x1234 | 2 << TAG_DELIVERY_SHIFT});
    char line[200];
    trace_reply(line, sizeof(line), LAMP_LABEL_TAKE, OK, (uint64_t[6]){8});
    assert_string_equal(line, "lamp.take -> OK port=port, number=8");
    trace_reply(line, sizeof(line), LAMP_LABEL_OPEN, ERR_ERRNO, (uint64_t[6]){2});
    assert_string_equal(line, "lamp.open -> ERR_ERRNO errno 2");
    trace_status(line, sizeof(line), 99);
    assert_string_equal(line, "status 99");
    assert_int_equal(trace_label(line, 5, LAMP_LABEL_OPEN), 4); // cut, still terminated
    assert_string_equal(line, "lamp");
    assert_int_equal(trace_label(nullptr, 0, LAMP_LABEL_OPEN), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_types_travel_both_ways, reset),
        cmocka_unit_test_setup(grants_give_their_length, reset),
        cmocka_unit_test_setup(stub_refuses_a_length_that_spills, reset),
        cmocka_unit_test_setup(errno_is_told_and_never_zero, reset),
        cmocka_unit_test_setup(failed_results_are_zero, reset),
        cmocka_unit_test_setup(handles_change_owner, reset),
        cmocka_unit_test_setup(parked_requests_are_answered, reset),
        cmocka_unit_test_setup(good_messages_arrive, reset),
        cmocka_unit_test_setup(words_out_of_range, reset),
        cmocka_unit_test_setup(unused_words_must_be_zero, reset),
        cmocka_unit_test_setup(grants_must_fit, reset),
        cmocka_unit_test_setup(handles_must_fit, reset),
        cmocka_unit_test_setup(unknown_operations, reset),
        cmocka_unit_test_setup(missing_handlers, reset),
        cmocka_unit_test_setup(delivered_before, reset),
        cmocka_unit_test_setup(delivered_before_an_heir, reset),
        cmocka_unit_test_setup(random_messages, reset),
        cmocka_unit_test_setup(messages_as_text, reset),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
