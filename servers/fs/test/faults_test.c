// SPDX-License-Identifier: MIT
// The disk fails or the power goes, at every single request in turn: defined errors, no crash,
// nothing lost of what was there before.
#include "interfaces/fs.types.h"
#include "servers/fs/operations.h"
#include "servers/fs/test/bed.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OLD_FILES = 40, OLD_BYTES = 9000, CACHE = 2 << 20 };

static uint8_t buffer[256 << 10];

static uint8_t old_byte(int file, size_t at)
{
    return (uint8_t)(file * 7 + at * 31 + (at >> 8));
}

static void write_file(struct bed *b, const char *path, size_t bytes, int (*must)(int))
{
    uint64_t id;
    size_t count;
    if (!must(bed_open(b, path, FS_WRITE | FS_CREATE, &id))) {
        must(bed_write(b, id, 0, buffer, bytes, &count));
        must(bed_close(b, id));
    }
}

static int succeed(int error)
{
    assert_int_equal(error, 0);
    return error;
}

// With a failing disk an operation may fail, but only so.
static int fail_well(int error)
{
    if (error && error != EIO && error != EROFS && error != EUCLEAN && error != ENOENT &&
        error != ENODEV && error != ENOTEMPTY && error != EEXIST) {
        fprintf(stderr, "unexpected errno %d\n", error);
        assert_true(false);
    }
    return error;
}

// A volume with files that nobody touches afterwards.
static void prepare(struct bed *b, const char *options)
{
    char path[64];
    bed_make(b, options, "24M");
    b->strict = !strstr(options, "^has_journal");
    bed_mount(b, CACHE, false);
    succeed(bed_mkdir(b, "/old"));
    succeed(bed_mkdir(b, "/old/deep"));
    succeed(bed_mkdir(b, "/work"));
    for (int f = 0; f < OLD_FILES; f++) {
        for (size_t n = 0; n < OLD_BYTES; n++) {
            buffer[n] = old_byte(f, n);
        }
        snprintf(path, sizeof(path), f % 2 ? "/old/f%d" : "/old/deep/f%d", f);
        write_file(b, path, OLD_BYTES, succeed);
    }
    for (int f = 0; f < 30; f++) {
        snprintf(path, sizeof(path), "/work/w%d", f);
        write_file(b, path, 3000 + 2000 * (size_t)f, succeed);
    }
    succeed(bed_unmount(b));
    assert_int_equal(bed_fsck(b, "-n"), 0);
}

// Some of everything, next to the old files, as long as there is power.
static void work(struct bed *b, int (*must)(int))
{
    char path[64], to[64];
    for (int f = 0; f < 30 && !b->disk.stopped; f += 3) {
        snprintf(path, sizeof(path), "/work/w%d", f);
        must(bed_unlink(b, path));
        snprintf(path, sizeof(path), "/work/n%d", f);
        write_file(b, path, 40000, must);
        snprintf(path, sizeof(path), "/work/w%d", f + 1);
        snprintf(to, sizeof(to), "/old/deep/moved%d", f);
        must(bed_rename(b, path, to));
        snprintf(path, sizeof(path), "/work/dir%d", f);
        must(bed_mkdir(b, path));
        if (f % 2) {
            must(bed_rmdir(b, path));
        }
        if (!(f % 9)) {
            must(volume_sync(&b->v, f % 2));
        }
    }
    must(bed_symlink(b, "/old/f1", "/work/link"));
    write_file(b, "/work/large", sizeof(buffer), must);
}

static void check_old(struct bed *b)
{
    static uint8_t found[OLD_BYTES + 1];
    char path[64];
    for (int f = 0; f < OLD_FILES; f++) {
        uint64_t id;
        size_t count;
        snprintf(path, sizeof(path), f % 2 ? "/old/f%d" : "/old/deep/f%d", f);
        succeed(bed_open(b, path, FS_READ, &id));
        succeed(bed_read(b, id, 0, found, sizeof(found), &count));
        assert_int_equal(count, OLD_BYTES);
        for (size_t n = 0; n < OLD_BYTES; n++) {
            assert_int_equal(found[n], old_byte(f, n));
        }
        succeed(bed_close(b, id));
    }
}

static void copy_image(struct bed *to, const struct bed *from)
{
    bed_copy(to, from, ".copy");
    to->quiet = true;
}

// How many requests the whole work takes.
static uint64_t count_requests(const struct bed *original)
{
    struct bed b;
    copy_image(&b, original);
    bed_mount(&b, CACHE, false);
    work(&b, succeed);
    succeed(volume_unmount(&b.v));
    uint64_t requests = b.disk.requests;
    file_device_close(&b.disk);
    free(b.memory);
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_remove(&b);
    return requests;
}

