// SPDX-License-Identifier: MIT
// Files of many runs, written and read in no order: the map stays right, and is not read again each time.
#include "servers/fs/map.h"
#include "interfaces/fs.types.h"
#include "servers/fs/test/bed.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { BLOCK = 4096, STEP = 77 };

static struct bed b;
static uint64_t id;

static void begin(const char *options)
{
    bed_make(&b, options, "64M");
    bed_mount(&b, 8 << 20, false);
    assert_int_equal(bed_open(&b, "/file", FS_READ | FS_WRITE | FS_CREATE, &id), 0);
}

static void end(void)
{
    assert_int_equal(bed_close(&b, id), 0);
    assert_int_equal(bed_unmount(&b), 0);
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_remove(&b);
}

static struct inode *inode(void)
{
    struct open_file *f;
    assert_int_equal(open_find(&b.v, id, BED_BADGE, &f), 0);
    return f->inode;
}

static uint32_t nth(uint32_t n, uint32_t blocks)
{
    return (uint32_t)((uint64_t)n * STEP % blocks);
}

static void write_all(uint32_t blocks, uint32_t salt)
{
    static uint32_t block[BLOCK / 4];
    for (uint32_t n = 0; n < blocks; n++) {
        size_t count;
        for (uint32_t w = 0; w < BLOCK / 4; w++) {
            block[w] = nth(n, blocks) ^ salt;
        }
        assert_int_equal(bed_write(&b, id, (uint64_t)nth(n, blocks) * BLOCK, block, BLOCK, &count), 0);
        assert_int_equal(count, BLOCK);
    }
}

static void assert_all(uint32_t blocks, uint32_t salt)
{
    static uint32_t block[BLOCK / 4];
    for (uint32_t n = 0; n < blocks; n++) {
        size_t count;
        uint32_t at = nth(n * 5, blocks);
        assert_int_equal(bed_read(&b, id, (uint64_t)at * BLOCK, block, BLOCK, &count), 0);
        assert_int_equal(count, BLOCK);
        assert_int_equal(block[0], at ^ salt);
        assert_int_equal(block[BLOCK / 4 - 1], at ^ salt);
    }
}

static uint32_t known(uint32_t blocks)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < blocks; n++) {
        struct run r;
        count += map_known(inode(), n, &r);
    }
    return count;
}

static void open_again(void)
{
    assert_int_equal(bed_close(&b, id), 0);
    assert_int_equal(bed_open(&b, "/file", FS_READ | FS_WRITE, &id), 0);
}

static void test_many_runs_are_remembered(void **)
{
    enum { BLOCKS = MAP_RUNS_MOST - 3 };
    begin("");
    write_all(BLOCKS, 1);
    assert_int_equal(known(BLOCKS), BLOCKS);
    assert_true(inode()->map.count > BLOCKS - 16); // hardly two of them go on
    open_again();
    assert_int_equal(inode()->map.room, 0); // was given back
    assert_all(BLOCKS, 1);
    assert_true(known(BLOCKS) > BLOCKS / 4 * 3);
    write_all(BLOCKS, 2);
    assert_all(BLOCKS, 2);
    end();
}

static void test_more_runs_than_are_remembered(void **)
{
    enum { BLOCKS = 2 * MAP_RUNS_MOST + 1 };
    begin("");
    write_all(BLOCKS, 3);
    assert_all(BLOCKS, 3);
    open_again();
    assert_all(BLOCKS, 3);
    assert_true(inode()->map.room <= MAP_RUNS_MOST && known(BLOCKS) < BLOCKS);
    end();
}

static void test_files_of_the_old_kind(void **)
{
    enum { BLOCKS = 700 };
    begin("-O ^extent,^64bit");
    write_all(BLOCKS, 4);
    assert_all(BLOCKS, 4);
    open_again();
    assert_all(BLOCKS, 4);
    end();
}

// Few runs, then one more on each side of a hole and in it: each of them is found.
static void test_a_hole_is_filled(void **)
{
    begin("");
    static const uint32_t order[] = {10, 0, 20, 11, 9, 15, 14, 16, 1, 19, 21, 5};
    static uint8_t block[BLOCK];
    size_t count;
    for (size_t n = 0; n < sizeof(order) / sizeof(order[0]); n++) {
        memset(block, (int)order[n] + 1, BLOCK);
        assert_int_equal(bed_write(&b, id, (uint64_t)order[n] * BLOCK, block, BLOCK, &count), 0);
        for (uint32_t at = 0; at < 22; at++) {
            bool written = false;
            for (size_t k = 0; k <= n; k++) {
                written = written || order[k] == at;
            }
            if (bed_read(&b, id, (uint64_t)at * BLOCK, block, BLOCK, &count) == 0 && count) {
                assert_int_equal(block[7], written ? at + 1 : 0);
            }
        }
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_runs_are_remembered),
        cmocka_unit_test(test_more_runs_than_are_remembered),
        cmocka_unit_test(test_files_of_the_old_kind),
        cmocka_unit_test(test_a_hole_is_filled),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
