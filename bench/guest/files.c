// SPDX-License-Identifier: MIT
// Files: the same steps, sizes and counts as bench/peers/lxbench.c takes on Linux.
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "interfaces/fs.client.h"
#include "lib/rt/rt.h"
#include <stdio.h>
#include <string.h>

enum { CHUNK = 64 << 10, SMALL_FILES = 1000, RANDOM_READS = 5000, SYNCED_WRITES = 100, NEW_MODE = 0644 };
#define BIG_BYTES (64ull << 20)

static handle_t fs;
static char chunk[CHUNK] __attribute__((aligned(4096)));

// Ends the group with the reason if a step fails: a figure of failed operations would be worthless.
#define TRY(name, call)                                                                                                \
    do {                                                                                                               \
        int err = 0;                                                                                                   \
        enum status status = (call);                                                                                   \
        if (status != OK) {                                                                                            \
            report_failure(name, #call, status == ERR_ERRNO ? err : -(int)status);                                     \
            return false;                                                                                              \
        }                                                                                                              \
    } while (0)

static bool open_file(const char *path, uint32_t flags, uint64_t *file)
{
    uint64_t size;
    uint32_t kind;
    TRY(path, fs_open(fs, path, strlen(path), flags, NEW_MODE, file, &size, &kind, &err));
    return true;
}

static bool write_all(uint64_t file)
{
    for (uint64_t at = 0; at < BIG_BYTES; at += CHUNK) {
        uint32_t count;
        uint64_t end;
        TRY("write", fs_write(fs, file, at, chunk, CHUNK, &count, &end, &err));
    }
    return true;
}

static bool read_all(uint64_t file)
{
    for (uint64_t at = 0; at < BIG_BYTES; at += CHUNK) {
        uint32_t count;
        TRY("read", fs_read(fs, file, at, chunk, CHUNK, &count, &err));
    }
    return true;
}

static bool big_writes(void)
{
    for (int round = 0; round < 2; round++) {
        uint64_t file;
        struct lap begun = lap_begin();
        if (!open_file("/bench/big", FS_READ | FS_WRITE | FS_CREATE, &file) || !write_all(file)) {
            return false;
        }
        report_bulk(round ? "ext4_write64K_overwrite_nosync" : "ext4_write64K_new_nosync", BIG_BYTES, lap_end(begun));
        TRY("fsync", fs_fsync(fs, file, &err));
        report_bulk(round ? "ext4_write64K_overwrite_fsync" : "ext4_write64K_new_fsync", BIG_BYTES, lap_end(begun));
        TRY("close", fs_close(fs, file, &err));
    }
    return true;
}

static bool big_reads(void)
{
    TRY("drop_caches", fs_drop_caches(fs, &err));
    for (int round = 0; round < 3; round++) {
        uint64_t file;
        if (!open_file("/bench/big", FS_READ, &file)) {
            return false;
        }
        struct lap begun = lap_begin();
        if (!read_all(file)) {
            return false;
        }
        report_bulk(round ? "ext4_read64K_cached" : "ext4_read64K_cold", BIG_BYTES, lap_end(begun));
        TRY("close", fs_close(fs, file, &err));
    }
    return true;
}

static bool random_access(void)
{
    uint64_t file, end;
    uint32_t count, s = 1;
    if (!open_file("/bench/big", FS_READ | FS_WRITE, &file)) {
        return false;
    }
    struct lap begun = lap_begin();
    for (int i = 0; i < RANDOM_READS; i++) {
        s = s * 1103515245u + 12345u;
        TRY("pread", fs_read(fs, file, (s >> 8) % (BIG_BYTES / 4096) * 4096, chunk, 4096, &count, &err));
    }
    report_each("ext4_pread4K_random_cached", RANDOM_READS, lap_end(begun));
    begun = lap_begin();
    for (uint64_t i = 0; i < SYNCED_WRITES; i++) {
        TRY("pwrite", fs_write(fs, file, i * 4096, chunk, 4096, &count, &end, &err));
        TRY("fsync", fs_fsync(fs, file, &err));
    }
    report_each("ext4_pwrite4K+fsync", SYNCED_WRITES, lap_end(begun));
    TRY("close", fs_close(fs, file, &err));
    TRY("unlink", fs_unlink(fs, "/bench/big", strlen("/bench/big"), &err));
    TRY("sync", fs_sync(fs, &err));
    return true;
}

static size_t small_path(char path[64], int number)
{
    return (size_t)snprintf(path, 64, "/bench/d/f%d", number);
}

static bool create_small(size_t bytes)
{
    for (int i = 0; i < SMALL_FILES; i++) {
        char path[64];
        small_path(path, i);
        uint64_t file, end;
        uint32_t count;
        if (!open_file(path, FS_WRITE | FS_CREATE | FS_EXCLUSIVE, &file)) {
            return false;
        }
        if (bytes) {
            TRY("write", fs_write(fs, file, 0, chunk, bytes, &count, &end, &err));
        }
        TRY("close", fs_close(fs, file, &err));
    }
    return true;
}

static bool stat_small(void)
{
    for (int i = 0; i < SMALL_FILES; i++) {
        char record[256];
        uint32_t length = (uint32_t)small_path(record, i);
        TRY("stat", fs_stat(fs, length, true, record, sizeof record, &err));
    }
    return true;
}

static bool read_small(bool same)
{
    for (int i = 0; i < SMALL_FILES; i++) {
        char path[64];
        small_path(path, same ? 0 : i);
        uint64_t file;
        uint32_t count;
        if (!open_file(path, FS_READ, &file)) {
            return false;
        }
        TRY("read", fs_read(fs, file, 0, chunk, 4096, &count, &err));
        TRY("close", fs_close(fs, file, &err));
    }
    return true;
}

static bool unlink_small(void)
{
    for (int i = 0; i < SMALL_FILES; i++) {
        char path[64];
        size_t length = small_path(path, i);
        TRY("unlink", fs_unlink(fs, path, length, &err));
    }
    return true;
}

// Times one pass over all small files.
#define TIMED(name, pass)                                                                                              \
    do {                                                                                                               \
        struct lap begun = lap_begin();                                                                 \
        if (!(pass)) {                                                                                                 \
            return false;                                                                                              \
        }                                                                                                              \
        report_each(name, SMALL_FILES, lap_end(begun));                                          \
    } while (0)

static bool small_files(void)
{
    TRY("mkdir", fs_mkdir(fs, "/bench/d", strlen("/bench/d"), 0755, &err));
    TIMED("ext4_create_empty+close", create_small(0));
    TIMED("ext4_stat", stat_small());
    TIMED("ext4_unlink_empty", unlink_small());
    TIMED("ext4_create+write1K+close", create_small(1024));
    TRY("drop_caches", fs_drop_caches(fs, &err));
    TIMED("ext4_open+read1K+close_cold", read_small(false));
    TIMED("ext4_open+read1K+close_cached", read_small(false));
    TIMED("ext4_open+read1K+close_samefile", read_small(true));
    TIMED("ext4_unlink_1K", unlink_small());
    TRY("rmdir", fs_rmdir(fs, "/bench/d", strlen("/bench/d"), &err));
    return true;
}

static bool all(void)
{
    TRY("mkdir", fs_mkdir(fs, "/bench", strlen("/bench"), 0755, &err));
    bool ok = big_writes() && big_reads() && random_access() && small_files();
    TRY("rmdir", ok ? fs_rmdir(fs, "/bench", strlen("/bench"), &err) : OK);
    return ok;
}

void bench_files(void)
{
    fs = rt_handle("fs");
    if (!fs) {
        return report_failure("files", "the manifest gives no handle 'fs'", 0);
    }
    memset(chunk, 'x', sizeof chunk);
    (void)all();
}
