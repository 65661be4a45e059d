// SPDX-License-Identifier: MIT
// The file service: requests in, operations on the one volume, answers out.
//
// Each request is a transaction. One that would have to wait for the disk is undone and runs again
// (transactions.h); those whose whole meaning is to wait for it (a sync) say so with rt_commit() and
// may be begun again, as may what the timers do. All state is in globals and on the heap, so an heir
// goes on with open files, caches and dirty data.
//
// Args: cache=BYTES limits the block cache, sync_ms=N says how often dirty data is written,
// read_only=1 forbids changes.
#include "interfaces/fs.server.h"
#include "interfaces/time.client.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"
#include "servers/args.h"
#include "servers/fs/block_device.h"
#include "servers/fs/consistency.h"
#include "servers/fs/operations.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIST_BYTES = 64 << 10,
    CACHE_DEFAULT_BYTES = 128 << 20,
    HEAP_SHARE_BYTES = 24 << 20, // of the quota, not for the block cache
    SYNC_MS = 5000,
    CHORE_RETRY_NS = 10'000'000,
};
#define BADGE_ADMIN (1ull << 31)

static struct volume volume;
static int64_t boot_unix_ns; // wall clock when the machine's clock was 0
static struct rt_timer sync_timer, chore_timer;
static uint64_t sync_ns;
MOVE_NEVER(paths) static char paths[2 * FS_PATH_MAX];
MOVE_NEVER(list) static uint8_t list[LIST_BYTES];

// ---- Answers and data ----

// An operation's result as the dispatcher wants it.
static enum status answer(int error, int *err)
{
    if (error == ESTALE) {
        return ERR_RESTARTED;
    }
    *err = error;
    return error ? ERR_ERRNO : OK;
}

static int copy_out(void *rq, uint64_t offset, uint8_t *memory, size_t bytes)
{
    return rt_grant_write(rq, offset, memory, bytes) == OK ? 0 : EFAULT;
}

// Into the cache, which knows what has to be kept (cache_preserve), or into `paths`.
static int copy_in(void *rq, uint64_t offset, uint8_t *memory, size_t bytes)
{
    return rt_grant_read_unlogged(rq, offset, memory, bytes) == OK ? 0 : EFAULT;
}

static int fetch_path(struct request *rq, size_t bytes)
{
    if (bytes > sizeof(paths)) {
        return ENAMETOOLONG;
    }
    return copy_in(rq, 0, (uint8_t *)paths, bytes);
}

// Two paths in a row, the first of `first` bytes.
static int fetch_paths(struct request *rq, size_t first, size_t all)
{
    return first >= all ? EINVAL : fetch_path(rq, all);
}

// ---- Operations ----

static enum status do_open(struct request *rq, size_t bytes, uint32_t flags, uint32_t mode,
                           uint64_t *file, uint64_t *size, uint32_t *kind, int *err)
{
    struct open_file *f;
    int error = fetch_path(rq, bytes);
    error = error ? error : op_open(&volume, paths, bytes, flags, mode, rq->m.badge, file, &f);
    if (!error) {
        *size = inode_size(f->inode);
        *kind = inode_is_dir(f->inode) ? FS_DIR : FS_FILE;
    }
    return answer(error, err);
}

static enum status do_close(struct request *rq, uint64_t file, int *err)
{
    int error = volume_check(&volume);
    return answer(error ? error : open_close(&volume, file, rq->m.badge), err);
}

static enum status do_read(struct request *rq, uint64_t file, uint64_t offset, size_t bytes,
                           uint32_t *count, int *err)
{
    size_t n = 0;
    int error = op_read(&volume, file, rq->m.badge, offset, bytes, copy_out, rq, &n);
    *count = (uint32_t)n;
    return answer(error, err);
}

static enum status do_write(struct request *rq, uint64_t file, uint64_t offset, size_t bytes,
                            uint32_t *count, uint64_t *end, int *err)
{
    size_t n = 0;
    int error = op_write(&volume, file, rq->m.badge, offset, bytes, copy_in, rq, &n, end);
    *count = (uint32_t)n;
    return answer(error, err);
}

static enum status do_truncate(struct request *rq, uint64_t file, uint64_t size, int *err)
{
    return answer(op_truncate(&volume, file, rq->m.badge, size), err);
}

static enum status do_readdir(struct request *rq, uint64_t file, uint64_t cursor, size_t room,
                              uint32_t *bytes, uint64_t *next, int *err)
{
    size_t used = 0;
    room = room < sizeof(list) ? room : sizeof(list);
    int error = op_readdir(&volume, file, rq->m.badge, &cursor, list, room, &used);
    error = error || !used ? error : copy_out(rq, 0, list, used);
    *bytes = (uint32_t)used;
    *next = cursor;
    return answer(error, err);
}

