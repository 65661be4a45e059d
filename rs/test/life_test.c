// SPDX-License-Identifier: MIT
// Lives and deaths under the real supervisor code, with a played kernel: order of starting, every
// kind of death, failed births at every step, giving up, commands and rights, and nothing that
// grows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rs/events.h"
#include "rs/kept.h"
#include "rs/record.h"
#include "rs/test/fake.h"

enum : uint64_t { MS = 1000000 };
static uint64_t now;

static void pass(uint64_t ms)
{
    fake_run_to(now += ms * MS);
}

static struct service *one(uint32_t number)
{
    return service_by_number(number);
}

// Three services: 2 needs 1, 3 needs both; 3 may command.
static int begin_all(bool moves)
{
    now = rt_now_ns();
    fake_beats = true;
    fake_suspended = false;
    fake_queue = 0;
    fake_fail_at = -1;
    fake_begin(3, moves);
    fake_entries[1].needs = 1;
    fake_entries[2].needs = 3;
    fake_entries[2].may = RS_CONTROL | RS_WATCH;
    fake_prepare();
    return 0;
}

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

static int begin(void **)
{
    return begin_all(false);
}

static int begin_moving(void **)
{
    return begin_all(true);
}

static int end(void **)
{
    corpses_settle(); // whoever still waits is answered
    fake_end();
    return 0;
}

