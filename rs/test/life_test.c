// SPDX-License-Identifier: MIT
// Lives and deaths: order of starting, every kind of death, failed births at every step, giving up, commands and rights,
// and nothing that grows.
#include "rs/test/life_bed.h"

// 1 comes late, and 2, which needs it; 3 needs nobody.
static int begin_late(void **)
{
    now = rt_now_ns();
    fake_beats = true;
    fake_fail_at = -1;
    fake_begin(3, true);
    fake_entries[0].flags |= MANIFEST_LATE;
    fake_entries[1].flags |= MANIFEST_LATE;
    fake_entries[1].needs = 1;
    fake_prepare();
    return 0;
}

static void test_start_order(void **)
{
    assert_int_equal(one(1)->state, RS_BORN);
    assert_int_equal(one(2)->state, RS_WAITING);
    fake_ready(1, 0);
    assert_int_equal(one(1)->state, RS_READY);
    assert_int_equal(one(2)->state, RS_BORN);
    assert_int_equal(one(3)->state, RS_WAITING);
    fake_ready(2, 0);
    assert_int_equal(one(3)->state, RS_BORN);
    assert_int_equal(one(1)->incarnation, 1);
}

static void test_late_ones_come_last(void **)
{
    pass(200);
    assert_int_equal(one(1)->state, RS_WAITING);
    assert_int_equal(one(3)->state, RS_BORN);
    fake_ready(3, 1);
    assert_int_equal(one(1)->state, RS_WAITING); // who is ready goes first
    pass(100);
    assert_int_equal(one(1)->state, RS_BORN);
    assert_int_equal(one(2)->state, RS_WAITING);
    assert_null(one(3)->spare);
    fake_ready(1, 1);
    pass(100);
    assert_int_equal(one(2)->state, RS_BORN);
    fake_ready(2, 1);
    fake_fault(1, 1, FAULT_EXCEPTION, 14); // once begun, it waits for nobody
    assert_int_equal(one(1)->state, RS_BORN);
}

// What never comes must not keep the late ones away.
static void test_late_ones_wait_not_for_ever(void **)
{
    one(3)->rules.birth_ns = UINT64_MAX;
    pass(5000);
    assert_int_equal(one(1)->state, RS_WAITING);
    pass(6000);
    assert_int_equal(one(3)->state, RS_BORN);
    assert_int_not_equal(one(1)->state, RS_WAITING);
}

// An emulator translates it again for each address that it is found at.
static void test_place_of_the_bootstrap(void **)
{
    all_ready();
    uint64_t at = one(1)->living->startup->bootstrap, module = one(1)->living->startup->module;
    assert_true(at != 0);
    assert_int_equal(one(2)->living->startup->bootstrap, at);
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    assert_int_equal(one(1)->living->startup->bootstrap, at);
    assert_int_not_equal(one(1)->living->startup->module, module); // of all others the kernel draws the place
}

static void test_fault(void **)
{
    all_ready();
    fake_fault(2, 1, FAULT_EXCEPTION, 14);
    assert_int_equal(one(2)->state, RS_BORN); // reborn at once
    assert_int_equal(one(2)->incarnation, 2);
    fake_fault(2, 1, FAULT_EXCEPTION, 14);    // an old message of the dead one
    assert_int_equal(one(2)->incarnation, 2);
    fake_fault(99, 1, FAULT_EXCEPTION, 14);
    fake_ready(2, 1);
    pass(100);
    const struct rs_death *d = record_of(2, 0);
    assert_non_null(d);
    assert_int_equal(d->cause, RS_EXCEPTION);
    assert_int_equal(d->decision, POLICY_REBIRTH);
    assert_int_equal(d->frame_count, 1);
    assert_int_equal(d->frames[0].address, 0x40001000);
    assert_true(d->newborn_ns != 0 && d->ready_ns != 0 && d->first_work_ns != 0);
    assert_true(one(2)->recovery_ns > 0);
}

