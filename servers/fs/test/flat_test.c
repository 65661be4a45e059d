// SPDX-License-Identifier: MIT
// Trees of extents that fit into the inode, alone: what is added, joined, refused and cut.
#include "servers/fs/flat.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct inode inode;
static struct run runs[FLAT_RUNS];

static struct ext3_extent_header *header(void)
{
    return (struct ext3_extent_header *)inode.raw.i_block;
}

static int begin(void **)
{
    memset(&inode, 0, sizeof(inode));
    inode.raw.i_flags = EXT4_EXTENTS_FL;
    header()->eh_magic = EXT3_EXT_MAGIC;
    header()->eh_max = FLAT_RUNS;
    return 0;
}

static void add(uint32_t first, uint32_t count, uint64_t place, bool good)
{
    struct run r = {first, count, place, false};
    assert_int_equal(flat_add(&inode, &r), good);
}

static void is(int n, uint32_t first, uint32_t count, uint64_t place)
{
    assert_int_equal(runs[n].first, first);
    assert_int_equal(runs[n].count, count);
    assert_int_equal(runs[n].place, place);
}

static void test_joins_what_goes_on(void **)
{
    add(0, 4, 1ull << 40, true);
    add(4, 2, (1ull << 40) + 4, true); // goes on
    add(6, 1, 500, true);              // in the file, not on the disk
    assert_int_equal(flat_runs(&inode, runs), 2);
    is(0, 0, 6, 1ull << 40);
    is(1, 6, 1, 500);
}

static void test_does_not_join_beyond_an_extent(void **)
{
    add(0, EXT_INIT_MAX_LEN, 1000, true);
    add(EXT_INIT_MAX_LEN, 1, 1000 + EXT_INIT_MAX_LEN, true);
    assert_int_equal(flat_runs(&inode, runs), 2);
    is(0, 0, EXT_INIT_MAX_LEN, 1000);
}

static void test_keeps_order(void **)
{
    add(20, 1, 100, true);
    add(10, 1, 200, true);
    add(30, 1, 300, true);
    add(15, 1, 400, true);
    assert_int_equal(flat_runs(&inode, runs), 4);
    is(0, 10, 1, 200);
    is(1, 15, 1, 400);
    is(2, 20, 1, 100);
    is(3, 30, 1, 300);
    add(40, 1, 500, false);   // full
    add(31, 1, 301, true);    // goes on all the same
    assert_int_equal(flat_runs(&inode, runs), 4);
}

static void test_refuses_what_is_there(void **)
{
    add(0, 4, 100, true);
    add(3, 1, 200, false);
    assert_int_equal(flat_runs(&inode, runs), 1);
}

static void test_cuts_from_the_end(void **)
{
    struct run cut;
    add(0, 4, 100, true);
    add(10, 4, 200, true);
    add(20, 4, 300, true);
    assert_true(flat_cut(&inode, 12, &cut));
    assert_int_equal(cut.place, 300);
    assert_int_equal(cut.count, 4);
    assert_true(flat_cut(&inode, 12, &cut)); // half of one
    assert_int_equal(cut.first, 12);
    assert_int_equal(cut.place, 202);
    assert_int_equal(cut.count, 2);
    assert_false(flat_cut(&inode, 12, &cut));
    assert_int_equal(flat_runs(&inode, runs), 2);
    is(1, 10, 2, 200);
}

static void test_unwritten_ones(void **)
{
    struct run cut;
    add(0, 4, 100, true);
    ((struct ext3_extent *)(header() + 1))->ee_len += EXT_INIT_MAX_LEN;
    add(4, 1, 104, true); // written: an extent of its own
    assert_int_equal(flat_runs(&inode, runs), 2);
    assert_true(runs[0].unwritten && runs[0].count == 4 && !runs[1].unwritten);
    assert_true(flat_cut(&inode, 1, &cut) && flat_cut(&inode, 1, &cut));
    assert_true(cut.unwritten && cut.count == 3);
    assert_int_equal(flat_runs(&inode, runs), 1);
    assert_true(runs[0].unwritten && runs[0].count == 1);
}

static void test_leaves_others_to_the_library(void **)
{
    struct run cut;
    header()->eh_depth = 1;
    assert_int_equal(flat_runs(&inode, runs), -1);
    add(0, 1, 100, false);
    assert_false(flat_cut(&inode, 0, &cut));
    header()->eh_depth = 0;
    header()->eh_entries = FLAT_RUNS + 1;
    assert_int_equal(flat_runs(&inode, runs), -1);
    header()->eh_entries = 0;
    assert_int_equal(flat_runs(&inode, runs), 0);
    inode.raw.i_flags = 0;
    assert_int_equal(flat_runs(&inode, runs), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_joins_what_goes_on, begin),
        cmocka_unit_test_setup(test_does_not_join_beyond_an_extent, begin),
        cmocka_unit_test_setup(test_keeps_order, begin),
        cmocka_unit_test_setup(test_refuses_what_is_there, begin),
        cmocka_unit_test_setup(test_cuts_from_the_end, begin),
        cmocka_unit_test_setup(test_unwritten_ones, begin),
        cmocka_unit_test_setup(test_leaves_others_to_the_library, begin),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
