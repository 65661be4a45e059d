// SPDX-License-Identifier: MIT
#include "apps/workload/work.h"
#include "apps/lib/files.h"
#include "apps/lib/path.h"
#include "apps/workload/report.h"
#include "lib/rt/rt.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORK_PATH = 96,
    FILES_MAX = 512,
    APPEND_MAX = 96 << 10, // bytes at once
};
static const char work_root[] = "/work";

// A file that we made. `sha` has taken in all that it must hold, so that its size is sha.bytes and an append
// goes on from there.
struct made {
    char path[WORK_PATH];
    struct sha256 sha;
};

static struct {
    const struct tree *originals;
    struct limits limits;
    struct made *files[FILES_MAX];
    size_t count;
    uint64_t bytes, dice, next_name, next_seed;
    char directory[WORK_PATH]; // of this round
} w;

// ---- Chance: splitmix64 ----

static uint64_t draw(uint64_t limit)
{
    uint64_t x = w.dice += 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return (x ^ x >> 31) % limit;
}

// ---- Expectations ----

static struct made *remember(const char *path, const struct sha256 *sha)
{
    struct made *m = w.count < FILES_MAX ? malloc(sizeof(*m)) : nullptr;
    if (m) {
        snprintf(m->path, sizeof(m->path), "%s", path);
        m->sha = *sha;
        w.files[w.count++] = m;
        w.bytes += sha->bytes;
    }
    return m;
}

static void forget(size_t index)
{
    w.bytes -= w.files[index]->sha.bytes;
    free(w.files[index]);
    w.files[index] = w.files[--w.count];
}

static bool same(const struct sha256 *a, const struct sha256 *b)
{
    uint8_t x[SHA256_BYTES], y[SHA256_BYTES];
    sha256_digest(a, x);
    sha256_digest(b, y);
    return a->bytes == b->bytes && memcmp(x, y, sizeof(x)) == 0;
}

const struct sha256 *work_expected(const char *path)
{
    for (size_t i = 0; i < w.count; i++) {
        if (strcmp(w.files[i]->path, path) == 0) {
            return &w.files[i]->sha;
        }
    }
    return nullptr;
}

size_t work_count(void)
{
    return w.count;
}

// Reads the file and compares. Tells what is wrong.
static bool check(const char *path, const struct sha256 *expected)
{
    struct sha256 found;
    uint64_t size;
    struct outcome o = hash_file(path, &found, &size);
    if (failed(o)) {
        report_error("read back", path, nullptr, o);
        return false;
    }
    if (!same(&found, expected)) {
        report_wrong(size == expected->bytes ? "content differs from what was written"
                                             : "length differs from what was written", path);
        return false;
    }
    return true;
}

static bool check_gone(const char *path)
{
    struct fs_stat st;
    struct outcome o = files_stat(path, false, &st);
    if (is_errno(o, ENOENT)) {
        return true;
    }
    if (failed(o)) {
        report_error("look for", path, nullptr, o);
    } else {
        report_wrong("is still there", path);
    }
    return false;
}

// ---- Reports ----

static void tell(const char *op, const char *path, const char *to, uint64_t bytes, uint64_t seed)
{
    char line[REPORT_LINE];
    struct json j;
    report_start(&j, line, "op");
    json_text(&j, "op", op);
    json_text(&j, "path", path);
    if (to) {
        json_text(&j, "to", to);
    }
    json_number(&j, "bytes", bytes);
    if (seed) {
        json_number(&j, "seed", seed);
    }
    report_line(&j);
    progress.ops++;
}

// ---- Operations ----

static void new_name(char path[WORK_PATH], const char *what)
{
    snprintf(path, WORK_PATH, "%s/%s-%llu", w.directory, what, (unsigned long long)w.next_name++);
}

static bool make_directory(const char *path)
{
    struct outcome o = files_mkdir(path, 0755);
    if (failed(o)) {
        report_error("mkdir", path, nullptr, o);
        return false;
    }
    tell("mkdir", path, nullptr, 0, 0);
    return true;
}

// What the pieces of the last copy were, when they had been read and when they had been written: should anything of
// it be wrong, this says where.
enum { PIECES = 40 };
static struct {
    uint64_t read[PIECES], written[PIECES];
    size_t count;
} last_copy;

// 0: all are zeros.
static uint64_t sum_of(const char *bytes, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum = (sum + (uint8_t)bytes[i]) * 0x9e3779b97f4a7c15ull;
    }
    return sum;
}

