// SPDX-License-Identifier: MIT
// Event loop, parked requests, notifications, waiting, timers: against the fake kernel.
#include "lib/rt/test/fake_kernel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

// One protocol for all tests; what its handler does is set by the test.
enum { PROTOCOL = 9, LABEL = PROTOCOL << 8 | 3 };

static enum status (*handler)(struct request *rq);
static int handled;

static enum status dispatch(const void *ops, struct request *rq)
{
    assert_ptr_equal(ops, &handled);
    handled++;
    return handler(rq);
}

static const struct rt_interface interface = {PROTOCOL, dispatch, &handled};
static bool registered;

// Serves until the fake kernel has nothing left.
static void serve(void)
{
    handled = 0;
    assert_int_equal(rt_serve(&interface, registered ? 0 : 1), 1);
    registered = true;
}

static enum status add(struct request *rq)
{
    assert_true(fake_status.request_since != 0);
    assert_int_equal(fake_status.request_label, LABEL);
    assert_int_equal(fake_status.request_badge, 77);
    rq->m.w[0] += rq->m.w[5];
    return OK;
}

static void test_answers(void **state)
{
    (void)state;
    handler = add;
    fake_push_call(LABEL, (uint64_t[6]){1, 0, 0, 0, 0, 41});
    fake_push_call(LABEL, (uint64_t[6]){5, 0, 0, 0, 0, 5});
    fake_push_call(99 << 8 | 1, nullptr);
    serve();
    assert_int_equal(handled, 2);
    assert_int_equal(fake_answer_count, 3);
    assert_int_equal(fake_answers[0].m.tag, OK);
    assert_int_equal(fake_answers[0].m.w[0], 42);
    assert_int_equal(fake_answers[1].m.w[0], 10);
    assert_int_equal(fake_answers[2].m.tag, ERR_PROTOCOL);
    assert_int_equal(fake_status.work, 3);
    assert_int_equal(fake_status.request_since, 0);
    assert_int_equal(fake_status.ready, 1);
    assert_int_equal(fake_status.message_next, 3);
    assert_int_equal(fake_status.messages[1].word0, 5);
    assert_int_equal(fake_status.messages[2].label, 99 << 8 | 1);
}

static enum status must_not_run(struct request *)
{
    fail();
    return OK;
}

static void still_known(void)
{
    assert_int_equal(answers_given[0].call, 9);
}

// A death right before the answer must find it still noted.
static void test_an_answer_is_forgotten_when_it_was_given_again(void **state)
{
    (void)state;
    handler = must_not_run;
    answers_given[0] = (struct answer_note){.call = 9, .tag = OK, .w = {42}};
    fake_push(&(struct ipc_message){
        .tag = LABEL | 1ull << TAG_DELIVERY_SHIFT | 9ull << TAG_CALL_SHIFT, .badge = 77});
    fake_on_answer = still_known;
    serve();
    fake_on_answer = nullptr;
    assert_int_equal(fake_answer_count, 1);
    assert_int_equal(fake_answers[0].m.w[0], 42);
    assert_int_equal(answers_given[0].call, 0);
}

static void test_interrupted_wait_goes_on(void **state)
{
    (void)state;
    handler = add;
    fake_push_cancel();
    fake_push_call(LABEL, nullptr);
    fake_push_cancel();
    fake_push_call(LABEL, nullptr);
    serve();
    assert_int_equal(handled, 2);
    assert_int_equal(fake_answer_count, 2);
}

// ---- Handles ----

static handle_t given, made;

static enum status take_handle(struct request *rq)
{
    given = rq->m.handle;
    rq->m.handle = HANDLE_NONE;
    return OK;
}

static enum status ignore_handle(struct request *rq)
{
    (void)rq;
    return ERR_PROTOCOL;
}

static enum status give_handle(struct request *rq)
{
    made = fake_handle(OBJ_MEMORY);
    rt_reply_handle(rq, made, RIGHT_READ);
    rt_close_after(rq, made);
    return OK;
}

static enum status give_closed_handle(struct request *rq)
{
    rt_reply_handle(rq, 4000, RIGHT_READ);
    return OK;
}

static void push_with_handle(handle_t handle)
{
    struct ipc_message m = {.tag = LABEL | TAG_HANDLE, .handle = handle};
    fake_push(&m);
}

