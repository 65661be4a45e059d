// SPDX-License-Identifier: MIT
#include "apps/workload/run.h"
#include "apps/lib/files.h"
#include "apps/workload/report.h"
#include <errno.h>
#include <string.h>

static void phase(const char *name, uint64_t total)
{
    progress.phase = name;
    progress.bytes = 0;
    progress.total = total;
    (void)report_step();
}

static void tell_digest(const char *kind, const struct known *file)
{
    char line[REPORT_LINE];
    struct json j;
    report_start(&j, line, kind);
    json_text(&j, "path", file->path);
    json_hex(&j, "sha256", file->digest, sizeof(file->digest));
    report_line(&j);
}

static uint64_t sum_sizes(const struct tree *tree)
{
    uint64_t sum = 0;
    struct fs_stat st;
    for (size_t i = 0; i < tree->count; i++) {
        struct outcome o = files_stat(tree->files[i].path, false, &st);
        if (failed(o)) {
            report_error("stat", tree->files[i].path, nullptr, o);
        } else {
            sum += st.size;
        }
        (void)report_step();
    }
    return sum;
}

// Hashes every file of the tree, telling each digest.
static void hash_all(struct tree *tree, const char *kind)
{
    progress.files = 0;
    for (size_t i = 0; i < tree->count; i++) {
        struct known *file = &tree->files[i];
        struct sha256 sha;
        struct outcome o = hash_file(file->path, &sha, &file->size);
        if (failed(o)) {
            report_error("hash", file->path, nullptr, o);
            continue;
        }
        sha256_digest(&sha, file->digest);
        file->hashed = true;
        progress.files++;
        if (kind) {
            tell_digest(kind, file);
        }
    }
}

// The final pass against everything that we know: originals are untouched, our own files are as we left them, nothing
// is there that should not be and nothing is missing.
static void compare(const struct tree *final, const struct tree *originals)
{
    size_t own = 0, old = 0;
    for (size_t i = 0; i < final->count; i++) {
        const struct known *file = &final->files[i], *before = tree_find(originals, file->path);
        const struct sha256 *expected = before ? nullptr : work_expected(file->path);
        uint8_t digest[SHA256_BYTES];
        if (!file->hashed) {
            continue; // told already
        }
        if (expected) {
            sha256_digest(expected, digest);
            own++;
        } else if (before && before->hashed) {
            memcpy(digest, before->digest, sizeof(digest));
            old++;
        } else {
            report_wrong("should not be there", file->path);
            continue;
        }
        if (memcmp(digest, file->digest, sizeof(digest)) != 0) {
            report_wrong("content differs at the end", file->path);
        }
    }
    if (own != work_count() || old != originals->count) {
        report_wrong("files are missing at the end", "/");
    }
}

static void finish(const struct tree *originals)
{
    struct tree final;
    phase("final", 0);
    if (tree_walk(&final, "/") != OK) {
        report_error("walk", "/", nullptr, (struct outcome){ERR_MEMORY, 0});
    }
    progress.total = sum_sizes(&final);
    hash_all(&final, "final");
    compare(&final, originals);
    tree_free(&final);
}

static void tell_done(uint64_t bytes)
{
    char line[REPORT_LINE];
    struct json j;
    report_start(&j, line, "done");
    json_number(&j, "files", progress.files);
    json_number(&j, "bytes", bytes);
    json_number(&j, "ops", progress.ops);
    json_number(&j, "errors", progress.errors);
    json_number(&j, "rounds", progress.round);
    report_line(&j);
    report_flush();
}

void run(const struct plan *plan)
{
    struct tree originals;
    uint64_t bytes = 0;
    phase("hash", 0);
    if (plan->again) {
        report_wrong("the workload itself was reborn: what the disk should hold is not known any more", "/");
    }
    if (tree_walk(&originals, "/") != OK) {
        report_error("walk", "/", nullptr, (struct outcome){ERR_MEMORY, 0});
    }
    progress.total = sum_sizes(&originals);
    hash_all(&originals, plan->again ? nullptr : "original");
    bytes += progress.bytes;

    phase("work", 0);
    work_start(&originals, plan->seed, &plan->limits);
    for (uint64_t i = 0; (plan->rounds == 0 || i < plan->rounds) && report_step() == CONDUCTOR_RUN; i++) {
        progress.phase = "work";
        work_round();
        progress.phase = "verify";
        // So that the disk is read, not the memory of what was written. Without the right we do without.
        struct outcome o = files_drop_caches();
        if (failed(o) && !is_errno(o, EPERM)) {
            report_error("drop caches", "/", nullptr, o);
        }
        work_verify(20);
    }
    bytes += progress.bytes;
    finish(&originals);
    bytes += progress.bytes;
    tell_done(bytes);
    tree_free(&originals);
}
