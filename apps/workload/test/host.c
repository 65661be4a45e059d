// SPDX-License-Identifier: MIT
// The workload on the host: files are those of a directory, event lines go to standard output.
//   host DIRECTORY SEED ROUNDS [corrupt-read|lose-write|short-write|fail-rename N]
// The last two words make the N-th such operation go wrong, as a broken system would do it; the workload must notice.
#include "apps/lib/files.h"
#include "apps/workload/report.h"
#include "apps/workload/run.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *root, *fault = "";
static long fault_at;

// Is this the operation that goes wrong?
static bool goes_wrong(const char *what)
{
    return strcmp(what, fault) == 0 && fault_at-- == 0;
}

static const char *real(const char *path)
{
    static char full[2][8192];
    static int turn;
    turn = !turn;
    snprintf(full[turn], sizeof(full[turn]), "%s%s", root, path);
    return full[turn];
}

static struct outcome result(bool ok)
{
    return ok ? OUTCOME_OK : outcome_errno(errno);
}

// ---- apps/lib/files.h ----

struct outcome files_open(struct file *f, const char *path, uint32_t flags, uint32_t mode)
{
    int how = (flags & FS_WRITE ? O_RDWR : O_RDONLY) | (flags & FS_CREATE ? O_CREAT : 0) |
              (flags & FS_EXCLUSIVE ? O_EXCL : 0) | (flags & FS_APPEND ? O_APPEND : 0);
    int fd = open(real(path), how, mode);
    *f = (struct file){.number = (uint64_t)fd};
    return result(fd >= 0);
}

struct outcome files_close(struct file *f)
{
    return result(close((int)f->number) == 0);
}

struct outcome files_read(struct file *f, void *to, size_t bytes, size_t *got)
{
    ssize_t n = read((int)f->number, to, bytes);
    *got = n > 0 ? (size_t)n : 0;
    if (*got > 0 && goes_wrong("corrupt-read")) {
        ((char *)to)[*got / 2] ^= 4;
    }
    return result(n >= 0);
}

struct outcome files_write(struct file *f, const void *from, size_t bytes)
{
    if (bytes > 0 && goes_wrong("lose-write")) {
        return OUTCOME_OK;
    }
    if (bytes > 0 && goes_wrong("short-write")) {
        bytes--;
    }
    return result(write((int)f->number, from, bytes) == (ssize_t)bytes);
}

struct outcome files_stat(const char *path, bool follow, struct fs_stat *out)
{
    struct stat st = {0};
    (void)follow;
    int wrong = lstat(real(path), &st);
    *out = (struct fs_stat){.size = (uint64_t)st.st_size};
    return result(wrong == 0);
}

struct outcome files_mkdir(const char *path, uint32_t mode)
{
    return result(mkdir(real(path), mode) == 0);
}

struct outcome files_rmdir(const char *path)
{
    return result(rmdir(real(path)) == 0);
}

struct outcome files_unlink(const char *path)
{
    return result(unlink(real(path)) == 0);
}

struct outcome files_rename(const char *from, const char *to)
{
    if (goes_wrong("fail-rename")) {
        return (struct outcome){ERR_RESTARTED, 0};
    }
    return result(rename(real(from), real(to)) == 0);
}

struct outcome files_sync(void)
{
    return OUTCOME_OK;
}

struct outcome files_drop_caches(void)
{
    return outcome_errno(EPERM);
}

struct outcome files_list(const char *path, struct listing *out)
{
    *out = (struct listing){0};
    DIR *directory = opendir(real(path));
    if (!directory) {
        return outcome_errno(errno);
    }
    out->names = calloc(4096, sizeof(*out->names));
    for (struct dirent *e; (e = readdir(directory)) != nullptr && out->count < 4096;) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            out->names[out->count++] = (struct name){strdup(e->d_name), e->d_type == DT_DIR ? FS_DIR : FS_FILE, 0};
        }
    }
    closedir(directory);
    return OUTCOME_OK;
}

void files_free_listing(struct listing *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->names[i].name);
    }
    free(list->names);
}

// ---- apps/workload/report.h ----

struct progress progress;

void report_start(struct json *j, char *buffer, const char *kind)
{
    json_start(j, buffer, REPORT_LINE);
    json_text(j, "ev", kind);
}

void report_line(struct json *j)
{
    fwrite(j->to, 1, json_end(j), stdout);
}

void report_error(const char *doing, const char *path, const char *to, struct outcome o)
{
    char line[REPORT_LINE], what[REPORT_LINE];
    struct json j;
    progress.errors++;
    snprintf(what, sizeof(what), "%s %s %s: %s", doing, path, to ? to : "", outcome_text(o));
    report_start(&j, line, "error");
    json_text(&j, "what", what);
    report_line(&j);
}

void report_wrong(const char *what, const char *path)
{
    report_error(what, path, nullptr, OUTCOME_OK);
}

enum conductor_order report_step(void)
{
    return CONDUCTOR_RUN;
}

void report_flush(void)
{
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 6) {
        return 2;
    }
    root = argv[1];
    if (argc == 6) {
        fault = argv[4];
        fault_at = strtol(argv[5], nullptr, 10);
    }
    run(&(struct plan){.seed = strtoull(argv[2], nullptr, 10),
                       .rounds = strtoull(argv[3], nullptr, 10),
                       .limits = {.bytes = 1 << 20, .file_bytes = 1 << 18, .files = 60}});
    return 0;
}