static void test_handles(void **state)
{
    (void)state;
    handle_t a = fake_handle(OBJ_MEMORY), b = fake_handle(OBJ_MEMORY);
    handler = take_handle;
    push_with_handle(a);
    serve();
    assert_int_equal(given, a);
    assert_true(fake_handle_open(a));

    handler = ignore_handle;
    push_with_handle(b);
    serve();
    assert_false(fake_handle_open(b));

    // Without TAG_HANDLE the field is noise: it must not be closed.
    struct ipc_message m = {.tag = LABEL, .handle = a};
    fake_push(&m);
    serve();
    assert_true(fake_handle_open(a));

    handler = give_handle;
    fake_push_call(LABEL, nullptr);
    serve();
    const struct ipc_message *answer = &fake_answers[fake_answer_count - 1].m;
    assert_int_equal(answer->tag, OK | TAG_HANDLE);
    assert_int_equal(answer->handle, made);
    assert_int_equal(answer->handle_rights, RIGHT_READ);
    assert_false(fake_handle_open(made));

    handler = give_closed_handle;
    fake_push_call(LABEL, nullptr);
    serve();
    answer = &fake_answers[fake_answer_count - 1].m;
    assert_int_equal(answer->tag, ERR_HANDLE);
}

// ---- Grants ----

static enum status reverse(struct request *rq)
{
    static char data[600000];
    uint64_t n = rt_grant_bytes(rq);
    assert_int_equal(n, sizeof(data));
    assert_int_equal(rt_grant_read(rq, 1, data, n), ERR_RANGE);
    assert_int_equal(rt_grant_read(rq, UINT64_MAX, data, 2), ERR_RANGE);
    assert_int_equal(rt_grant_read(rq, 0, data, n), OK);
    for (uint64_t i = 0; i < n / 2; i++) {
        char c = data[i];
        data[i] = data[n - 1 - i];
        data[n - 1 - i] = c;
    }
    return rt_grant_write(rq, 0, data, n);
}

static void test_grants_in_parts(void **state)
{
    (void)state;
    handler = reverse;
    for (int i = 0; i < 600000; i++) {
        fake_grant[i] = (char)(i * 7);
    }
    struct ipc_message m = {.tag = LABEL, .grant = 600000 | GRANT_READ | GRANT_WRITE};
    fake_push(&m);
    serve();
    assert_int_equal(fake_answers[0].m.tag, OK);
    for (int i = 0; i < 600000; i++) {
        assert_int_equal(fake_grant[i], (char)((599999 - i) * 7));
    }
}

// ---- Parking ----

static struct parked *parked[3];
static int parked_count;

static enum status park_it(struct request *rq)
{
    parked[parked_count] = rt_park(rq);
    assert_non_null(parked[parked_count]);
    parked_count++;
    if (parked_count == 3) { // the third releases the first
        rt_answer(parked[0], OK, (uint64_t[6]){100 + parked[0]->rq.m.w[0]});
    }
    return STATUS_PENDING;
}

static void test_parking(void **state)
{
    (void)state;
    uint64_t work = fake_status.work;
    handler = park_it;
    parked_count = 0;
    for (uint64_t i = 0; i < 3; i++) {
        fake_push_call(LABEL, (uint64_t[6]){i});
    }
    serve();
    assert_int_equal(fake_answer_count, 1);
    assert_int_equal(fake_answers[0].m.w[0], 100);
    rt_answer(parked[2], ERR_IO, nullptr);
    rt_answer_handle(parked[1], OK, nullptr, H_SERVICE_PORT, RIGHT_CALL);
    assert_int_equal(fake_answer_count, 3);
    assert_int_equal(fake_answers[1].m.tag, ERR_IO);
    assert_int_equal(fake_answers[2].m.tag, OK | TAG_HANDLE);
    assert_int_equal(fake_answers[2].m.handle, H_SERVICE_PORT);
    assert_int_not_equal(fake_answers[0].reply, fake_answers[1].reply);
    assert_int_not_equal(fake_answers[1].reply, fake_answers[2].reply);
    assert_int_equal(fake_status.work - work, 3);
    assert_int_equal(fake_status.heap_objects, 0);
}