static struct outcome copy_bytes(struct file *from, struct file *to, struct sha256 *sha)
{
    static char buffer[FILES_CHUNK];
    struct outcome o = OUTCOME_OK;
    size_t got = 1;
    last_copy.count = 0;
    while (!failed(o) && got > 0) {
        o = files_read(from, buffer, sizeof(buffer), &got);
        if (!failed(o)) {
            size_t piece = last_copy.count < PIECES - 1 ? last_copy.count++ : PIECES - 1;
            last_copy.read[piece] = sum_of(buffer, got);
            sha256_add(sha, buffer, got);
            o = files_write(to, buffer, got);
            last_copy.written[piece] = sum_of(buffer, got);
            progress.bytes += 2 * got;
        }
        (void)report_step();
    }
    return o;
}

static void tell_pieces(const char *path)
{
    static char buffer[FILES_CHUNK];
    struct file f;
    struct outcome o = files_open(&f, path, FS_READ, 0);
    size_t got = 1;
    for (size_t i = 0; !failed(o) && got > 0; i++) {
        o = files_read(&f, buffer, sizeof(buffer), &got);
        if (!failed(o) && got > 0 && i < last_copy.count) {
            log_warn("piece %zu of %s: read as %llx, after it was written %llx, now %llx", i, path,
                     (unsigned long long)last_copy.read[i], (unsigned long long)last_copy.written[i],
                     (unsigned long long)sum_of(buffer, got));
        }
    }
    (void)files_close(&f);
}

// Copies; *sha is of what was read.
static struct outcome copy_file(const char *from, const char *to, struct sha256 *sha)
{
    struct file in, out;
    sha256_start(sha);
    struct outcome o = files_open(&in, from, FS_READ, 0);
    if (failed(o)) {
        return o;
    }
    o = files_open(&out, to, FS_WRITE | FS_CREATE | FS_EXCLUSIVE, 0644);
    if (!failed(o)) {
        o = copy_bytes(&in, &out, sha);
        struct outcome closed = files_close(&out);
        o = failed(o) ? o : closed;
    }
    struct outcome closed = files_close(&in);
    return failed(o) ? o : closed;
}

static bool matches_original(const struct known *source, const struct sha256 *sha)
{
    uint8_t digest[SHA256_BYTES];
    sha256_digest(sha, digest);
    return sha->bytes == source->size && memcmp(digest, source->digest, sizeof(digest)) == 0;
}

// An original that is not too large, or nullptr when chance finds none.
static const struct known *draw_original(void)
{
    for (int tries = 0; tries < 20 && w.originals->count > 0; tries++) {
        const struct known *source = &w.originals->files[draw(w.originals->count)];
        if (source->hashed && source->size <= w.limits.file_bytes) {
            return source;
        }
    }
    return nullptr;
}

static void do_copy(void)
{
    struct sha256 sha;
    char to[WORK_PATH];
    const struct known *source = draw_original();
    if (!source || w.count >= w.limits.files) {
        return;
    }
    new_name(to, "copy");
    struct outcome o = copy_file(source->path, to, &sha);
    if (failed(o)) {
        report_error("copy", source->path, to, o);
        return;
    }
    bool good = matches_original(source, &sha);
    if (!good) {
        report_wrong("content differs from the first reading", source->path);
    }
    if (!check(to, &sha) || !good) {
        tell_pieces(source->path);
        tell_pieces(to);
    } else if (remember(to, &sha)) {
        tell("copy", source->path, to, sha.bytes, 0);
    }
}

// The bytes of seed s: SHA-256("s:0") SHA-256("s:1") …
static void make_bytes(char *to, size_t bytes, uint64_t seed)
{
    for (uint64_t i = 0; i * SHA256_BYTES < bytes; i++) {
        char text[48];
        uint8_t digest[SHA256_BYTES];
        struct sha256 sha;
        int n = snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)seed, (unsigned long long)i);
        sha256_start(&sha);
        sha256_add(&sha, text, (size_t)n);
        sha256_digest(&sha, digest);
        size_t at = i * SHA256_BYTES, rest = bytes - at;
        memcpy(to + at, digest, rest < sizeof(digest) ? rest : sizeof(digest));
    }
}

static struct outcome append_bytes(const char *path, const char *bytes, size_t n)
{
    struct file f;
    struct outcome o = files_open(&f, path, FS_WRITE | FS_CREATE | FS_APPEND, 0644);
    if (failed(o)) {
        return o;
    }
    o = files_write(&f, bytes, n);
    struct outcome closed = files_close(&f);
    return failed(o) ? o : closed;
}