static void all_ready(void)
{
    for (uint32_t i = 1; i <= service_count; i++) {
        fake_ready(i, 1);
    }
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

// ---- Rebirth with state ----

static const struct startup *given(uint32_t number)
{
    return one(number)->living->startup;
}

// Until the heir has taken the state over, its holder stays; the dead one's handles go at once.
static void test_heir(void **)
{
    all_ready();
    handle_t dead = one(1)->living->task;
    assert_int_equal(given(1)->flags, 0);
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    assert_int_equal(given(1)->flags, STARTUP_HEIR | STARTUP_AFTER_CRASH);
    assert_int_equal(given(1)->incarnation, 2);
    assert_int_not_equal(given(1)->old_layout, 0);
    assert_int_equal(given(1)->old_module, 0);
    assert_int_equal(fake_predecessor(1), dead);
    assert_int_equal(fake_inherited, dead);
    assert_int_equal(record_of(1, 0)->rung, POLICY_STATE);
    pass(20);
    assert_int_equal(fake_tasks, 4);
    fake_moved(1);
    fake_ready(1, 1);
    pass(160);
    assert_int_equal(one(1)->limit, (1 << 20) + spare_bytes(one(1)) +
                                        spare_copy_bytes(one(1)));
    assert_int_equal(fake_tasks, 6); // three spares
}

// An heir that has handles of its own would go on without those of the dead one: it may not begin.
static void test_heir_without_inheritance(void **)
{
    all_ready();
    handle_t dead = one(1)->living->task;
    fake_inherit_status = ERR_STATE;
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    fake_inherit_status = OK;
    assert_int_equal(one(1)->state, RS_DELAYED);
    assert_int_equal(record_of(1, 0)->cause, RS_BIRTH_FAILED);
    pass(2000);
    assert_int_equal(fake_inherited, dead);
    assert_int_equal(given(1)->flags & STARTUP_HEIR, STARTUP_HEIR);
    fake_ready(1, 1);
    pass(160);
    assert_int_equal(one(1)->state, RS_READY);
}

// What is told of an heir, in the record of the death before.
static void test_incident(void **)
{
    static struct rs_death d;
    all_ready();
    pass(200);
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    struct status_page *p = one(1)->status;
    uint64_t born = rt_now_ns();
    p->move_ns = 7;
    p->move_objects = 8;
    p->messages[0] = (struct message_trace){.time_ns = born + 20, .delivery = 1};
    p->messages[1] = (struct message_trace){.time_ns = born + 30, .delivery = 1};
    fake_moved(1);
    p->moved = born + 10;
    fake_ready(1, 1);
    p->first_work_ns = born + 40;
    pass(100);
    uint64_t w[6] = {0};
    assert_int_equal(fake_request(3, RS_LABEL_INCIDENT, w, &d, sizeof(d)), OK);
    assert_int_equal(d.from_spare, 1);
    assert_int_equal(d.newborn_ns, born);
    assert_int_equal(d.moved_ns, born + 10);
    assert_int_equal(d.move_objects, 8);
    assert_int_equal(d.redelivered_ns, born + 20);
    assert_int_equal(d.first_work_ns, born + 40);
    assert_int_equal(fake_request(3, RS_LABEL_INCIDENT, (uint64_t[6]){9}, &d, sizeof(d)), ERR_NOT_FOUND);
    assert_int_equal(fake_request(2, RS_LABEL_INCIDENT, w, &d, sizeof(d)), ERR_RIGHTS);
}

// Not ready: there is no state yet.
static void test_first_start(void **)
{
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    pass(20);
    assert_int_equal(given(1)->flags, 0);
    assert_int_equal(one(1)->incarnation, 2);
    assert_int_equal(record_of(1, 0)->rung, POLICY_AFRESH);
}

static void test_heir_dies(void **)
{
    all_ready();
    handle_t holder = one(1)->living->task;
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    handle_t heir = one(1)->living->task;
    fake_fault(1, 2, FAULT_EXCEPTION, 14);
    pass(20);
    assert_int_equal(given(1)->flags, STARTUP_HEIR | STARTUP_AFTER_CRASH);
    assert_int_equal(given(1)->heap_pad != 0, true);
    assert_int_equal(fake_predecessor(1), holder);
    assert_int_equal(fake_inherited, heir);
    assert_int_equal(record_of(1, 0)->rung, POLICY_CHANGED);
    assert_int_equal(fake_tasks, 4);
    fake_moved(1);
    fake_ready(1, 1);
    pass(60);
    // The newborn's state counts from here on.
    heir = one(1)->living->task;
    fake_fault(1, 3, FAULT_EXCEPTION, 14);
    assert_int_equal(fake_predecessor(1), heir);
    assert_int_equal(given(1)->heap_pad, 0);
}

// Heirs that cannot take the state over: in the end there is one without.
static void test_refused(void **)
{
    handle_t dead = HANDLE_NONE;
    all_ready();
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    for (uint32_t life = 2; life <= 3; life++) {
        assert_int_equal(given(1)->flags & STARTUP_HEIR, STARTUP_HEIR);
        strcpy(one(1)->status->assert_text, "type 7 has changed");
        dead = one(1)->living->task;
        fake_exit(1, MOVE_EXIT_BASE + 3);
        assert_int_equal(record_of(1, 0)->cause, RS_MOVE_FAILED);
        assert_non_null(strstr(record_of(1, 0)->text, "type 7 has changed"));
        pass(50);
    }
    assert_int_equal(given(1)->flags, 0);
    assert_int_equal(record_of(1, 0)->rung, POLICY_AFRESH);
    assert_false(service_has_state(one(1)));
    assert_non_null(one(1)->holder); // a device may write to its memory until the newborn has reset it
    assert_int_equal(fake_inherited, dead); // but its handles must be free
    fake_ready(1, 1);
    pass(100);
    assert_null(one(1)->holder);
}

// Only those that lost their state tell.
static void test_dependents_told(void **)
{
    all_ready();
    one(2)->calls = 1;
    assert_int_equal(fake_request(2, RS_LABEL_SUBSCRIBE, (uint64_t[6]){1}, nullptr, 0), OK);
    fake_notified = 0;
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    fake_moved(1);
    fake_ready(1, 1);
    assert_int_equal(fake_notified, 0);
    assert_int_equal(fake_request(3, RS_LABEL_RESTART, (uint64_t[6]){1}, nullptr, 0), OK);
    assert_int_equal(given(1)->flags, 0);
    fake_ready(1, 1);
    assert_int_equal(fake_notified, 1);
}

// A spare for which there is no memory would take what the living one was promised.
static void test_no_room_for_a_spare(void **)
{
    all_ready();
    struct manifest_service *e = (struct manifest_service *)one(1)->entry;
    e->undo = 8 << 20;
    fake_quota = (12 << 20) + (4 << 20); // what the supervisor keeps for itself, and less than the spare's log
    pass(200);
    assert_null(one(1)->spare);
    assert_int_equal(one(1)->limit, 1 << 20);
    assert_non_null(one(2)->spare);
    fake_quota += 8 << 20;
    one(1)->spare_failures = 0;
    pass(200);
    assert_non_null(one(1)->spare);
    assert_true(one(1)->limit >= (1 << 20) + (8 << 20));
}

// What the supervisor does in a transaction that it does not live to commit shows nowhere.
static void test_a_birth_that_is_undone_leaves_the_page_alone(void **)
{
    all_ready();
    struct status_page before = *one(1)->status;
    assert_int_not_equal(before.movable, 0);
    fake_uncommitted = true;
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    fake_uncommitted = false;
    assert_memory_equal(one(1)->status, &before, sizeof(before));
}

static void test_spares(void **)
{
    all_ready();
    pass(200);
    assert_int_equal(fake_tasks, 6);
    assert_true(one(1)->limit > 1 << 20);
    struct body *spare = one(1)->spare;
    assert_non_null(spare);
    assert_true(spare->startup->flags & STARTUP_SPARE);
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    assert_ptr_equal(one(1)->living, spare);
    assert_int_equal(given(1)->flags, STARTUP_HEIR | STARTUP_AFTER_CRASH);
    assert_null(one(1)->spare);
    fake_moved(1);
    fake_ready(1, 1);
    fake_linked = false;
    pass(200);
    assert_non_null(one(1)->spare);
    uint32_t serial = one(1)->spare->serial;
    fake_fault(1, 2, FAULT_EXCEPTION, 14); // this one is not linked yet
    assert_int_not_equal(one(1)->living->serial, serial);
    assert_null(one(1)->spare);
    // A restart gives no state, and a spare can only take over.
    fake_linked = true;
    fake_moved(1);
    fake_ready(1, 1);
    pass(200);
    assert_non_null(one(1)->spare);
    assert_int_equal(fake_request(3, RS_LABEL_RESTART, (uint64_t[6]){1}, nullptr, 0), OK);
    assert_int_equal(given(1)->flags, 0);
    pass(200);
    assert_int_equal(fake_tasks, 6); // the dead one stays until its devices have been reset
}

static void test_spare_dies(void **)
{
    all_ready();
    for (int i = 0; i < 10; i++) {
        pass(100);
        fake_spare_fault(1);
    }
    assert_int_equal(one(1)->incarnation, 1);
    assert_null(one(1)->spare);
    pass(1000);
    assert_int_equal(fake_tasks, 5);
    assert_null(record_of(1, 0));
}

// ---- Planned moves ----

// Time for the spare's copy to be brought up to date.
static enum status order_move(uint32_t number)
{
    enum status status = fake_request(3, RS_LABEL_MOVE, (uint64_t[6]){number}, nullptr, 0);
    pass(5);
    return status;
}

static const struct rs_event *last_event(enum rs_event_kind kind)
{
    const struct rs_event *found = nullptr;
    for (uint64_t i = 1; event_find(i) != nullptr; i++) {
        found = event_find(i)->kind == kind ? event_find(i) : found;
    }
    return found;
}

// Several timers may come in one transaction: what the page says is of the incarnation before until that has committed, and
// the corpse has still to be inherited from.
static void test_nothing_is_let_go_before_a_birth_is_committed(void **)
{
    all_ready();
    pass(200);
    fake_uncommitted = true;
    assert_int_equal(order_move(1), OK);
    watch_news(0, nullptr);
    corpses_settle();
    fake_uncommitted = false;
    assert_int_equal(one(1)->state, RS_BORN);
    assert_non_null(one(1)->corpse);
    assert_ptr_equal(one(1)->holder, one(1)->corpse);
}

// Who was ordered to die dies: a move in between would save it, and the order would be lost.
static void test_move_waits_for_an_ordered_death(void **)
{
    all_ready();
    pass(200);
    one(1)->asked = RS_LOOP;
    assert_int_equal(order_move(1), OK);
    pass(50);
    assert_int_equal(one(1)->incarnation, 1);
    one(1)->asked = 0;
    pass(50);
    assert_int_equal(one(1)->incarnation, 2);
}

static void test_move(void **)
{
    all_ready();
    pass(200);
    handle_t old = one(1)->living->task;
    assert_int_equal(order_move(1), OK);
    assert_int_equal(one(1)->incarnation, 2);
    assert_int_equal(given(1)->flags, STARTUP_HEIR); // it waited for a message
    assert_int_equal(given(1)->cause, BIRTH_MOVED);
    assert_int_equal(fake_predecessor(1), old);
    assert_int_equal(order_move(1), ERR_STATE);
    one(1)->status->move_bytes = 77;
    fake_moved(1);
    fake_ready(1, 0);
    const struct rs_event *e = last_event(RS_MOVED);
    assert_int_equal(e->move_bytes, 77);
    assert_int_equal(e->incarnation, 2);
    assert_int_equal(one(1)->deaths, 0);
    assert_null(record_of(1, 0));
    pass(200);
    assert_int_equal(fake_tasks, 6);
    one(1)->status->request_since = 1; // in the middle of a request
    assert_int_equal(order_move(1), OK);
    assert_int_equal(given(1)->flags, STARTUP_HEIR | STARTUP_AFTER_CRASH);
}

// The old one serves until the newborn is linked.
// Moved just now, and dead of its first request there: its state has proven itself, wherever it was.
static void test_death_right_after_a_move(void **)
{
    all_ready();
    pass(200);
    one(1)->status->work += 5;
    assert_int_equal(order_move(1), OK);
    fake_moved(1);
    fake_ready(1, 0);
    assert_true(one(1)->work_before >= 5);
    fake_fault(1, one(1)->incarnation, FAULT_EXCEPTION, 14);
    assert_int_equal(record_of(1, 0)->rung, POLICY_STATE);
    assert_int_equal(record_of(1, 0)->decision, POLICY_REBIRTH);
    // After a death it counts no more.
    fake_moved(1);
    fake_ready(1, 1);
    assert_int_equal(one(1)->work_before, 0);
}

static void test_move_waits_for_the_spare(void **)
{
    all_ready();
    fake_linked = false;
    assert_int_equal(order_move(1), OK);
    pass(100);
    assert_int_equal(one(1)->incarnation, 1);
    fake_linked = true;
    pass(2);
    assert_int_equal(one(1)->incarnation, 2);
    fake_moved(1);
    fake_ready(1, 1);
    fake_linked = false;
    pass(100);
    assert_int_equal(order_move(1), OK);
    pass(11000);
    assert_int_equal(one(1)->incarnation, 2);
    assert_non_null(strstr(last_event(RS_MOVE_GAVE_UP)->text, "in time"));
    assert_int_equal(order_move(2), OK);
    fake_fault(2, 1, FAULT_EXCEPTION, 14); // dies of itself meanwhile
    assert_int_equal(one(2)->deaths, 1);
    assert_false(one(2)->move.wanted);
}

static void test_move_fails(void **)
{
    all_ready();
    pass(200);
    handle_t old = one(1)->living->task;
    assert_int_equal(order_move(1), OK);
    fake_exit(1, MOVE_EXIT_BASE + 1);
    assert_int_equal(one(1)->state, RS_BORN); // at once, and with the same state
    assert_int_equal(one(1)->history.fruitless, 0);
    assert_int_equal(fake_predecessor(1), old);
    fake_exit(1, MOVE_EXIT_BASE + 1);
    assert_int_equal(one(1)->state, RS_DELAYED);
    pass(50);
    assert_int_equal(record_of(1, 0)->rung, POLICY_CHANGED);
    assert_int_equal(fake_predecessor(1), old);
    fake_moved(1);
    fake_ready(1, 1);
    pass(100);
    assert_int_equal(order_move(1), OK);
    fake_exit(1, 1);
    fake_moved(1);
    fake_ready(1, 1);
    assert_int_equal(one(1)->move.count, 1);
}

static void test_moves_by_plan(void **)
{
    fake_entries[0].care = (struct manifest_care){.move_ms = 1000, .move_jitter_ms = 500};
    fake_entries[1].care = (struct manifest_care){.move_every_requests = 10};
    all_ready();
    pass(990);
    assert_int_equal(one(1)->move.count, 0);
    for (int i = 0; i < 2000; i++) {
        pass(1);
        for (uint32_t n = 1; n <= 2; n++) {
            one(n)->status->work += n == 2;
            if (one(n)->state == RS_BORN) {
                fake_moved(n);
                fake_ready(n, 1);
            }
        }
    }
    assert_in_range(one(1)->move.count, 1, 3);
    assert_in_range(one(2)->move.count, 10, 200);
    fake_entries[0].care = fake_entries[1].care = (struct manifest_care){0};
}

// ---- Live update ----

static enum status order_update(uint32_t number, const char *name)
{
    char copy[8];
    strcpy(copy, name);
    return fake_request(3, RS_LABEL_UPDATE, (uint64_t[6]){number}, copy, strlen(name));
}

static void become_ready(uint32_t number, uint64_t work)
{
    fake_moved(number);
    fake_ready(number, work);
}

static void update_to_n(void)
{
    fake_entries[0].care = (struct manifest_care){.probation_ms = 5000, .probation_requests = 100};
    all_ready();
    pass(200);
    assert_int_equal(order_update(1, "n"), OK);
    assert_string_equal(one(1)->living->module->name, "n");
    assert_int_equal(given(1)->cause, BIRTH_UPDATED);
    assert_int_not_equal(given(1)->old_module, 0);
    assert_int_equal(given(1)->old_module_bytes, 5000);
}

static void assert_rolled_back(handle_t predecessor)
{
    assert_string_equal(one(1)->living->module->name, "m");
    assert_int_equal(fake_predecessor(1), predecessor);
    assert_int_equal(given(1)->flags & STARTUP_HEIR, STARTUP_HEIR);
    assert_int_equal(one(1)->history.fruitless, 0);
    assert_string_equal(last_event(RS_ROLLED_BACK)->module, "n");
    become_ready(1, 1);
    pass(1000);
    assert_int_equal(one(1)->spare->module == one(1)->module, true);
    assert_int_equal(fake_tasks, 6);
}

static void test_update(void **)
{
    update_to_n();
    become_ready(1, 1);
    pass(200);
    assert_null(one(1)->holder); // it has served: the old state is of no use any more
    assert_int_equal(order_move(1), ERR_STATE);
    pass(5000);
    assert_int_equal(last_event(RS_PROVEN)->service, 1);
    handle_t dead = one(1)->living->task;
    fake_fault(1, 2, FAULT_EXCEPTION, 14); // an ordinary death of an ordinary service
    assert_string_equal(one(1)->living->module->name, "n");
    assert_int_equal(fake_predecessor(1), dead);
    assert_int_equal(given(1)->old_module, 0);
    become_ready(1, 1);
    pass(200);
    assert_int_equal(order_update(1, "m"), OK); // back again
    assert_string_equal(one(1)->living->module->name, "m");
    assert_int_equal(given(1)->old_module_bytes, 6000);
    become_ready(1, 0);
    one(1)->status->work += 200;
    pass(100);
    assert_null(one(1)->trial.old);
}

static void test_update_refused(void **)
{
    update_to_n();
    handle_t holder = one(1)->holder->task;
    fake_exit(1, MOVE_EXIT_BASE + 4);
    assert_int_equal(given(1)->old_module, 0); // the old module, the old state
    assert_rolled_back(holder);
}

// Before it has served anything, the old state is the better one; whatever it was that failed.
static void test_update_fails_idle(void **)
{
    update_to_n();
    handle_t holder = one(1)->holder->task;
    become_ready(1, 0);
    pass(300);
    assert_non_null(one(1)->holder);
    fake_fault(1, 2, FAULT_EXCEPTION, 14);
    assert_rolled_back(holder);
}

// Afterwards it is the new one's that goes back.
static void test_update_fails_later(void **)
{
    update_to_n();
    become_ready(1, 3);
    pass(100);
    handle_t dead = one(1)->living->task;
    fake_fault(1, 2, FAULT_EXCEPTION, 14);
    assert_int_equal(given(1)->old_module_bytes, 6000);
    assert_rolled_back(dead);
}

static void test_update_never_ready(void **)
{
    update_to_n();
    handle_t holder = one(1)->holder->task;
    pass(2100);
    assert_int_equal(record_of(1, 0)->cause, RS_BIRTH_TIMEOUT);
    assert_rolled_back(holder);
}

static void test_update_cannot_begin(void **)
{
    all_ready();
    pass(200);
    assert_int_equal(order_update(1, "x"), ERR_CORRUPT);
    assert_int_equal(order_update(1, "o"), ERR_UNSUPPORTED);
    assert_int_equal(order_update(1, "w"), ERR_RANGE);
    assert_int_equal(order_update(1, "m"), ERR_EXISTS);
    assert_int_equal(order_update(1, "q"), ERR_NOT_FOUND);
    char name[] = "n";
    assert_int_equal(fake_request(1, RS_LABEL_UPDATE, (uint64_t[6]){1}, name, 1), ERR_RIGHTS);
    fake_linked = false;
    assert_int_equal(order_update(1, "n"), OK);
    assert_int_equal(order_update(1, "n"), ERR_STATE);
    fake_spare_fault(1); // it cannot be linked
    assert_int_equal(last_event(RS_MOVE_GAVE_UP)->service, 1);
    assert_int_equal(one(1)->incarnation, 1);
    assert_null(one(1)->next_module);
    fake_linked = true;
    pass(200);
    assert_ptr_equal(one(1)->spare->module, one(1)->module);
}

// ---- The ladder ----

static void die_at(uint32_t number, uint32_t call, uint32_t delivery)
{
    struct status_page *p = one(number)->status;
    p->request_since = now;
    p->request_badge = 0x77;
    p->request_label = 0x601;
    p->request_call = call;
    p->request_delivery = delivery;
    p->messages[p->message_next++ % STATUS_MESSAGES] = (struct message_trace){
        .time_ns = now + 1, .badge = 0x77, .label = 0x601, .word0 = 5};
    fake_fault(number, one(number)->incarnation, FAULT_EXCEPTION, 14);
}

static void test_poison(void **)
{
    static struct rs_letter letters[4];
    all_ready();
    pass(100);
    die_at(1, 99, 0);
    assert_int_equal(given(1)->heap_pad, 0);
    fake_moved(1);
    die_at(1, 99, 1);
    assert_int_equal(given(1)->heap_pad, 64);
    assert_int_equal(given(1)->poison_call, 0);
    fake_moved(1);
    die_at(1, 99, 2);
    assert_int_equal(given(1)->heap_pad, 0);
    assert_int_equal(given(1)->poison_call, 99);
    assert_int_equal(given(1)->flags & STARTUP_HEIR, STARTUP_HEIR);
    assert_int_equal(last_event(RS_CLIMBED)->rung, POLICY_POISON);
    assert_int_equal(one(1)->history.fruitless, 0);
    uint64_t w[6] = {0};
    assert_int_equal(fake_request(3, RS_LABEL_LETTERS, w, letters, sizeof(letters)), OK);
    assert_int_equal(w[0], 1);
    assert_int_equal(letters[0].words[0], 5);
    assert_int_equal(letters[0].answered, 0);
    assert_int_equal(fake_request(3, RS_LABEL_REPLAY, (uint64_t[6]){1}, nullptr, 0), ERR_STATE);
    // It dies of something else before it has answered: the next one is told, too.
    fake_moved(1);
    fake_fault(1, one(1)->incarnation, FAULT_EXCEPTION, 14);
    pass(50);
    assert_int_equal(given(1)->poison_call, 99);
    struct dead_letter *said = &one(1)->status->letter;
    *said = (struct dead_letter){.call = 99, .bytes = 1000, .words = {5, 6}, .data = "grant"};
    fake_moved(1);
    fake_ready(1, 1);
    pass(100);
    memset(w, 0, sizeof(w));
    assert_int_equal(fake_request(3, RS_LABEL_LETTERS, w, letters, sizeof(letters)), OK);
    assert_int_equal(letters[0].answered, 1);
    assert_int_equal(letters[0].words[1], 6);
    assert_int_equal(letters[0].bytes, 256);
    assert_int_equal(last_event(RS_POISONED)->value, 1);
    assert_int_equal(fake_request(3, RS_LABEL_REPLAY, (uint64_t[6]){1}, nullptr, 0), OK);
    assert_int_equal(fake_badge, 0x77);
    assert_int_equal(fake_request(3, RS_LABEL_REPLAY, (uint64_t[6]){9}, nullptr, 0), ERR_NOT_FOUND);
    assert_int_equal(fake_request(2, RS_LABEL_REPLAY, (uint64_t[6]){1}, nullptr, 0), ERR_RIGHTS);
    memset(w, 0, sizeof(w));
    assert_int_equal(fake_request(2, RS_LABEL_LETTERS, w, letters, sizeof(letters)), ERR_RIGHTS);
    fake_fault(1, one(1)->incarnation, FAULT_EXCEPTION, 14);
    assert_int_equal(given(1)->poison_call, 0);
}

// The last life of service 2 is tried together with 1, which it needs, and 3, which needs it.
static void test_group(void **)
{
    all_ready();
    pass(10000);
    for (int life = 0; life < 4; life++) {
        assert_int_equal(one(1)->incarnation, 1);
        fake_exit(2, 7);
        if (life == 0) {
            fake_exit(2, 7); // the first one had done some work
        }
        if (life < 3) {
            pass(1000);
        }
    }
    assert_int_equal(last_event(RS_CLIMBED)->rung, POLICY_GROUP);
    assert_int_equal(one(1)->incarnation, 2);
    assert_int_equal(one(3)->incarnation, 2);
    assert_int_equal(record_of(1, 0)->cause, RS_REPLACED);
    assert_int_equal(one(2)->state, RS_DELAYED);
    pass(1000);
    assert_int_equal(one(2)->state, RS_BORN);
    fake_exit(2, 7);
    assert_int_equal(one(2)->state, RS_GIVEN_UP);
}

// The first service, which is the last resort's, is of no use in five lives.
static void die_until_restart(void)
{
    one(1)->rules.reboot = true;
    fake_rebooted = false;
    for (int life = 0; life < 5; life++) {
        fake_exit(1, 7);
        pass(1000);
    }
    assert_true(fake_rebooted);
}

static void test_restart_of_the_machine(void **)
{
    die_until_restart();
    assert_int_equal(record_of(1, 0)->rung, POLICY_REBOOT);
}

// ---- What the next boot finds ----

enum { KEPT_BYTES = 508 << 10 };

static void next_boot(void *memory)
{
    fake_end();
    fake_keep(memory, KEPT_BYTES);
    (void)begin_all(false);
}

// The last one of that kind in the boot before; its number is 0 if there is none.
static struct rs_event event_before(uint32_t age, enum rs_event_kind kind)
{
    struct rs_event e, found = {.sequence = 0};
    uint64_t w[6] = {age};
    while (fake_request(3, RS_LABEL_EVENTS_BEFORE, w, &e, sizeof(e)) == OK && w[0] == 1) {
        found = e.kind == kind ? e : found;
        memcpy(w, (uint64_t[6]){age, w[1]}, sizeof(w));
    }
    return found;
}

static void test_the_next_boot_knows(void **)
{
    void *memory = aligned_alloc(PAGE_SIZE, KEPT_BYTES);
    struct rs_death d;
    memset(memory, 0xa5, KEPT_BYTES);
    next_boot(memory);
    assert_null(last_event(RS_RESTARTED));
    assert_int_equal(event_before(1, RS_BIRTH).sequence, 0);
    die_until_restart();
    uint64_t deaths = record_of(0, 0)->sequence;
    next_boot(memory);
    assert_int_equal(last_event(RS_RESTARTED)->value, 2);
    assert_non_null(strstr(last_event(RS_RESTARTED)->text, "a, rung 7: exit: ended with code 7"));
    assert_int_equal(event_before(1, RS_CLIMBED).rung, POLICY_REBOOT);
    assert_non_null(strstr(event_before(1, RS_DEATH).text, "ended with code 7"));
    uint64_t w[6] = {1, deaths - 1};
    assert_int_equal(fake_request(3, RS_LABEL_DEATHS_BEFORE, w, &d, sizeof(d)), OK);
    assert_int_equal(w[0], 1);
    assert_int_equal(d.decision, POLICY_RESTART_MACHINE);
    assert_string_equal(d.name, "a");
    // Nobody says why this time; and the first boot is still known.
    next_boot(memory);
    assert_string_equal(last_event(RS_RESTARTED)->text, "nobody has said why");
    assert_int_equal(event_before(2, RS_CLIMBED).rung, POLICY_REBOOT);
    assert_int_equal(event_before(1, RS_RESTARTED).value, 2);
    w[0] = 1, w[1] = 0;
    assert_int_equal(fake_request(1, RS_LABEL_EVENTS_BEFORE, w, &d, sizeof(d)), ERR_RIGHTS);
    (void)end(nullptr);
    (void)begin(nullptr);
    free(memory);
}

static void test_what_is_undone_is_not_kept(void **)
{
    void *memory = aligned_alloc(PAGE_SIZE, KEPT_BYTES);
    memset(memory, 0, KEPT_BYTES);
    next_boot(memory);
    all_ready();
    fake_uncommitted = true;
    fake_exit(1, 7);
    fake_uncommitted = false; // and the machine ends before anything else happens
    next_boot(memory);
    assert_int_equal(event_before(1, RS_DEATH).sequence, 0);
    assert_int_not_equal(event_before(1, RS_READY_TO_WORK).sequence, 0);
    (void)end(nullptr);
    (void)begin(nullptr);
    free(memory);
}

// ---- Checkpoints ----

static enum status order_checkpoint(void)
{
    return fake_request(3, RS_LABEL_CHECKPOINT, (uint64_t[6]){1}, nullptr, 0);
}

static void take_checkpoint(uint64_t content)
{
    assert_int_equal(order_checkpoint(), OK);
    fake_checkpoint(1, content);
    pass(60);
}

static enum status read_checkpoint(uint64_t wanted, uint64_t words[6])
{
    return fake_request(3, RS_LABEL_READ_CHECKPOINT, (uint64_t[6]){1, wanted, 0}, words, 48);
}

static void test_checkpoint(void **)
{
    uint64_t words[6];
    assert_int_equal(order_checkpoint(), ERR_UNSUPPORTED);
    fake_entries[0].checkpoint = 8192;
    assert_int_equal(order_checkpoint(), ERR_STATE); // not ready
    all_ready();
    assert_int_equal(order_checkpoint(), OK);
    assert_int_equal(order_checkpoint(), ERR_STATE);
    assert_int_equal(read_checkpoint(0, words), ERR_NOT_FOUND);
    fake_checkpoint(1, 111);
    fake_mapped = 1; // it is not counted as long as anybody could change it
    pass(60);
    assert_int_equal(read_checkpoint(0, words), ERR_NOT_FOUND);
    fake_mapped = 0;
    pass(60);
    assert_int_equal(last_event(RS_CHECKPOINTED)->value, 48);
    assert_int_equal(read_checkpoint(0, words), OK);
    assert_int_equal(words[5], 111);
    take_checkpoint(222);
    take_checkpoint(333);
    take_checkpoint(444);
    assert_int_equal(read_checkpoint(0, words), OK);
    assert_int_equal(words[5], 444);
    assert_int_equal(read_checkpoint(3, words), OK);
    assert_int_equal(words[5], 333);
    assert_int_equal(order_checkpoint(), OK); // the third one is written, two stay
    assert_int_equal(read_checkpoint(3, words), OK);
    assert_int_equal(read_checkpoint(2, words), ERR_NOT_FOUND);
    pass(11000);
    assert_non_null(strstr(last_event(RS_CHECKPOINT_FAILED)->text, "in time"));
    assert_int_equal(fake_request(2, RS_LABEL_READ_CHECKPOINT, (uint64_t[6]){1}, words, 48),
                     ERR_RIGHTS);
    fake_entries[0].care.checkpoint_ms = 500;
    pass(1000);
    assert_non_null(one(1)->writing);
    fake_entries[0].care.checkpoint_ms = 0;
    fake_entries[0].checkpoint = 0;
}

// Heirs die at once; then comes the newest checkpoint, the older one, and nothing.
static void test_ladder_of_checkpoints(void **)
{
    static const struct { uint64_t flags; enum policy_rung rung; } lives[] = {
        {STARTUP_HEIR | STARTUP_AFTER_CRASH, POLICY_STATE},
        {STARTUP_HEIR | STARTUP_AFTER_CRASH, POLICY_CHANGED},
        {STARTUP_RESTORE, POLICY_CHECKPOINT}, {STARTUP_RESTORE, POLICY_CHECKPOINT},
        {0, POLICY_AFRESH}};
    fake_entries[0].checkpoint = 8192;
    one(1)->rules.fruitless_limit = 9;
    all_ready();
    take_checkpoint(1);
    take_checkpoint(2);
    pass(100);
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        fake_exit(1, 9);
        pass(500);
        assert_int_equal(record_of(1, 0)->rung, lives[i].rung);
        assert_int_equal(given(1)->flags, lives[i].flags);
    }
    fake_ready(1, 1);
    pass(200);
    assert_null(one(1)->holder);
    assert_null(one(1)->corpse);
    fake_entries[0].checkpoint = 0;
}

