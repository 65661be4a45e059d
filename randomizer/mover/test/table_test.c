// SPDX-License-Identifier: MIT
// The copy of a living one's table of granules: right although entries move while it is made.
//
// The second page of the table cannot be read at first. So copying stops when it comes there, and the handler moves an
// entry to the first page, of which there is a copy already.
#define _DEFAULT_SOURCE
#include "randomizer/mover/test/no_neighbours.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SLOTS = 512, PER_PAGE = PAGE_SIZE / sizeof(struct heap_entry), FROM = PER_PAGE + 3, TO = 5 };

static struct heap old;
static struct heap_entry *table;
static uint32_t to_come, moves;
static enum move_error failed;

void *move_alloc(struct mover *, size_t bytes)
{
    return calloc(1, bytes);
}

void move_fail(struct mover *m, enum move_error error, const char *, ...)
{
    failed = m->error = error;
}

static void protect(int prot)
{
    assert_int_equal(mprotect((uint8_t *)table + PAGE_SIZE, PAGE_SIZE, prot), 0);
}

// Asked before each copy.
bool view_has(struct mover *, uint64_t address, uint64_t bytes)
{
    if (to_come > 0) {
        to_come--;
        protect(PROT_NONE);
    }
    return address >= (uint64_t)table && address + bytes <= (uint64_t)(table + SLOTS);
}

// Back and forth, as removals and their rollbacks do.
static void move_entry(int)
{
    protect(PROT_READ | PROT_WRITE);
    bool back = table[FROM].granule == 0;
    struct heap_entry *from = &table[back ? TO : FROM], *to = &table[back ? FROM : TO];
    *to = *from;
    *from = (struct heap_entry){0};
    moves++;
}

static void set(struct mover *m, uint32_t how_often)
{
    table = mmap(nullptr, SLOTS * sizeof(*table), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(table, MAP_FAILED);
    table[FROM] = (struct heap_entry){.granule = 77};
    old.table = table;
    old.table_slots = SLOTS;
    *m = (struct mover){.heap = &old, .live = true};
    moves = 0;
    to_come = how_often;
    failed = MOVE_OK;
    (void)signal(SIGSEGV, move_entry);
}

static void end(struct mover *m)
{
    (void)signal(SIGSEGV, SIG_DFL);
    (void)munmap(table, SLOTS * sizeof(*table));
    free(m->heap_table);
    free(m->sources);
}

static uint32_t found(const struct mover *m)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < SLOTS; i++) {
        count += m->heap_table[i].granule == 77;
    }
    return count;
}

static void test_at_rest(void **)
{
    struct mover m;
    set(&m, 0);
    assert_true(table_copy(&m));
    assert_int_equal(found(&m), 1);
    assert_false(m.next_whole);
    end(&m);
}

static void test_moved_meanwhile(void **)
{
    struct mover m;
    set(&m, 1);
    assert_true(table_copy(&m));
    assert_int_equal(moves, 1);
    assert_int_equal(found(&m), 1);
    assert_false(m.next_whole);
    end(&m);
}

// Nobody can tell then what is missing: the next pass looks at everything.
static void test_never_at_rest(void **)
{
    struct mover m;
    set(&m, UINT32_MAX);
    assert_true(table_copy(&m));
    assert_true(moves > 1);
    assert_true(m.next_whole);
    end(&m);
}

// One that is dead is not looked at twice.
static void test_of_the_dead(void **)
{
    struct mover m;
    set(&m, 1);
    m.live = false;
    assert_true(table_copy(&m));
    assert_int_equal(moves, 1);
    end(&m);
}

static void test_damaged(void **)
{
    struct mover m;
    set(&m, 0);
    old.table_slots = SLOTS - 1;
    assert_false(table_copy(&m));
    assert_int_equal(failed, MOVE_HEAP);
    end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_rest),
        cmocka_unit_test(test_moved_meanwhile),
        cmocka_unit_test(test_never_at_rest),
        cmocka_unit_test(test_of_the_dead),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
