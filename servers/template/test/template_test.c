// SPDX-License-Identifier: MIT
// The template server as a client sees it: messages in, answers out.
#include "interfaces/template.types.h"
#include "lib/rt/test/fake_kernel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

// Sends one message to the server and runs it until it has nothing more to do.
static const struct fake_answer *ask(const struct ipc_message *m)
{
    static bool registered;
    int before = fake_answer_count;
    fake_push(m);
    // A second service_main would register its interface twice, which a living service cannot do.
    int (*run)(void) = service_main;
    assert_int_equal(registered ? rt_serve(nullptr, 0) : run(), 1);
    registered = true;
    return fake_answer_count > before ? &fake_answers[before] : nullptr;
}

static enum status add(uint64_t amount, uint64_t *total)
{
    const struct ipc_message m = {.tag = TEMPLATE_LABEL_ADD, .w = {amount}};
    const struct fake_answer *a = ask(&m);
    *total = a->m.w[0];
    return (enum status)a->m.tag;
}

static void test_adds(void **state)
{
    (void)state;
    uint64_t total;
    assert_int_equal(add(5, &total), OK);
    assert_int_equal(total, 5);
    assert_int_equal(add(37, &total), OK);
    assert_int_equal(total, 42);
    // The dispatcher's doing, from the interface file.
    assert_int_equal(add(0, &total), ERR_PROTOCOL);
    assert_int_equal(add(1000001, &total), ERR_PROTOCOL);
}

static void test_is_not_added_twice(void **state)
{
    (void)state;
    struct ipc_message again = {.tag = TEMPLATE_LABEL_ADD | 1 << TAG_DELIVERY_SHIFT, .w = {5}};
    struct ipc_message look = {.tag = TEMPLATE_LABEL_TOTAL};
    assert_int_equal(ask(&again)->m.tag, ERR_RESTARTED);
    assert_int_equal(ask(&look)->m.w[0], 42);
}

static void test_waits(void **state)
{
    (void)state;
    uint64_t total;
    int before = fake_answer_count;
    assert_null(ask(&(struct ipc_message){.tag = TEMPLATE_LABEL_AWAIT, .w = {50}}));
    assert_null(ask(&(struct ipc_message){.tag = TEMPLATE_LABEL_AWAIT, .w = {44}}));
    assert_int_equal(add(3, &total), OK);
    assert_int_equal(fake_answer_count, before + 2); // one waiter, then the adder
    assert_int_equal(fake_answers[before].m.tag, OK);
    assert_int_equal(fake_answers[before].m.w[0], 45);
    assert_int_equal(add(100, &total), OK);
    assert_int_equal(total, 145);
    assert_int_equal(fake_answer_count, before + 4);
    struct ipc_message reached = {.tag = TEMPLATE_LABEL_AWAIT, .w = {9}};
    assert_int_equal(ask(&reached)->m.w[0], 145);
}

static void test_label(void **state)
{
    (void)state;
    struct ipc_message get = {.tag = TEMPLATE_LABEL_GET_LABEL, .grant = 3 | GRANT_WRITE};
    assert_int_equal(ask(&get)->m.tag, ERR_NOT_FOUND);
    memcpy(fake_grant, "apples", 6);
    struct ipc_message set = {.tag = TEMPLATE_LABEL_SET_LABEL, .grant = 6 | GRANT_READ};
    assert_int_equal(ask(&set)->m.tag, OK);
    memset(fake_grant, 0, 8);
    const struct fake_answer *a = ask(&get);
    assert_int_equal(a->m.tag, OK);
    assert_int_equal(a->m.w[0], 6);
    assert_memory_equal(fake_grant, "app\0", 4);
    fake_grant[2] = '\n';
    assert_int_equal(ask(&set)->m.tag, ERR_ARG);
    set.grant = (TEMPLATE_TEXT_MAX + 1) | GRANT_READ;
    assert_int_equal(ask(&set)->m.tag, ERR_PROTOCOL);
}

static int start(void **state)
{
    (void)state;
    fake_start("");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adds),
        cmocka_unit_test(test_is_not_added_twice),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_label),
    };
    return cmocka_run_group_tests(tests, start, nullptr);
}