static void test_restore(void **)
{
    uint64_t words[6];
    fake_entries[0].checkpoint = 8192;
    all_ready();
    take_checkpoint(5);
    assert_int_equal(read_checkpoint(0, words), OK);
    words[5]++;
    assert_int_equal(fake_request(3, RS_LABEL_RESTORE, (uint64_t[6]){1}, words, sizeof(words)), ERR_CORRUPT);
    assert_int_equal(one(1)->incarnation, 1);
    words[5]--;
    fake_program++; // the service has another version now
    assert_int_equal(fake_request(3, RS_LABEL_RESTORE, (uint64_t[6]){1}, words, sizeof(words)), ERR_ARG);
    assert_int_equal(one(1)->incarnation, 1);
    fake_program--;
    assert_int_equal(fake_request(3, RS_LABEL_RESTORE, (uint64_t[6]){1}, words, sizeof(words)), OK);
    assert_int_equal(given(1)->flags, STARTUP_RESTORE);
    assert_int_equal(given(1)->checkpoint_bytes, 48);
    assert_int_not_equal(given(1)->checkpoint, 0);
    fake_ready(1, 1);
    pass(100);
    assert_null(one(1)->holder);
    assert_int_equal(fake_request(1, RS_LABEL_RESTORE, (uint64_t[6]){1}, words, sizeof(words)), ERR_RIGHTS);
    fake_entries[0].checkpoint = 0;
}