// After whatever happened: e2fsck puts it right, for which with a journal it has to do nothing but
// replay that, and the old files are all there.
static void judge(struct bed *b)
{
    int code = b->strict ? bed_fsck_finds_nothing(b) : bed_fsck(b, "-y");
    assert_true(code == 0 || (code == 1 && !b->strict)); // nothing to do, or put right
    b->quiet = false;
    assert_int_equal(bed_fsck(b, "-n"), 0);
    bed_mount(b, CACHE, false);
    check_old(b);
    succeed(bed_unmount(b));
    bed_remove(b);
}

static uint64_t stride(uint64_t requests)
{
    const char *text = getenv("FS_TEST_CUTS"); // how many of the places to try; by hand: all
    uint64_t wanted = text ? (uint64_t)atoi(text) : 16;
    return requests > wanted ? requests / wanted : 1;
}

static void power_cut_on(const char *options)
{
    struct bed original;
    prepare(&original, options);
    uint64_t requests = count_requests(&original), step = stride(requests);
    for (uint64_t at = 1; at <= requests + step; at += step) {
        struct bed b;
        copy_image(&b, &original);
        bed_mount(&b, CACHE, false);
        b.disk.stop_at = at;
        b.disk.seed = (uint32_t)at; // requests of one step of a sync reach the disk in any order
        work(&b, succeed);
        succeed(volume_sync(&b.v, true));
        bed_abandon(&b);
        judge(&b);
    }
    bed_remove(&original);
}

static const char *const kinds[] = {"-b 1024", "-b 4096", "-b 1024 -O ^has_journal",
                                    "-b 4096 -O ^has_journal"};

static void power_cut(void **)
{
    for (size_t n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++) {
        power_cut_on(kinds[n]);
    }
}

// The service dies, its next incarnation goes on with the disk as it is and without e2fsck.
static void death_without_repair_on(const char *options)
{
    struct bed original;
    prepare(&original, options);
    uint64_t requests = count_requests(&original), step = stride(requests);
    for (uint64_t at = 1; at <= requests; at += step) {
        struct bed b;
        copy_image(&b, &original);
        bed_mount(&b, CACHE, false);
        b.disk.stop_at = at;
        work(&b, succeed);
        bed_abandon(&b);
        bed_mount(&b, CACHE, false);
        assert_int_equal(b.v.mode, VOLUME_WRITABLE);
        check_old(&b);
        write_file(&b, "/second-life", 100000, fail_well);
        work(&b, fail_well);
        bed_unmount(&b);
        judge(&b);
    }
    bed_remove(&original);
}

static void death_without_repair(void **)
{
    death_without_repair_on(kinds[0]);
    death_without_repair_on(kinds[2]);
}

// One request fails; everything after it works again.
static void one_error_on(const char *options)
{
    struct bed original;
    prepare(&original, options);
    uint64_t requests = count_requests(&original), step = stride(requests);
    for (uint64_t at = 1; at <= requests; at += step) {
        struct bed b;
        copy_image(&b, &original);
        bed_mount(&b, CACHE, false);
        b.disk.fail_at = b.disk.requests + at;
        work(&b, fail_well);
        volume_sync(&b.v, true); // may tell of the error; what could not be written is tried again
        int error = bed_unmount(&b);
        assert_true(!error || b.disk.failed);
        judge(&b);
    }
    bed_remove(&original);
}

static void one_error(void **)
{
    one_error_on(kinds[0]);
    one_error_on(kinds[2]);
}

// The disk is gone for good.
static void dead_disk_on(const char *options)
{
    struct bed original;
    prepare(&original, options);
    uint64_t requests = count_requests(&original), step = stride(requests);
    for (uint64_t at = 1; at <= requests; at += step) {
        struct bed b;
        copy_image(&b, &original);
        bed_mount(&b, CACHE, false);
        b.disk.fail_from = b.disk.requests + at;
        work(&b, fail_well);
        int error = volume_sync(&b.v, true);
        assert_true(!error || error == EIO);
        bed_unmount(&b);
        judge(&b);
    }
    bed_remove(&original);
}

static void dead_disk(void **)
{
    dead_disk_on(kinds[0]);
    dead_disk_on(kinds[2]);
}

static void no_disk_at_mount(void **)
{
    struct bed b;
    prepare(&b, "-b 1024");
    uint64_t id;
    b.quiet = true;
    for (uint64_t at = 1; at < 12; at++) {
        bed_mount_failing(&b, CACHE, at);
        if (b.v.mode == VOLUME_UNUSABLE) {
            assert_int_equal(b.v.reason, EIO);
            assert_int_equal(bed_open(&b, "/old/f1", FS_READ, &id), EIO);
            assert_int_equal(bed_mkdir(&b, "/x"), EIO);
        }
        bed_unmount(&b);
    }
    bed_remove(&b);
}