static void test_causes(void **)
{
    all_ready();
    one(1)->status->assert_line = 7;
    one(1)->status->assert_incarnation = 1;
    strcpy(one(1)->status->assert_text, "x > 0\033[2J\n\377");
    fake_fault(1, 1, FAULT_EXCEPTION, 6);
    assert_int_equal(record_of(1, 0)->cause, RS_ASSERT);
    assert_string_equal(record_of(1, 0)->assertion, "x > 0?[2J??"); // nothing that terminals obey
    fake_ready(1, 1);
    fake_fault(1, 2, FAULT_EXCEPTION, 6); // the text is from an earlier life
    assert_int_equal(record_of(1, 0)->cause, RS_EXCEPTION);
    fake_ready(1, 1);
    fake_fault(1, 3, FAULT_EXIT, 0);
    assert_int_equal(record_of(1, 0)->cause, RS_EXIT);
    fake_ready(1, 1);
    fake_fault(1, 4, FAULT_QUOTA, 14);
    assert_int_equal(record_of(1, 0)->cause, RS_QUOTA);
}

static void test_hangs(void **)
{
    all_ready();
    pass(60000);
    assert_int_equal(one(1)->incarnation, 1); // a minute of health
    fake_beats = false;
    pass(200);
    assert_int_equal(one(1)->incarnation, 2);
    assert_int_equal(record_of(1, 0)->cause, RS_HANG);
    fake_beats = true;
    all_ready();
    one(1)->status->request_since = now;
    pass(350);
    assert_int_equal(one(1)->incarnation, 2);
    pass(150);
    assert_int_equal(one(1)->incarnation, 3);
    pass(3000); // never gets ready
    assert_int_equal(record_of(1, 0)->cause, RS_BIRTH_TIMEOUT);
}

static void test_crash_loop(void **)
{
    all_ready();
    for (uint32_t life = 1; life <= 4; life++) {
        fake_ready(1, 0);
        fake_fault(1, one(1)->incarnation, FAULT_EXIT, 0);
        // The first life had done some work.
        assert_int_equal(one(1)->state, life == 1 ? RS_BORN : RS_DELAYED);
        pass(1000);
    }
    assert_int_equal(one(1)->history.fruitless, 3);
    fake_fault(1, one(1)->incarnation, FAULT_EXIT, 0);
    pass(1000);
    fake_fault(1, one(1)->incarnation, FAULT_EXIT, 0);
    assert_int_equal(one(1)->state, RS_GIVEN_UP);
    assert_null(one(1)->corpse);
    fake_dead_answers = 0;
    fake_queue = 3;
    pass(100);
    assert_int_equal(fake_dead_answers, 3);
    uint64_t w[6] = {1};
    assert_int_equal(fake_request(3, RS_LABEL_RESTART, w, nullptr, 0), OK);
    assert_int_equal(one(1)->state, RS_BORN);
    assert_int_equal(one(1)->history.fruitless, 0);
    fake_queue = 1;
    fake_ready(1, 1);
    pass(200); // its callers are its own again
    assert_int_equal(fake_dead_answers, 3);
}

static void test_failed_births(void **)
{
    all_ready();
    for (int step = 0; step < 40; step++) {
        int handles = fake_handles;
        fake_fail_at = step;
        fake_fault(1, one(1)->incarnation, FAULT_EXCEPTION, 13);
        bool failed = fake_fail_at < 0 && one(1)->state == RS_DELAYED;
        fake_fail_at = -1;
        pass(2000);
        one(1)->history.fruitless = 0;
        assert_int_equal(one(1)->state, RS_BORN);
        fake_ready(1, 1);
        pass(100);
        assert_int_equal(fake_handles, handles);
        assert_int_equal(fake_tasks, 3);
        if (failed) {
            assert_int_equal(record_of(1, 0)->cause, RS_BIRTH_FAILED);
            assert_int_equal(record_of(1, 1)->cause, RS_EXCEPTION);
        }
    }
}