// As after death between the park and its commit.
static void test_heir_gives_back_undone_park(void **state)
{
    (void)state;
    struct reply_info info;
    handler = park_it;
    parked_count = 0;
    fake_push_call(LABEL, nullptr);
    serve();
    serve_reply = parked[0]->rq.reply;
    assert_int_equal(sys_reply_info(serve_reply, &info), OK);
    assert_true(info.bound && info.parked);
    serve_takes_over();
    assert_int_equal(sys_reply_info(serve_reply, &info), OK);
    assert_false(info.bound);
    handler = add;
    fake_push_call(LABEL, nullptr);
    serve();
    assert_int_equal(fake_answer_count, 1);
}

static void cause_forgotten_park(void *unused)
{
    (void)unused;
    fake_push_call(LABEL, nullptr);
    serve();
}

static enum status pending_without_park(struct request *rq)
{
    (void)rq;
    return STATUS_PENDING;
}

static void test_pending_without_park_is_caught(void **state)
{
    (void)state;
    handler = pending_without_park;
    assert_true(fake_dies(cause_forgotten_park, nullptr, "STATUS_PENDING"));
}

// ---- Notifications and waiting ----

static uint64_t seen[8];
static int seen_count;

static void see(uint64_t bits, void *arg)
{
    assert_ptr_equal(arg, seen);
    seen[seen_count++ % 8] = bits;
}

static void test_notifications(void **state)
{
    (void)state;
    rt_on_notify(0x30, see, seen);
    seen_count = 0;
    fake_push_notify(0x11 | NOTIFY_PING);
    fake_push_notify(0x02);
    fake_push_notify(NOTIFY_PING);
    fake_push_notify(0x30);
    uint64_t beats = fake_status.beats;
    serve();
    assert_int_equal(seen_count, 2);
    assert_int_equal(seen[0], 0x10);
    assert_int_equal(seen[1], 0x30);
    assert_int_equal(fake_status.beats - beats, 2);
}

static enum status wait_for_4(struct request *rq)
{
    assert_int_equal(rt_wait(4, "the disk, whose name is longer than fits"), 4);
    assert_int_equal(fake_status.waiting_since, 0);
    assert_string_equal(fake_status.waiting_on, "the disk, whose name is");
    rq->m.w[0] = 1;
    return OK;
}

static void test_waiting_in_a_handler(void **state)
{
    (void)state;
    handler = wait_for_4;
    seen_count = 0;
    uint64_t beats = fake_status.beats;
    fake_push_call(LABEL, nullptr);
    fake_push_call(LABEL, nullptr); // stays in the queue while the first waits
    fake_push_notify(NOTIFY_PING | 0x20);
    fake_push_cancel();
    fake_push_notify(6);
    fake_push_notify(4);
    serve();
    assert_int_equal(handled, 2);
    assert_int_equal(fake_answer_count, 2);
    assert_int_equal(fake_status.beats - beats, 1);
    assert_int_equal(seen_count, 1); // 0x20 came during the wait and was not lost
    assert_int_equal(seen[0], 0x20);
}

static enum status wait_in_vain(struct request *rq)
{
    uint64_t start = rt_now_ns();
    assert_int_equal(rt_wait_until(8, "nobody", start + 5000000), 0);
    assert_in_range(rt_now_ns() - start, 4990000, 5010000);
    (void)rq;
    return ERR_IO;
}

static int fired[4], fire_count;

static void fire(void *arg)
{
    fired[fire_count++ % 4] = (int)(intptr_t)arg;
}

static void test_waiting_until(void **state)
{
    (void)state;
    static struct rt_timer during, after;
    handler = wait_in_vain;
    fire_count = 0;
    rt_timer(&during, fake_now + 2000000, fire, (void *)1);
    rt_timer(&after, fake_now + 9000000, fire, (void *)2);
    fake_push_call(LABEL, nullptr);
    serve();
    assert_int_equal(fake_answers[0].m.tag, ERR_IO);
    assert_int_equal(fire_count, 2); // the one that came due meanwhile, and the later one
    assert_int_equal(fired[0], 1);
    assert_int_equal(fired[1], 2);
}

static enum status wait_and_get(struct request *rq)
{
    (void)rq;
    assert_int_equal(rt_wait_until(8, "somebody", rt_now_ns() + 900000000), 8);
    return OK;
}

static uint64_t fired_at;

static void fire_time(void *arg)
{
    (void)arg;
    fired_at = fake_now;
}