// Nothing half done when the disk is full: as many inodes and blocks in use as before.
static void full_disk(void **)
{
    struct bed b;
    struct fs_volume before, after;
    char path[64];
    uint64_t id;
    size_t count;
    bed_make(&b, "-b 1024 -m 0 -N 64", "4M");
    bed_mount(&b, CACHE, false);
    succeed(bed_open(&b, "/filler", FS_WRITE | FS_CREATE, &id));
    uint64_t at = 0;
    int error;
    while (!(error = bed_write(&b, id, at, buffer, sizeof(buffer), &count))) {
        at += count;
    }
    assert_int_equal(error, ENOSPC);
    op_statfs(&b.v, &before);
    assert_int_equal(before.free_blocks, 0);
    assert_int_equal(bed_mkdir(&b, "/dir"), ENOSPC);
    for (int n = 0; n < 10; n++) { // inodes are left, and room in the directory: these can be made
        snprintf(path, sizeof(path), "/empty%d", n);
        uint64_t other;
        succeed(bed_open(&b, path, FS_WRITE | FS_CREATE, &other));
        assert_int_equal(bed_write(&b, other, 0, buffer, 100, &count), ENOSPC);
        succeed(bed_close(&b, other));
        succeed(bed_unlink(&b, path));
    }
    succeed(volume_sync(&b.v, true));
    op_statfs(&b.v, &after);
    assert_int_equal(before.free_files, after.free_files);
    assert_int_equal(before.free_blocks, after.free_blocks);
    // Space that is only held back until a sync is found when it is needed.
    succeed(bed_truncate(&b, id, at / 2));
    succeed(bed_mkdir(&b, "/dir"));
    succeed(bed_close(&b, id));
    succeed(bed_unmount(&b));
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_remove(&b);
}

// Another life begins with an older idea of what is open: what is still there goes on under its
// number, what was removed or made anew since is not taken for it.
static void open_in_another_life(void **)
{
    static const char *const names[] = {"/old/a", "/stays", "/removed", "/replaced", "/renamed"};
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    struct bed b;
    uint64_t id[NAMES], other;
    size_t n;
    char byte;
    prepare(&b, "");
    bed_mount(&b, CACHE, false);
    for (int i = 0; i < NAMES; i++) {
        succeed(bed_open(&b, names[i], FS_READ | FS_WRITE | FS_CREATE, &id[i]));
        succeed(bed_write(&b, id[i], 0, "1", 1, &n));
    }
    struct open_note *notes = open_files_note(&b.v);
    assert_non_null(notes);
    succeed(bed_close(&b, id[2]));
    succeed(bed_close(&b, id[3]));
    succeed(bed_unlink(&b, "/removed"));
    succeed(bed_unlink(&b, "/replaced"));
    succeed(volume_sync(&b.v, false)); // its inode is free, and given out again
    for (int i = 0; i < 8; i++) {
        char path[] = "/new0";
        path[4] = (char)('0' + i);
        succeed(bed_open(&b, path, FS_WRITE | FS_CREATE, &other));
        succeed(bed_close(&b, other));
    }
    succeed(bed_rename(&b, "/renamed", "/elsewhere"));
    succeed(bed_write(&b, id[1], 0, "2", 1, &n));
    succeed(bed_unmount(&b));
    bed_mount(&b, CACHE, false);
    b.v.life = (uint32_t)(id[0] >> 32);
    open_files_renew(&b.v, notes);
    free(notes);
    succeed(bed_read(&b, id[1], 0, &byte, 1, &n));
    assert_int_equal(byte, '2');
    succeed(bed_read(&b, id[4], 0, &byte, 1, &n));
    assert_int_equal(byte, '1');
    assert_int_equal(bed_read(&b, id[2], 0, &byte, 1, &n), EBADF);
    assert_int_equal(bed_read(&b, id[3], 0, &byte, 1, &n), EBADF);
    succeed(bed_write(&b, id[0], 5, "x", 1, &n));
    succeed(bed_close(&b, id[0]));
    succeed(bed_unmount(&b));
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_remove(&b);
}

int main(int argc, char **argv)
{
    cmocka_set_test_filter(argc > 1 ? argv[1] : "*");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cut),        cmocka_unit_test(death_without_repair),
        cmocka_unit_test(one_error),        cmocka_unit_test(dead_disk),
        cmocka_unit_test(no_disk_at_mount), cmocka_unit_test(full_disk),
        cmocka_unit_test(open_in_another_life),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