static void test_flat(void **)
{
    all_ready();
    pass(100);
    int handles = fake_handles;
    uint64_t w[6] = {0};
    for (int i = 0; i < 3000; i++) {
        uint32_t number = 1 + (uint32_t)rand() % 3;
        if (i % 3 == 0) {
            w[0] = number, w[1] = RS_NOW;
            assert_int_equal(fake_request(3, RS_LABEL_KILL, w, nullptr, 0),
                             number == 3 ? ERR_STATE : OK);
        } else {
            fake_fault(number, one(number)->incarnation, i % 2 ? FAULT_EXCEPTION : FAULT_EXIT, 14);
        }
        fake_ready(number, 1);
        pass((uint64_t)rand() % 20);
    }
    pass(100);
    assert_int_equal(fake_handles, handles);
    assert_int_equal(fake_tasks, 3);
    assert_null(record_of(0, RS_RECORDS_KEPT));
    assert_non_null(record_of(0, RS_RECORDS_KEPT - 1));
}

// A rebirth costs so many system calls; more would show in every recovery time.
static void test_calls_of_a_rebirth(void **)
{
    all_ready();
    pass(100);
    uint64_t before = fake_calls;
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    assert_in_range(fake_calls - before, 1, 25);
}

static void test_hold(void **)
{
    all_ready();
    uint64_t w[6] = {1};
    assert_int_equal(fake_request(3, RS_LABEL_HOLD, w, nullptr, 0), OK);
    assert_int_equal(one(1)->state, RS_HELD);
    fake_beats = false;
    fake_suspended = true;
    for (uint32_t i = 2; i <= 3; i++) {
        rt_timer_cancel(&one(i)->look_timer); // only the held one is of interest
    }
    pass(100000);
    assert_int_equal(one(1)->incarnation, 1);
    w[0] = 1;
    fake_suspended = false;
    assert_int_equal(fake_request(3, RS_LABEL_RELEASE, w, nullptr, 0), OK);
    assert_int_equal(one(1)->state, RS_READY);
    pass(300); // now it counts again
    assert_int_equal(one(1)->incarnation, 2);
}

static void test_rights(void **)
{
    all_ready();
    static struct rs_death record;
    static struct rs_event events[4];
    for (uint32_t label = RS_LABEL_KILL; label <= RS_LABEL_RESTART; label++) {
        uint64_t w[6] = {2, label == RS_LABEL_KILL ? RS_NOW : 0};
        assert_int_equal(fake_request(1, label, w, nullptr, 0), ERR_RIGHTS);
        uint64_t v[6] = {2, label == RS_LABEL_KILL ? RS_NOW : 0};
        assert_int_equal(fake_request(4000000, label, v, nullptr, 0), ERR_RIGHTS);
    }
    uint64_t w[6] = {0};
    assert_int_equal(fake_request(2, RS_LABEL_WATCH, w, events, sizeof(events)), ERR_RIGHTS);
    assert_int_equal(fake_request(2, RS_LABEL_RECORD, w, &record, sizeof(record)), ERR_RIGHTS);
    assert_int_equal(fake_request(3, RS_LABEL_RECORD, w, &record, sizeof(record)), ERR_NOT_FOUND);
    w[0] = 1;
    assert_int_equal(fake_request(3, RS_LABEL_POWER, w, nullptr, 0), ERR_RIGHTS);
    assert_int_equal(one(2)->incarnation, 1);
}

// As after a module that could not be read: it is listed, answered for, and never born.
static void test_unprepared(void **)
{
    static struct rs_service list[8];
    struct service *s = one(2);
    all_ready();
    uint64_t w[6] = {2, RS_NOW};
    s->state = RS_GIVEN_UP;
    s->prepared = false;
    watch_end(s);
    assert_int_equal(fake_request(3, RS_LABEL_RESTART, (uint64_t[6]){2}, nullptr, 0), ERR_STATE);
    assert_int_equal(fake_request(3, RS_LABEL_KILL, w, nullptr, 0), ERR_STATE);
    assert_int_equal(fake_request(3, RS_LABEL_HOLD, (uint64_t[6]){2}, nullptr, 0), ERR_STATE);
    assert_int_equal(fake_request(1, RS_LABEL_LIST, (uint64_t[6]){0}, list, sizeof(list)), OK);
    assert_int_equal(list[2].state, RS_GIVEN_UP);
}