static void test_move_unsupported(void **)
{
    all_ready();
    assert_int_equal(order_move(1), ERR_UNSUPPORTED);
    assert_int_equal(fake_request(1, RS_LABEL_MOVE, (uint64_t[6]){1}, nullptr, 0), ERR_RIGHTS);
}

static void test_flat_moving(void **)
{
    all_ready();
    pass(200);
    int handles = fake_handles;
    for (int i = 0; i < 3000; i++) {
        uint32_t number = 1 + (uint32_t)rand() % 3;
        fake_linked = rand() % 4 != 0;
        if (i % 5 == 0) {
            (void)order_move(number);
        } else {
            fake_fault(number, one(number)->incarnation, i % 2 ? FAULT_EXCEPTION : FAULT_EXIT, 14);
        }
        if (rand() % 3 == 0) {
            fake_fault(number, one(number)->incarnation, FAULT_EXCEPTION, 14);
            pass(1500);
        }
        for (uint32_t n = 1; n <= 3; n++) {
            one(n)->history.fruitless = 0;
            if (one(n)->state == RS_BORN) {
                fake_moved(n);
                fake_ready(n, 1);
            }
        }
        pass((uint64_t)rand() % 200);
    }
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_not_equal(one(i)->state, RS_GIVEN_UP);
    }
    fake_linked = true;
    pass(1000);
    assert_int_equal(fake_handles, handles);
    assert_int_equal(fake_tasks, 6);
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
        cmocka_unit_test_setup_teardown(test_the_next_boot_knows, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_undone_is_not_kept, begin, end),
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
        cmocka_unit_test_setup_teardown(test_heir, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_heir_without_inheritance, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_incident, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_first_start, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_heir_dies, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_refused, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_dependents_told, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_a_birth_that_is_undone_leaves_the_page_alone, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_nothing_is_let_go_before_a_birth_is_committed, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_spares, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_no_room_for_a_spare, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_spare_dies, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_move_waits_for_an_ordered_death, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_move, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_death_right_after_a_move, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_move_waits_for_the_spare, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_move_fails, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_moves_by_plan, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_move_unsupported, begin, end),
        cmocka_unit_test_setup_teardown(test_update, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_update_refused, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_update_fails_idle, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_update_fails_later, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_update_never_ready, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_update_cannot_begin, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_checkpoint, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_ladder_of_checkpoints, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_restore, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_poison, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_group, begin, end),
        cmocka_unit_test_setup_teardown(test_restart_of_the_machine, begin, end),
        cmocka_unit_test_setup_teardown(test_flat_moving, begin_moving, end),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