static enum status do_stat(struct request *rq, uint32_t bytes, bool follow, size_t room, int *err)
{
    struct fs_stat record;
    // The answer goes behind the path: this request may come again.
    int error = bytes + sizeof(record) > room ? EINVAL : fetch_path(rq, bytes);
    error = error ? error : op_stat(&volume, paths, bytes, follow, &record);
    error = error ? error : copy_out(rq, bytes, (uint8_t *)&record, sizeof(record));
    return answer(error, err);
}

static enum status do_fstat(struct request *rq, uint64_t file, size_t, int *err)
{
    struct fs_stat record;
    int error = op_fstat(&volume, file, rq->m.badge, &record);
    error = error ? error : copy_out(rq, 0, (uint8_t *)&record, sizeof(record));
    return answer(error, err);
}

static enum status do_mkdir(struct request *rq, size_t bytes, uint32_t mode, int *err)
{
    int error = fetch_path(rq, bytes);
    return answer(error ? error : op_mkdir(&volume, paths, bytes, mode), err);
}

static enum status do_rmdir(struct request *rq, size_t bytes, int *err)
{
    int error = fetch_path(rq, bytes);
    return answer(error ? error : op_rmdir(&volume, paths, bytes), err);
}

static enum status do_unlink(struct request *rq, size_t bytes, int *err)
{
    int error = fetch_path(rq, bytes);
    return answer(error ? error : op_unlink(&volume, paths, bytes), err);
}

static enum status do_rename(struct request *rq, uint32_t first, size_t all, int *err)
{
    int error = fetch_paths(rq, first, all);
    return answer(error ? error : op_rename(&volume, paths, first, paths + first, all - first),
                  err);
}

static enum status do_link(struct request *rq, uint32_t first, size_t all, int *err)
{
    int error = fetch_paths(rq, first, all);
    return answer(error ? error : op_link(&volume, paths, first, paths + first, all - first), err);
}

static enum status do_symlink(struct request *rq, uint32_t first, size_t all, int *err)
{
    int error = fetch_paths(rq, first, all);
    return answer(error ? error : op_symlink(&volume, paths, first, paths + first, all - first),
                  err);
}

static enum status do_readlink(struct request *rq, uint32_t bytes, size_t room, uint32_t *length,
                               int *err)
{
    int error = bytes > room ? EINVAL : fetch_path(rq, bytes);
    error = error ? error : op_readlink(&volume, paths, bytes, (char *)list, sizeof(list), length);
    room -= error ? 0 : bytes;
    error = error ? error : copy_out(rq, bytes, list, *length < room ? *length : room);
    return answer(error, err);
}

static enum status do_chmod(struct request *rq, size_t bytes, uint32_t mode, int *err)
{
    int error = fetch_path(rq, bytes);
    return answer(error ? error : op_chmod(&volume, paths, bytes, mode), err);
}

static enum status do_utimes(struct request *rq, size_t bytes, int64_t access_ns, int64_t modify_ns,
                             int *err)
{
    int error = fetch_path(rq, bytes);
    return answer(error ? error : op_utimes(&volume, paths, bytes, access_ns, modify_ns), err);
}

static enum status do_fsync(struct request *rq, uint64_t file, int *err)
{
    rt_commit();
    return answer(op_fsync(&volume, file, rq->m.badge), err);
}

static enum status do_sync(struct request *, int *err)
{
    rt_commit();
    return answer(volume_sync(&volume, true), err);
}

static enum status do_statfs(struct request *rq, size_t, int *err)
{
    struct fs_volume record;
    op_statfs(&volume, &record);
    return answer(copy_out(rq, 0, (uint8_t *)&record, sizeof(record)), err);
}

static enum status do_shutdown(struct request *rq, int *err)
{
    int error = rq->m.badge & BADGE_ADMIN ? 0 : EPERM;
    rt_commit();
    if (!error && volume.mode != VOLUME_UNUSABLE) {
        error = volume_sync(&volume, true);
        volume.shut_down = volume.shut_down || !error;
    }
    return answer(error, err);
}

static enum status do_drop_caches(struct request *rq, int *err)
{
    rt_commit();
    return answer(rq->m.badge & BADGE_ADMIN ? volume_drop_caches(&volume) : EPERM, err);
}

// ---- Start ----

static uint64_t now_ns(void)
{
    return (uint64_t)boot_unix_ns + rt_now_ns();
}

static void note(const char *text)
{
    log_warn("%s", text);
}

static void alive(void)
{
    rt_progress();
    rt_beat();
}