static void append_to(struct made *m)
{
    static char bytes[APPEND_MAX];
    // Small pieces are the rule, and they are where block borders are crossed.
    size_t n = 1 + draw(draw(4) == 0 ? APPEND_MAX : 3000);
    uint64_t seed = ++w.next_seed;
    make_bytes(bytes, n, seed);
    struct outcome o = append_bytes(m->path, bytes, n);
    if (failed(o)) {
        report_error("append", m->path, nullptr, o);
        return;
    }
    sha256_add(&m->sha, bytes, n);
    w.bytes += n;
    progress.bytes += n;
    if (check(m->path, &m->sha)) {
        tell("append", m->path, nullptr, n, seed);
    }
}

static void do_append(void)
{
    char path[WORK_PATH];
    struct sha256 empty;
    if (w.count > 0 && draw(3) > 0) {
        append_to(w.files[draw(w.count)]);
        return;
    }
    sha256_start(&empty);
    new_name(path, "log");
    struct made *m = w.count < w.limits.files ? remember(path, &empty) : nullptr;
    if (m) {
        append_to(m); // makes the file
    }
}

static void do_rename(void)
{
    char to[WORK_PATH], from[WORK_PATH];
    if (w.count == 0) {
        return;
    }
    struct made *m = w.files[draw(w.count)];
    memcpy(from, m->path, sizeof(from));
    new_name(to, "moved");
    struct outcome o = files_rename(from, to);
    if (failed(o)) {
        report_error("rename", from, to, o);
        return;
    }
    memcpy(m->path, to, sizeof(to));
    if (check_gone(from) && check(to, &m->sha)) {
        tell("rename", from, to, 0, 0);
    }
}

static void do_unlink(void)
{
    char path[WORK_PATH];
    if (w.count == 0) {
        return;
    }
    size_t index = draw(w.count);
    memcpy(path, w.files[index]->path, sizeof(path));
    struct outcome o = files_unlink(path);
    if (failed(o)) {
        report_error("unlink", path, nullptr, o);
        return;
    }
    forget(index);
    if (check_gone(path)) {
        tell("unlink", path, nullptr, 0, 0);
    }
}

// Directories of earlier rounds that have become empty. A full one refuses, as it must.
static void remove_empty_directories(void)
{
    struct listing list;
    char path[PATH_SIZE];
    struct outcome o = files_list(work_root, &list);
    if (failed(o)) {
        report_error("list", work_root, nullptr, o);
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (!path_join(path, work_root, list.names[i].name) || strcmp(path, w.directory) == 0) {
            continue;
        }
        o = files_rmdir(path);
        if (!failed(o) && check_gone(path)) {
            tell("rmdir", path, nullptr, 0, 0);
        } else if (failed(o) && !is_errno(o, ENOTEMPTY)) {
            report_error("rmdir", path, nullptr, o);
        }
        (void)report_step();
    }
    files_free_listing(&list);
}

// ---- Rounds ----

void work_start(const struct tree *originals, uint64_t seed, const struct limits *limits)
{
    memset(&w, 0, sizeof(w));
    w.originals = originals;
    w.limits = *limits;
    w.limits.files = limits->files < FILES_MAX ? limits->files : FILES_MAX;
    w.dice = seed;
    w.next_seed = seed % 1000000 * 1000000; // so that two runs do not append the same
    struct fs_stat st;
    if (is_errno(files_stat(work_root, true, &st), ENOENT)) {
        (void)make_directory(work_root);
    }
}

void work_round(void)
{
    progress.round++;
    snprintf(w.directory, sizeof(w.directory), "%s/r%llu-%llu", work_root, (unsigned long long)progress.round,
             (unsigned long long)draw(1000000));
    if (!make_directory(w.directory)) {
        return;
    }
    for (int i = 0; i < 40 && report_step() == CONDUCTOR_RUN; i++) {
        bool full = w.bytes > w.limits.bytes || w.count >= w.limits.files;
        switch (full ? 9 : draw(10)) {
        case 0: case 1: case 2: case 3: do_copy(); break;
        case 4: case 5: case 6: do_append(); break;
        case 7: do_rename(); break;
        default: do_unlink();
        }
    }
    remove_empty_directories();
    struct outcome o = files_sync();
    if (failed(o)) {
        report_error("sync", "/", nullptr, o);
    }
}

void work_verify(size_t count)
{
    size_t n = count && count < w.count ? count : w.count;
    for (size_t i = 0; i < n && report_step() == CONDUCTOR_RUN; i++) {
        const struct made *m = w.files[n == w.count ? i : draw(w.count)];
        (void)check(m->path, &m->sha);
    }
}