static void test_list_and_find(void **)
{
    static struct rs_service list[8];
    uint64_t w[6] = {0};
    assert_int_equal(fake_request(1, RS_LABEL_LIST, w, list, sizeof(list)), OK);
    assert_int_equal(w[0], 4);
    assert_string_equal(list[0].name, "rs");
    assert_string_equal(list[2].name, "b");
    memset(w, 0, sizeof(w));
    assert_int_equal(fake_request(1, RS_LABEL_LIST, w, list, sizeof(list[0])), OK); // only one fits
    assert_int_equal(w[0], 4);
    memset(w, 0, sizeof(w));
    char name[] = "c";
    assert_int_equal(fake_request(1, RS_LABEL_FIND, w, name, 1), OK);
    assert_int_equal(w[0], 3);
    memset(w, 0, sizeof(w));
    name[0] = 'z';
    assert_int_equal(fake_request(1, RS_LABEL_FIND, w, name, 1), ERR_NOT_FOUND);
}

static void test_watch(void **)
{
    static struct rs_event events[RS_EVENTS_KEPT];
    all_ready();
    uint64_t w[6] = {0, 1};
    assert_int_equal(fake_request(3, RS_LABEL_WATCH, w, events, sizeof(events)), OK);
    assert_int_equal(w[0], 6); // three births, three times ready
    assert_int_equal(events[0].kind, RS_BIRTH);
    uint64_t next = w[1];
    uint64_t v[6] = {next, 0};
    assert_int_equal(fake_request(3, RS_LABEL_WATCH, v, events, sizeof(events)), ERR_AGAIN);
    uint64_t u[6] = {next, 1};
    assert_int_equal(fake_request(3, RS_LABEL_WATCH, u, events, sizeof(events)), STATUS_PENDING);
    uint64_t u2[6] = {next, 1};
    assert_int_equal(fake_request(3, RS_LABEL_WATCH, u2, events, sizeof(events)), STATUS_PENDING);
    assert_int_equal(fake_parked, 2);
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    assert_int_equal(fake_parked, 2); // not before the death is described
    pass(20);
    assert_int_equal(fake_parked, 0);
    uint64_t after[6] = {next, 1};
    assert_int_equal(fake_request(3, RS_LABEL_WATCH, after, events, sizeof(events)), OK);
    assert_int_equal(events[0].kind, RS_DEATH);
    assert_int_equal(events[0].cause, RS_EXCEPTION);
    assert_non_null(strstr(events[0].text, "page fault"));
    assert_string_equal(events[0].place, "0x40001000");
}

static void test_subscribe(void **)
{
    all_ready();
    one(2)->calls = 1; // it has a handle of service 1
    uint64_t w[6] = {1};
    assert_int_equal(fake_request(2, RS_LABEL_SUBSCRIBE, w, nullptr, 0), OK);
    uint64_t v[6] = {3};
    assert_int_equal(fake_request(2, RS_LABEL_SUBSCRIBE, v, nullptr, 0), ERR_RIGHTS);
    fake_notified = 0;
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    fake_ready(1, 1);
    assert_int_equal(fake_notified, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start_order, begin, end),
        cmocka_unit_test_setup_teardown(test_late_ones_come_last, begin_late, end),
        cmocka_unit_test_setup_teardown(test_late_ones_wait_not_for_ever, begin_late, end),
        cmocka_unit_test_setup_teardown(test_place_of_the_bootstrap, begin, end),
        cmocka_unit_test_setup_teardown(test_fault, begin, end),
        cmocka_unit_test_setup_teardown(test_causes, begin, end),
        cmocka_unit_test_setup_teardown(test_hangs, begin, end),
        cmocka_unit_test_setup_teardown(test_crash_loop, begin, end),
        cmocka_unit_test_setup_teardown(test_failed_births, begin, end),
        cmocka_unit_test_setup_teardown(test_flat, begin, end),
        cmocka_unit_test_setup_teardown(test_calls_of_a_rebirth, begin, end),
        cmocka_unit_test_setup_teardown(test_hold, begin, end),
        cmocka_unit_test_setup_teardown(test_rights, begin, end),
        cmocka_unit_test_setup_teardown(test_unprepared, begin, end),
        cmocka_unit_test_setup_teardown(test_list_and_find, begin, end),
        cmocka_unit_test_setup_teardown(test_watch, begin, end),
        cmocka_unit_test_setup_teardown(test_subscribe, begin, end),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