static void read_clock(void)
{
    uint64_t unix_ns, monotonic_ns;
    handle_t time = rt_handle("time");
    if (time != HANDLE_NONE && time_now(time, &unix_ns, &monotonic_ns) == OK) {
        boot_unix_ns = (int64_t)(unix_ns - monotonic_ns);
    } else {
        log_warn("no wall clock: files are dated from 1970 on");
    }
}

// Armed first: a death in the middle leaves it to the heir. Cheap if there was none.
static void on_chores(void *)
{
    rt_timer(&chore_timer, rt_now_ns() + CHORE_RETRY_NS, on_chores, nullptr);
    volume_do_chores(&volume);
    rt_timer_cancel(&chore_timer);
}

static void ask_chores(void)
{
    rt_timer(&chore_timer, rt_now_ns(), on_chores, nullptr);
}

static void on_sync_timer(void *)
{
    rt_timer(&sync_timer, rt_now_ns() + sync_ns, on_sync_timer, nullptr);
    if (volume_needs_sync(&volume) && volume.mode == VOLUME_WRITABLE) {
        int error = volume_sync_by_time(&volume);
        if (error) {
            log_error("dirty data cannot be written, errno %d; it is kept and tried again", error);
        }
    }
    rt_timer(&sync_timer, rt_now_ns() + sync_ns, on_sync_timer, nullptr);
}

static uint64_t cache_limit(void)
{
    struct task_info self;
    uint64_t want = arg_number("cache", CACHE_DEFAULT_BYTES);
    if (sys_task_info(HANDLE_NONE, &self) == OK) {
        uint64_t left = self.quota_limit > self.quota_used + HEAP_SHARE_BYTES
                            ? self.quota_limit - self.quota_used - HEAP_SHARE_BYTES
                            : CACHE_LINE_BYTES * 64;
        want = want < left ? want : left;
    }
    want = want < CACHE_MIN_BYTES ? CACHE_MIN_BYTES : want;
    return want / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
}

static void mount(uint32_t life)
{
    struct device *device;
    struct cache_region region;
    uint64_t limit = cache_limit();
    enum status status = block_device_open(&device, limit);
    if (status != OK) {
        log_error("no disk: status %d", (int)status);
        volume.mode = VOLUME_UNUSABLE;
        volume.reason = ENODEV;
        return;
    }
    block_device_memory(&region.memory, &region.bytes);
    struct volume_options options = {
        .device = device,
        .regions = &region,
        .region_count = 1,
        .cache_max_bytes = limit,
        .life = life,
        .read_only = arg_number("read_only", 0),
        .now_ns = now_ns,
        .note = note,
        .alive = alive,
        .ask_chores = ask_chores,
    };
    volume_mount(&volume, &options);
}

// From a checkpoint: the disk is newer than anything that is remembered of it, so nothing of the
// caches may ever be written. What is left are the open files, as far as they are still there.
static void on_reborn(const struct rt_rebirth *rebirth)
{
    if (!rebirth->restored) {
        return;
    }
    struct open_note *notes = open_files_note(&volume);
    uint32_t life = volume.life;
    volume_forget(&volume);
    block_device_forget();
    rt_commit(); // what was unmapped makes room
    read_clock();
    mount(notes ? life : (uint32_t)rt_random64() | 1);
    if (notes) {
        open_files_renew(&volume, notes);
    }
    free(notes);
}

static bool on_check(char *why, size_t room)
{
    return volume_is_consistent(&volume, why, room);
}

int service_main(void)
{
    static const struct fs_ops ops = {
        .open = do_open,
        .close = do_close,
        .read = do_read,
        .write = do_write,
        .truncate = do_truncate,
        .readdir = do_readdir,
        .stat = do_stat,
        .fstat = do_fstat,
        .mkdir = do_mkdir,
        .rmdir = do_rmdir,
        .unlink = do_unlink,
        .rename = do_rename,
        .link = do_link,
        .symlink = do_symlink,
        .readlink = do_readlink,
        .chmod = do_chmod,
        .utimes = do_utimes,
        .fsync = do_fsync,
        .sync = do_sync,
        .statfs = do_statfs,
        .shutdown = do_shutdown,
        .drop_caches = do_drop_caches,
    };
    static const struct rt_interface interfaces[] = {{FS_PROTOCOL, fs_dispatch, &ops}};
    read_clock();
    mount((uint32_t)rt_random64() | 1);
    rt_on_reborn(on_reborn);
    rt_on_check(on_check);
    sync_ns = arg_number("sync_ms", SYNC_MS) * 1000000;
    rt_timer(&sync_timer, rt_now_ns() + sync_ns, on_sync_timer, nullptr);
    return rt_serve(interfaces, 1);
}
