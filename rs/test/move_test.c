// SPDX-License-Identifier: MIT
// Planned moves and live updates.
#include "rs/test/life_bed.h"

// ---- Planned moves ----

// Time for the spare's copy to be brought up to date.
static enum status order_move(uint32_t number)
{
    enum status status = fake_request(3, RS_LABEL_MOVE, (uint64_t[6]){number}, nullptr, 0);
    pass(5);
    return status;
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
        cmocka_unit_test_setup_teardown(test_nothing_is_let_go_before_a_birth_is_committed, begin_moving, end),
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
        cmocka_unit_test_setup_teardown(test_flat_moving, begin_moving, end),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