// The port has one timer: a wait that ends early must give it back to the event loop.
static void test_wait_gives_the_timer_back(void **state)
{
    (void)state;
    static struct rt_timer timer;
    uint64_t at = fake_now + 7000000;
    handler = wait_and_get;
    rt_timer(&timer, at, fire_time, nullptr);
    fake_push_call(LABEL, nullptr);
    fake_push_notify(8);
    serve();
    assert_int_equal(fake_answers[0].m.tag, OK);
    assert_in_range(fired_at, at - 1000, at + 1000);
}

// ---- Timers ----

static uint64_t due_at[50], ran_at[50];
static int ran;
static struct rt_timer many[50];

static void note_run(void *arg)
{
    int i = (int)(intptr_t)arg;
    assert_false(many[i].armed);
    assert_true(rt_now_ns() + 1000 >= due_at[i]);
    for (int k = 0; k < 50; k++) { // nothing earlier is left
        assert_true(k == i || !many[k].armed || due_at[k] >= due_at[i]);
    }
    ran_at[i] = rt_now_ns();
    ran++;
}

static void test_many_timers(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        due_at[i] = fake_now + 1000 + rt_random_below(1000000000);
        rt_timer(&many[i], due_at[i], note_run, (void *)(intptr_t)i);
    }
    for (int i = 0; i < 50; i += 5) {
        rt_timer_cancel(&many[i]);
        rt_timer_cancel(&many[i]); // harmless
    }
    for (int i = 1; i < 50; i += 5) { // move some
        due_at[i] = fake_now + 1000 + rt_random_below(1000000000);
        rt_timer(&many[i], due_at[i], note_run, (void *)(intptr_t)i);
    }
    ran = 0;
    serve();
    assert_int_equal(ran, 40);
    for (int i = 0; i < 50; i++) {
        assert_true(i % 5 == 0 ? ran_at[i] == 0 : ran_at[i] < due_at[i] + 2000);
    }
}

static void rearm(void *arg)
{
    struct rt_timer *self = arg;
    if (++fire_count < 5) {
        rt_timer(self, self->at_ns + 1000000, rearm, self);
    }
}

static void test_periodic_and_sleep(void **state)
{
    (void)state;
    static struct rt_timer self;
    fire_count = 0;
    uint64_t start = fake_now;
    rt_timer(&self, start + 1000000, rearm, &self);
    serve();
    assert_int_equal(fire_count, 5);
    assert_in_range(fake_now - start, 4999000, 5001000);
    rt_sleep_until(fake_now + 777000);
    assert_in_range(fake_now - start, 5775000, 5779000);
}

// ---- Faults ----

static uint32_t on_fault(struct request *rq, void *arg)
{
    assert_ptr_equal(arg, seen);
    return rq->m.w[0] == 14 ? FAULT_RESUME : FAULT_STOP;
}

static void test_fault_messages(void **state)
{
    (void)state;
    struct ipc_message m = {.tag = FAULT_EXCEPTION | TAG_FAULT, .w = {14}};
    fake_push(&m);
    serve();
    assert_int_equal(fake_answers[0].m.tag, FAULT_STOP); // nobody asked for them
    rt_on_fault(on_fault, seen);
    fake_push(&m);
    m.w[0] = 6;
    fake_push(&m);
    serve();
    assert_int_equal(fake_answers[1].m.tag, FAULT_RESUME);
    assert_int_equal(fake_answers[2].m.tag, FAULT_STOP);
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
        cmocka_unit_test_setup(test_answers, start),
        cmocka_unit_test_setup(test_an_answer_is_forgotten_when_it_was_given_again, start),
        cmocka_unit_test_setup(test_interrupted_wait_goes_on, start),
        cmocka_unit_test_setup(test_handles, start),
        cmocka_unit_test_setup(test_grants_in_parts, start),
        cmocka_unit_test_setup(test_parking, start),
        cmocka_unit_test_setup(test_heir_gives_back_undone_park, start),
        cmocka_unit_test_setup(test_pending_without_park_is_caught, start),
        cmocka_unit_test_setup(test_notifications, start),
        cmocka_unit_test_setup(test_waiting_in_a_handler, start),
        cmocka_unit_test_setup(test_waiting_until, start),
        cmocka_unit_test_setup(test_wait_gives_the_timer_back, start),
        cmocka_unit_test_setup(test_many_timers, start),
        cmocka_unit_test_setup(test_periodic_and_sleep, start),
        cmocka_unit_test_setup(test_fault_messages, start),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
