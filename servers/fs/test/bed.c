// SPDX-License-Identifier: MIT
#include "servers/fs/test/bed.h"
#include "interfaces/fs.types.h"
#include "servers/fs/operations.h"
#include "servers/fs/test/engine.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct bed *current;

static uint64_t now_ns(void)
{
    static uint64_t ticks;
    return 1700000000ull * 1000000000 + ticks++ * 1000;
}

static void note(const char *text)
{
    if (!current->quiet) {
        fprintf(stderr, "fs: %s\n", text);
    }
}

static void alive(void) {}

[[gnu::format(printf, 1, 2)]] static int run(const char *format, ...)
{
    char command[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

void bed_make(struct bed *b, const char *options, const char *size)
{
    memset(b, 0, sizeof(*b));
    // Many images are made and copied: better in memory than on a disk.
    const char *dir = getenv("TMPDIR");
    dir = dir ? dir : access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
    snprintf(b->image, sizeof(b->image), "%s/fs-test-XXXXXX", dir);
    int fd = mkstemp(b->image);
    if (fd < 0 ||
        run("/sbin/mke2fs -q -F -t ext4 %s %s %s >/dev/null 2>&1", options, b->image, size)) {
        fprintf(stderr, "cannot make an image with mke2fs %s\n", options);
        abort();
    }
    close(fd);
}

void bed_remove(struct bed *b)
{
    unlink(b->image);
}

void bed_copy(struct bed *to, const struct bed *from, const char *ending)
{
    *to = *from;
    snprintf(to->image, sizeof(to->image), "%s%s", from->image, ending);
    if (run("cp --sparse=always %s %s", from->image, to->image)) {
        abort();
    }
}

static void mount(struct bed *b, size_t cache_bytes, bool read_only, uint64_t fail_from)
{
    current = b;
    if (!file_device_open(&b->disk, b->image, read_only)) {
        abort();
    }
    b->disk.fail_from = fail_from;
    engine_attach(&b->disk, &b->v);
    size_t half = cache_bytes / 2 / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
    b->memory = aligned_alloc(4096, 2 * half + 4096);
    b->region[0] = (struct cache_region){b->memory, half};
    b->region[1] = (struct cache_region){b->memory + half + 4096, half};
    struct volume_options o = {.device = &b->disk.device,
                               .regions = b->region,
                               .region_count = 2,
                               .cache_max_bytes = 2 * half,
                               .life = 1,
                               .now_ns = now_ns,
                               .note = note,
                               .alive = alive,
                               .ask_chores = engine_ask_chores};
    (void)WORK((volume_mount(&b->v, &o), 0));
}

void bed_mount(struct bed *b, size_t cache_bytes, bool read_only)
{
    mount(b, cache_bytes, read_only, 0);
}

void bed_mount_failing(struct bed *b, size_t cache_bytes, uint64_t fail_from)
{
    mount(b, cache_bytes, false, fail_from);
}

static void close_disk(struct bed *b)
{
    file_device_close(&b->disk);
    free(b->memory);
    b->memory = nullptr;
}

int bed_unmount(struct bed *b)
{
    int error = WORK(volume_unmount(&b->v));
    close_disk(b);
    return error;
}

void bed_abandon(struct bed *b)
{
    (void)WORK((volume_abandon(&b->v), 0));
    close_disk(b);
}

int bed_fsck(struct bed *b, const char *arguments)
{
    int code = run("/sbin/e2fsck -f %s %s > %s.log 2>&1", arguments, b->image, b->image);
    if (code && !b->quiet) {
        run("head -n 30 %s.log >&2", b->image);
    }
    run("rm -f %s.log", b->image);
    return code;
}

int bed_fsck_finds_nothing(struct bed *b)
{
    static const char *const fine =
        "^$|^Pass [1-5]:|: recovering journal$|^Clearing orphaned inode |: [0-9]+/[0-9]+ files |"
        "^e2fsck [0-9]|\\*\\*\\*\\*\\* FILE SYSTEM WAS MODIFIED";
    int code = run("/sbin/e2fsck -f -y %s > %s.log 2>&1", b->image, b->image);
    // Open files freed is a change of e2fsck's own, for which it returns 1.
    bool nothing = code <= 1 && run("grep -q -v -E '%s' %s.log", fine, b->image) == 1 &&
                   (!code || !run("grep -q '^Clearing orphaned' %s.log", b->image));
    if (!nothing) {
        run("head -n 40 %s.log >&2", b->image);
    }
    run("rm -f %s.log", b->image);
    return !nothing;
}

int bed_debugfs_all(struct bed *b, const char *first, const char *second)
{
    return run("printf '%s\\n%s\\n' | /sbin/debugfs -w -f - %s >/dev/null 2>&1", first, second,
               b->image);
}

int bed_debugfs(struct bed *b, const char *request)
{
    return run("/sbin/debugfs -w -R '%s' %s >/dev/null 2>&1", request, b->image);
}

// ---- Operations ----

static int copy_out(void *arg, uint64_t offset, uint8_t *memory, size_t bytes)
{
    memcpy((uint8_t *)arg + offset, memory, bytes);
    return 0;
}

static int copy_in(void *arg, uint64_t offset, uint8_t *memory, size_t bytes)
{
    memcpy(memory, (const uint8_t *)arg + offset, bytes);
    return 0;
}

int bed_open(struct bed *b, const char *path, uint32_t flags, uint64_t *id)
{
    struct open_file *file;
    return REQUEST(op_open(&b->v, path, strlen(path), flags, 0644, BED_BADGE, id, &file));
}

int bed_close(struct bed *b, uint64_t id)
{
    return REQUEST(open_close(&b->v, id, BED_BADGE));
}

int bed_write(struct bed *b, uint64_t id, uint64_t at, const void *data, size_t bytes,
              size_t *count)
{
    uint64_t end;
    return REQUEST(op_write(&b->v, id, BED_BADGE, at, bytes, copy_in, (void *)data, count, &end));
}

int bed_read(struct bed *b, uint64_t id, uint64_t at, void *data, size_t bytes, size_t *count)
{
    return REQUEST(op_read(&b->v, id, BED_BADGE, at, bytes, copy_out, data, count));
}

int bed_truncate(struct bed *b, uint64_t id, uint64_t size)
{
    return REQUEST(op_truncate(&b->v, id, BED_BADGE, size));
}

int bed_mkdir(struct bed *b, const char *path)
{
    return REQUEST(op_mkdir(&b->v, path, strlen(path), 0755));
}

int bed_rmdir(struct bed *b, const char *path)
{
    return REQUEST(op_rmdir(&b->v, path, strlen(path)));
}

int bed_unlink(struct bed *b, const char *path)
{
    return REQUEST(op_unlink(&b->v, path, strlen(path)));
}

int bed_rename(struct bed *b, const char *from, const char *to)
{
    return REQUEST(op_rename(&b->v, from, strlen(from), to, strlen(to)));
}

int bed_link(struct bed *b, const char *from, const char *to)
{
    return REQUEST(op_link(&b->v, from, strlen(from), to, strlen(to)));
}

int bed_symlink(struct bed *b, const char *target, const char *path)
{
    return REQUEST(op_symlink(&b->v, target, strlen(target), path, strlen(path)));
}
