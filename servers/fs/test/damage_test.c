// SPDX-License-Identifier: MIT
// Volumes that are not as mke2fs leaves them: damaged, read-only, indexed by Linux, with unwritten
// extents, with features that are refused. Defined errors, never a crash, and no more damage than
// there was.
#include "interfaces/fs.types.h"
#include "servers/fs/operations.h"
#include "servers/fs/test/bed.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CACHE = 2 << 20 };

static uint8_t buffer[64 << 10];

static void change_byte(struct bed *b, off_t at, uint8_t change)
{
    uint8_t byte = 0;
    int fd = open(b->image, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= change;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void make_files(struct bed *b, const char *options, int files)
{
    char path[64];
    uint64_t id;
    size_t count;
    bed_make(b, options, "16M");
    bed_mount(b, CACHE, false);
    assert_int_equal(bed_mkdir(b, "/dir"), 0);
    for (int n = 0; n < files; n++) {
        snprintf(path, sizeof(path), "/dir/file-with-some-name-%d", n);
        assert_int_equal(bed_open(b, path, FS_WRITE | FS_CREATE, &id), 0);
        assert_int_equal(bed_write(b, id, 0, path, sizeof(path), &count), 0);
        assert_int_equal(bed_close(b, id), 0);
    }
    assert_int_equal(bed_unmount(b), 0);
}

// Everything that a client can do, whatever comes of it.
static void try_everything(struct bed *b)
{
    char path[64];
    uint64_t id, cursor = 0;
    size_t count;
    struct fs_stat st;
    struct fs_volume volume;
    for (int n = 0; n < 60; n += 7) {
        snprintf(path, sizeof(path), "/dir/file-with-some-name-%d", n);
        int error = bed_open(b, path, FS_READ | FS_WRITE, &id);
        if (!error) {
            bed_read(b, id, 0, buffer, sizeof(buffer), &count);
            bed_write(b, id, 30, buffer, 5000, &count);
            bed_write(b, id, 1 << 20, buffer, 5000, &count);
            bed_truncate(b, id, 100);
            bed_close(b, id);
        }
        op_stat(&b->v, path, strlen(path), true, &st);
        bed_rename(b, path, "/other");
        bed_link(b, "/other", path);
        bed_unlink(b, "/other");
    }
    if (!bed_open(b, "/dir", FS_READ, &id)) {
        for (int n = 0; n < 20 && !op_readdir(&b->v, id, 7, &cursor, buffer, 1000, &count) && count;
             n++) {
        }
        bed_close(b, id);
    }
    bed_mkdir(b, "/dir/new");
    bed_rmdir(b, "/dir/new");
    bed_symlink(b, "/dir", "/link");
    volume_sync(&b->v, true);
    op_statfs(&b->v, &volume);
}

static void bad_superblock(void **)
{
    struct bed b;
    uint64_t id;
    static const int offsets[] = {0x38, 0x18, 0x04, 0x20, 0x28, 0x58, 0x60};
    for (size_t n = 0; n < sizeof(offsets) / sizeof(offsets[0]); n++) {
        make_files(&b, "-b 1024", 5);
        b.quiet = true;
        change_byte(&b, 1024 + offsets[n], 0x55);
        bed_mount(&b, CACHE, false);
        assert_int_equal(b.v.mode, VOLUME_UNUSABLE);
        assert_int_equal(b.v.reason, EUCLEAN);
        assert_int_equal(bed_open(&b, "/dir", FS_READ, &id), EUCLEAN);
        try_everything(&b);
        assert_int_equal(bed_unmount(&b), 0);
        bed_remove(&b);
    }
}

static void not_a_volume(void **)
{
    struct bed b;
    make_files(&b, "-b 4096", 1);
    b.quiet = true;
    assert_int_equal(truncate(b.image, 0), 0);
    assert_int_equal(truncate(b.image, 1 << 20), 0);
    bed_mount(&b, CACHE, false);
    assert_int_equal(b.v.reason, EUCLEAN);
    bed_unmount(&b);
    assert_int_equal(truncate(b.image, 1024), 0);
    bed_mount(&b, CACHE, false);
    assert_int_equal(b.v.reason, EUCLEAN);
    bed_unmount(&b);
    bed_remove(&b);
}

static void disk_too_small(void **)
{
    struct bed b;
    make_files(&b, "-b 1024", 1);
    b.quiet = true;
    assert_int_equal(truncate(b.image, 8 << 20), 0);
    bed_mount(&b, CACHE, false);
    assert_int_equal(b.v.reason, EUCLEAN);
    bed_unmount(&b);
    bed_remove(&b);
}

// Bytes all over the metadata changed at random.
static void random_damage(void **)
{
    const char *text = getenv("FS_TEST_DAMAGES");
    int rounds = text ? atoi(text) : 60;
    srandom(1);
    for (int round = 0; round < rounds; round++) {
        struct bed b;
        make_files(
            &b, round % 2 ? "-b 1024 -N 256" : "-b 1024 -N 256 -O ^metadata_csum,^64bit,^extents",
            60);
        b.quiet = true;
        for (int n = 0; n < 200; n++) {
            // Not the superblock: that has a test of its own, and would end most rounds at once.
            change_byte(&b, 2048 + random() % (400 << 10), (uint8_t)(1 + random() % 255));
        }
        bed_mount(&b, CACHE, false);
        try_everything(&b);
        try_everything(&b);
        bed_unmount(&b);
        bed_remove(&b);
    }
}

static void read_only_disk(void **)
{
    struct bed b;
    uint64_t id;
    size_t count;
    make_files(&b, "-b 1024", 3);
    bed_mount(&b, CACHE, true);
    assert_int_equal(b.v.mode, VOLUME_READ_ONLY);
    assert_int_equal(bed_open(&b, "/dir/file-with-some-name-1", FS_READ, &id), 0);
    assert_int_equal(bed_read(&b, id, 0, buffer, 100, &count), 0);
    assert_int_equal(count, 64);
    assert_int_equal(bed_close(&b, id), 0);
    assert_int_equal(bed_open(&b, "/dir/file-with-some-name-1", FS_WRITE, &id), EROFS);
    assert_int_equal(bed_open(&b, "/new", FS_WRITE | FS_CREATE, &id), EROFS);
    assert_int_equal(bed_mkdir(&b, "/new"), EROFS);
    assert_int_equal(bed_unlink(&b, "/dir/file-with-some-name-1"), EROFS);
    assert_int_equal(volume_sync(&b.v, true), 0);
    assert_int_equal(bed_unmount(&b), 0);
    assert_int_equal(b.disk.writes, 0);
    bed_remove(&b);
}

static void unknown_features(void **)
{
    static const struct {
        const char *options;
        enum volume_mode mode;
    } kinds[] = {
        {"-O bigalloc", VOLUME_READ_ONLY}, {"-O quota", VOLUME_READ_ONLY},
        {"-O casefold", VOLUME_UNUSABLE},  {"-O mmp", VOLUME_UNUSABLE},
        {"-b 8192", VOLUME_UNUSABLE},      {"-O inline_data", VOLUME_WRITABLE},
    };
    for (size_t n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++) {
        struct bed b;
        bed_make(&b, kinds[n].options, "64M");
        b.quiet = true;
        bed_mount(&b, CACHE, false);
        assert_int_equal(b.v.mode, kinds[n].mode);
        try_everything(&b);
        assert_int_equal(bed_unmount(&b), 0);
        assert_int_equal(bed_fsck(&b, "-n"), 0);
        bed_remove(&b);
    }
}

// A directory that Linux (here: e2fsck -D) has put a hash tree over.
static void indexed_directory(void **)
{
    static const char *const kinds[] = {"-b 1024", "-b 1024 -O ^metadata_csum"};
    for (size_t kind = 0; kind < 2; kind++) {
        struct bed b;
        char path[64];
        uint64_t id;
        make_files(&b, kinds[kind], 600);
        b.quiet = true;
        bed_fsck(&b, "-y -D");
        b.quiet = false;
        bed_mount(&b, CACHE, false);
        struct found f;
        assert_int_equal(path_walk(&b.v, "/dir", 4, 0, &f), 0);
        assert_true(f.inode->raw.i_flags & EXT2_INDEX_FL);
        path_done(&b.v, &f);
        for (int n = 0; n < 600; n += 3) {
            snprintf(path, sizeof(path), "/dir/file-with-some-name-%d", n);
            assert_int_equal(bed_unlink(&b, path), 0);
        }
        assert_int_equal(bed_unmount(&b), 0);
        assert_int_equal(bed_fsck(&b, "-n"), 0);
        bed_mount(&b, CACHE, false);
        for (int n = 0; n < 500; n++) {
            snprintf(path, sizeof(path), "/dir/another-%d", n);
            assert_int_equal(bed_open(&b, path, FS_WRITE | FS_CREATE | FS_EXCLUSIVE, &id), 0);
            assert_int_equal(bed_close(&b, id), 0);
        }
        for (int n = 0; n < 600; n++) {
            snprintf(path, sizeof(path), "/dir/file-with-some-name-%d", n);
            assert_int_equal(bed_open(&b, path, FS_READ, &id), n % 3 ? 0 : ENOENT);
            if (n % 3) {
                assert_int_equal(bed_close(&b, id), 0);
            }
        }
        assert_int_equal(bed_unmount(&b), 0);
        assert_int_equal(bed_fsck(&b, "-n"), 0);
        bed_remove(&b);
    }
}

static void unwritten_extents(void **)
{
    struct bed b;
    uint64_t id;
    size_t count;
    static uint8_t expected[40 * 1024];
    make_files(&b, "-b 1024", 2);
    assert_int_equal(bed_debugfs(&b, "fallocate /dir/file-with-some-name-1 1 39"), 0);
    assert_int_equal(bed_debugfs(&b, "sif /dir/file-with-some-name-1 size 40960"), 0);
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_mount(&b, CACHE, false);
    assert_int_equal(bed_open(&b, "/dir/file-with-some-name-1", FS_READ | FS_WRITE, &id), 0);
    assert_int_equal(bed_read(&b, id, 1024, buffer, 39 * 1024, &count), 0);
    assert_memory_equal(buffer, expected, 39 * 1024);
    static const struct {
        uint32_t at, bytes;
    } pieces[] = {{5000, 100}, {9000, 5000}, {20480, 1024}, {30000, 10960}};
    for (size_t n = 0; n < 4; n++) {
        memset(expected + pieces[n].at, 'a' + (int)n, pieces[n].bytes);
        assert_int_equal(
            bed_write(&b, id, pieces[n].at, expected + pieces[n].at, pieces[n].bytes, &count), 0);
        assert_int_equal(count, pieces[n].bytes);
    }
    for (int again = 0; again < 2; again++) {
        assert_int_equal(bed_read(&b, id, 1024, buffer, 39 * 1024, &count), 0);
        assert_memory_equal(buffer, expected + 1024, 39 * 1024);
        assert_int_equal(volume_drop_caches(&b.v), 0);
    }
    assert_int_equal(bed_close(&b, id), 0);
    assert_int_equal(bed_unmount(&b), 0);
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_remove(&b);
}

static void file_numbers(void **)
{
    struct bed b;
    uint64_t id, second;
    struct open_file *f;
    make_files(&b, "-b 1024", 2);
    bed_mount(&b, CACHE, false);
    assert_int_equal(bed_open(&b, "/dir/file-with-some-name-1", FS_READ, &id), 0);
    assert_int_equal(open_find(&b.v, id, 7, &f), 0);
    assert_int_equal(open_find(&b.v, id, 8, &f), EBADF);                 // another client's
    assert_int_equal(open_find(&b.v, id + (1ull << 32), 7, &f), ESTALE); // another incarnation's
    assert_int_equal(open_find(&b.v, 0, 7, &f), EBADF);
    assert_int_equal(bed_close(&b, id), 0);
    assert_int_equal(bed_close(&b, id), EBADF);
    assert_int_equal(bed_open(&b, "/dir/file-with-some-name-1", FS_READ, &second), 0);
    assert_int_not_equal(id, second);
    for (int n = 1; n < OPEN_FILES_MAX; n++) {
        assert_int_equal(bed_open(&b, "/dir", FS_READ, &id), 0);
    }
    assert_int_equal(bed_open(&b, "/dir", FS_READ, &id), EMFILE);
    assert_int_equal(bed_unmount(&b), 0);
    bed_remove(&b);
}

int main(int argc, char **argv)
{
    cmocka_set_test_filter(argc > 1 ? argv[1] : "*");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_superblock),    cmocka_unit_test(not_a_volume),
        cmocka_unit_test(disk_too_small),    cmocka_unit_test(random_damage),
        cmocka_unit_test(read_only_disk),    cmocka_unit_test(unknown_features),
        cmocka_unit_test(indexed_directory), cmocka_unit_test(unwritten_extents),
        cmocka_unit_test(file_numbers),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
