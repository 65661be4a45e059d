// SPDX-License-Identifier: MIT
// Heirs: what they are given, what becomes of the dead, spares.
#include "rs/test/life_bed.h"

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

// Neither is anybody dead of it whom an heir of the supervisor would have to bury without knowing why.
static void test_a_death_that_is_undone_kills_nobody(void **)
{
    all_ready();
    handle_t dead = one(1)->living->task, moved = one(2)->living->task;
    fake_uncommitted = true;
    fake_fault(1, 1, FAULT_EXCEPTION, 14);
    (void)move_begin(one(2), BIRTH_MOVED);
    pass(20); // until a newborn is linked
    handle_t thread = one(3)->living->thread;
    assert_int_equal(inject(one(3), RS_SILENCE), OK);
    fake_uncommitted = false;
    assert_false(fake_is_stopped(thread));
    assert_int_equal(inject(one(3), RS_SILENCE), OK);
    assert_true(fake_is_stopped(thread));
    assert_int_equal(one(2)->incarnation, 2);
    assert_false(fake_is_killed(dead));
    assert_false(fake_is_killed(moved));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_heir, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_heir_without_inheritance, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_incident, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_first_start, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_heir_dies, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_refused, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_dependents_told, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_a_birth_that_is_undone_leaves_the_page_alone, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_a_death_that_is_undone_kills_nobody, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_spares, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_no_room_for_a_spare, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_spare_dies, begin_moving, end),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
