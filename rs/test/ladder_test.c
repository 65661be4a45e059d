// SPDX-License-Identifier: MIT
// The rungs above plain rebirth, checkpoints, and what the next boot knows.
#include "rs/test/life_bed.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_next_boot_knows, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_undone_is_not_kept, begin, end),
        cmocka_unit_test_setup_teardown(test_checkpoint, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_ladder_of_checkpoints, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_restore, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_poison, begin_moving, end),
        cmocka_unit_test_setup_teardown(test_group, begin, end),
        cmocka_unit_test_setup_teardown(test_restart_of_the_machine, begin, end),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
