// SPDX-License-Identifier: MIT
// The view of a predecessor that lives on: what it maps, unmaps and maps again between two looks.
#include "randomizer/mover/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum : uint64_t { A = 0x10000000, B = 0x20000000, BYTES = 0x10000 };
enum { THERE = 8 };

static struct region_info there[THERE]; // by address; bytes 0: none
static struct region mapped[THERE];     // here, and which object
static int maps;
static struct mover m;

enum status fake_trap(uint64_t number, const uint64_t args[6], uint64_t *second);
enum status fake_ipc(uint64_t, uint64_t, struct ipc_message *, uint64_t, uint64_t)
{
    return ERR_UNSUPPORTED;
}

uint64_t fake_ticks(void)
{
    return 0;
}

static enum status next_region(uint64_t from, struct region_info *out)
{
    const struct region_info *found = nullptr;
    for (int i = 0; i < THERE; i++) {
        bool ahead = there[i].bytes != 0 && there[i].start + there[i].bytes > from;
        found = ahead && (!found || there[i].start < found->start) ? &there[i] : found;
    }
    if (!found) {
        return ERR_NOT_FOUND;
    }
    *out = *found;
    return OK;
}

static enum status map_from(uint64_t at)
{
    for (int i = 0; i < THERE; i++) {
        if (mapped[i].bytes != 0 && mapped[i].from == at) {
            return ERR_EXISTS;
        }
    }
    for (int i = 0; i < THERE; i++) {
        if (there[i].bytes != 0 && there[i].start == at) {
            mapped[i] = (struct region){at, at, there[i].bytes, there[i].object_id};
            maps++;
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum status unmap(uint64_t at)
{
    for (int i = 0; i < THERE; i++) {
        if (mapped[i].bytes != 0 && mapped[i].from == at) {
            mapped[i] = (struct region){0};
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

enum status fake_trap(uint64_t number, const uint64_t args[6], uint64_t *second)
{
    switch (number) {
    case SYS_task_region:
        return next_region(args[1], (struct region_info *)args[2]);
    case SYS_mem_map_from:
        *second = args[2];
        return map_from(args[1]);
    case SYS_mem_unmap:
        return unmap(args[1]);
    }
    return ERR_UNSUPPORTED;
}

void move_fail(struct mover *, enum move_error, const char *, ...)
{
    fail();
}

const struct mover *move_of(const struct mover *)
{
    return nullptr;
}

const char *rt_status_text(enum status)
{
    return "";
}

static void begin(void)
{
    memset(there, 0, sizeof(there));
    memset(mapped, 0, sizeof(mapped));
    memset(&m, 0, sizeof(m));
    m.live = true;
    maps = 0;
    there[0] = (struct region_info){.start = A, .bytes = BYTES, .object_id = 1, .prot = PROT_READ | PROT_WRITE};
    there[1] = (struct region_info){.start = B, .bytes = BYTES, .object_id = 2, .prot = PROT_READ | PROT_WRITE};
    view_open(&m);
}

static void test_what_is_the_same_stays(void **)
{
    begin();
    assert_int_equal(m.views, 2);
    view_open(&m);
    assert_int_equal(m.views, 2);
    assert_int_equal(maps, 2);
    assert_false(m.next_whole);
}

static void test_other_memory_at_the_same_place(void **)
{
    begin();
    there[1].object_id = 3;
    view_open(&m);
    assert_int_equal(m.views, 2);
    assert_int_equal(mapped[1].object, 3);
    assert_true(m.next_whole); // what was copied from the old one is copied again
}

static void test_what_is_gone_at_the_end_stays_until_it_is_in_the_way(void **)
{
    begin();
    there[1].bytes = 0;
    view_open(&m);
    assert_true(view_has(&m, A, BYTES));
}

static void test_what_is_gone_before_others_is_gone_here(void **)
{
    begin();
    there[0].bytes = 0;
    view_open(&m);
    assert_false(view_has(&m, A, BYTES));
    assert_false(m.next_whole); // its objects are gone, too
}

static void test_another_size_at_the_same_place(void **)
{
    begin();
    there[0].bytes = 2 * BYTES;
    view_open(&m);
    assert_true(view_has(&m, A, 2 * BYTES));
    assert_true(m.next_whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_the_same_stays),
        cmocka_unit_test(test_other_memory_at_the_same_place),
        cmocka_unit_test(test_what_is_gone_at_the_end_stays_until_it_is_in_the_way),
        cmocka_unit_test(test_what_is_gone_before_others_is_gone_here),
        cmocka_unit_test(test_another_size_at_the_same_place),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
