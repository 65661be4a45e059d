// SPDX-License-Identifier: MIT
// Random operations against the model, on volumes of several kinds, with the disk completing
// requests in any order; e2fsck is the judge of what is left, and a second mount has to find every
// byte again.
#include "interfaces/fs.types.h"
#include "servers/fs/consistency.h"
#include "servers/fs/operations.h"
#include "servers/fs/test/bed.h"
#include "servers/fs/test/engine.h"
#include "servers/fs/test/model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPENS = 8, WRITE_MAX = 300000, FILE_MAX = 3 << 20 };

struct opened {
    uint64_t id;
    struct model_node *node;
};

struct game {
    struct bed bed;
    struct model model;
    uint32_t seed;
    struct opened open[OPENS];
    uint8_t *buffer, *second;
    bool may_fill; // the disk may be full: ENOSPC is no error then
};

static uint32_t below(struct game *r, uint32_t limit)
{
    r->seed = r->seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(r->seed >> 4) * limit >> 28);
}

static void random_path(struct game *r, char *to)
{
    static const char long_name[] =
        "a-rather-long-name-that-fills-a-directory-block-sooner-than-the-short-ones-do-"
        "and-so-makes-directories-grow-which-is-what-it-is-good-for-in-this-test-indeed";
    uint32_t depth = 1 + below(r, 3);
    *to = 0;
    for (uint32_t n = 0; n < depth; n++) {
        uint32_t kind = below(r, 8);
        if (kind == 0) {
            sprintf(to + strlen(to), "/%s%u", long_name, below(r, 12));
        } else {
            sprintf(to + strlen(to), "/%c%u", "dfx"[below(r, 3)], below(r, n ? 6 : 3));
        }
    }
    if (!below(r, 40)) {
        strcat(to, "/");
    }
}

static void fill(struct game *r, uint8_t *to, size_t bytes)
{
    for (size_t n = 0; n < bytes; n++) {
        to[n] = (uint8_t)(below(r, 256));
    }
}

static void check_file(struct game *r, uint64_t id, struct model_node *node)
{
    size_t at = 0, count = 1;
    while (at < node->size && count) {
        assert_int_equal(bed_read(&r->bed, id, at, r->buffer, WRITE_MAX, &count), 0);
        assert_true(count <= node->size - at);
        assert_memory_equal(r->buffer, node->data + at, count);
        at += count;
    }
    assert_int_equal(at, node->size);
}

static void step_file(struct game *r)
{
    struct opened *o = &r->open[below(r, OPENS)];
    size_t count;
    char path[1024];
    if (!o->node) {
        bool create = below(r, 3);
        random_path(r, path);
        // What the model would do has to be known before it is done: the real one may find the disk
        // full.
        uint64_t id;
        int error = bed_open(&r->bed, path, FS_READ | (create ? FS_WRITE | FS_CREATE : 0), &id);
        if (error == ENOSPC && r->may_fill) {
            return;
        }
        int expected = model_open(&r->model, path, create, &o->node);
        assert_int_equal(error, expected);
        if (!error && (o->node->kind != MODEL_FILE || !create)) {
            if (o->node->kind == MODEL_FILE) {
                check_file(r, id, o->node);
            }
            assert_int_equal(bed_close(&r->bed, id), 0);
            model_close(&r->model, o->node);
            o->node = nullptr;
        }
        o->node = error ? nullptr : o->node;
        o->id = id;
        return;
    }
    uint32_t what = below(r, 10);
    size_t at = below(r, 4) ? below(r, (uint32_t)o->node->size + 1) : below(r, FILE_MAX);
    size_t bytes = below(r, 3) ? below(r, 5000) : below(r, WRITE_MAX);
    if (what < 4) {
        fill(r, r->second, bytes);
        engine_callers_die = true;
        int error = bed_write(&r->bed, o->id, at, r->second, bytes, &count);
        engine_callers_die = false;
        if (error == ECANCELED || (error == ENOSPC && r->may_fill)) {
            return;
        }
        assert_int_equal(error, 0);
        assert_true(count == bytes || r->may_fill);
        if (count) {
            model_write(o->node, at, r->second, count);
        }
    } else if (what < 6) {
        assert_int_equal(bed_read(&r->bed, o->id, at, r->buffer, bytes, &count), 0);
        size_t expected = at >= o->node->size          ? 0
                          : bytes < o->node->size - at ? bytes
                                                       : o->node->size - at;
        assert_int_equal(count, expected);
        assert_memory_equal(r->buffer, o->node->data ? o->node->data + at : r->buffer, count);
    } else if (what < 7) {
        engine_callers_die = true;
        int error = bed_truncate(&r->bed, o->id, at);
        engine_callers_die = false;
        assert_true(!error || error == ECANCELED || (error == ENOSPC && r->may_fill));
        if (!error) {
            model_truncate(o->node, at);
        }
    } else if (what < 8) {
        check_file(r, o->id, o->node);
        assert_int_equal(bed_close(&r->bed, o->id), 0);
        model_close(&r->model, o->node);
        o->node = nullptr;
    }
}

static void step_names(struct game *r)
{
    char a[1024], b[1024], target[1200];
    random_path(r, a);
    random_path(r, b);
    uint32_t what = below(r, 12);
    bool long_target = !below(r, 4);
    snprintf(target, sizeof(target), "%s%s",
             long_target ? "/./././././././././././././././././././././././././././././." : "", b);
    int real = 0, expected = 0;
    struct bed *bed = &r->bed;
    struct model *m = &r->model;
    // The real one first: when the disk is full the model stays as it is.
#define BOTH(real_call, model_call)                                                                \
    do {                                                                                           \
        engine_callers_die = true;                                                                 \
        real = (real_call);                                                                        \
        engine_callers_die = false;                                                                \
        if (real == ECANCELED || (real == ENOSPC && r->may_fill)) {                                                     \
            return;                                                                                \
        }                                                                                          \
        expected = (model_call);                                                                   \
    } while (0)
    if (what < 3) {
        BOTH(bed_mkdir(bed, a), model_mkdir(m, a));
    } else if (what < 4) {
        BOTH(bed_rmdir(bed, a), model_rmdir(m, a));
    } else if (what < 7) {
        BOTH(bed_unlink(bed, a), model_unlink(m, a));
    } else if (what < 10) {
        BOTH(bed_rename(bed, a, b), model_rename(m, a, b));
    } else if (what < 11) {
        BOTH(bed_link(bed, a, b), model_link(m, a, b));
    } else if (!long_target) {
        BOTH(bed_symlink(bed, target, a), model_symlink(m, target, a));
    }
    if (real != expected) {
        fprintf(stderr, "operation %u: %s, %s: %d, expected %d\n", what, a, b, real, expected);
    }
    assert_int_equal(real, expected);
}

// ---- Comparing the whole tree ----

static uint32_t count_entries(struct game *r, const char *path)
{
    uint64_t id, from, cursor = 0;
    uint32_t n = 0;
    size_t used;
    uint8_t list[600]; // small, so that many calls are needed
    assert_int_equal(bed_open(&r->bed, path, FS_READ | FS_DIRECTORY, &id), 0);
    do {
        from = cursor;
        assert_int_equal(REQUEST((cursor = from, op_readdir(&r->bed.v, id, 7, &cursor, list,
                                                            sizeof(list), &used))),
                         0);
        for (size_t at = 0; at < used; n++) {
            struct fs_entry e;
            memcpy(&e, list + at, sizeof(e));
            assert_true(e.record_bytes >= sizeof(e) + e.name_bytes && at + e.record_bytes <= used);
            at += e.record_bytes;
        }
    } while (used);
    assert_int_equal(bed_close(&r->bed, id), 0);
    return n;
}

static void compare(struct game *r, struct model_node *dir, const char *path)
{
    uint32_t dirs = 2;
    for (uint32_t n = 0; n < dir->count; n++) {
        struct model_node *node = dir->entries[n].node;
        char child[2048], text[4096];
        struct fs_stat st;
        uint32_t length = 0;
        snprintf(child, sizeof(child), "%s/%s", path, dir->entries[n].name);
        assert_int_equal(REQUEST(op_stat(&r->bed.v, child, strlen(child), false, &st)), 0);
        if (node->kind == MODEL_DIR) {
            dirs++;
            compare(r, node, child);
            continue;
        }
        assert_int_equal(st.links, node->names);
        assert_int_equal(st.size, node->size);
        if (node->kind == MODEL_LINK) {
            assert_int_equal(REQUEST(op_readlink(&r->bed.v, child, strlen(child), text,
                                                 sizeof(text), &length)),
                             0);
            assert_int_equal(length, node->size);
            assert_memory_equal(text, node->data, length);
        } else {
            uint64_t id;
            assert_int_equal(bed_open(&r->bed, child, FS_READ, &id), 0);
            check_file(r, id, node);
            assert_int_equal(bed_close(&r->bed, id), 0);
        }
    }
    struct fs_stat st;
    const char *own = *path ? path : "/";
    assert_int_equal(REQUEST(op_stat(&r->bed.v, own, strlen(own), false, &st)), 0);
    if (*path) {
        assert_int_equal(st.links, dirs);
    }
    // "." and "..", and lost+found in the root.
    assert_int_equal(count_entries(r, own), dir->count + 2 + (*path ? 0 : 1));
}

static void close_all(struct game *r)
{
    for (int n = 0; n < OPENS; n++) {
        if (r->open[n].node) {
            check_file(r, r->open[n].id, r->open[n].node);
            assert_int_equal(bed_close(&r->bed, r->open[n].id), 0);
            model_close(&r->model, r->open[n].node);
            r->open[n].node = nullptr;
        }
    }
}

// For longer runs by hand: FS_TEST_STEPS operations a life, FS_TEST_SEED added to the seeds.
static uint32_t setting(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);
    return text ? (uint32_t)atoi(text) : otherwise;
}

// Others are served while a request waits.
static void idle(void *arg)
{
    step_names(arg);
}

static void play(const char *options, const char *size, uint32_t seed, uint32_t steps,
                 bool may_fill)
{
    struct game *r = calloc(1, sizeof(*r));
    r->seed = seed = seed + setting("FS_TEST_SEED", 0);
    r->may_fill = may_fill;
    r->buffer = malloc(WRITE_MAX);
    r->second = malloc(WRITE_MAX);
    model_init(&r->model);
    bed_make(&r->bed, options, size);
    for (int life = 0; life < 3; life++) {
        bed_mount(&r->bed, (2 + life * 4) << 20, false);
        r->bed.disk.seed = seed;
        engine_idle = idle;
        engine_idle_arg = r;
        assert_int_equal(r->bed.v.mode, VOLUME_WRITABLE);
        for (uint32_t n = 0; n < steps; n++) {
            if (below(r, 2)) {
                step_file(r);
            } else {
                step_names(r);
            }
            if (n % 16 == 0) {
                char why[128] = "";
                bool good = volume_is_consistent(&r->bed.v, why, sizeof(why));
                assert_string_equal(why, "");
                assert_true(good);
            }
            if (!below(r, 300)) {
                bool clean = below(r, 2);
                assert_int_equal(WORK(volume_sync(&r->bed.v, clean)), 0);
            }
            if (!below(r, 1000)) {
                assert_int_equal(WORK(volume_drop_caches(&r->bed.v)), 0);
            }
        }
        engine_idle = nullptr;
        compare(r, r->model.root, "");
        close_all(r);
        assert_int_equal(r->bed.v.mode, VOLUME_WRITABLE);
        assert_int_equal(r->bed.v.orphans, 0);
        assert_int_equal(bed_unmount(&r->bed), 0);
        assert_int_equal(bed_fsck(&r->bed, "-n"), 0);
    }
    bed_mount(&r->bed, 4 << 20, true);
    compare(r, r->model.root, "");
    assert_int_equal(bed_unmount(&r->bed), 0);
    bed_remove(&r->bed);
    model_free(&r->model);
    free(r->buffer);
    free(r->second);
    free(r);
    engine_report();
}

static uint32_t steps(void)
{
    return setting("FS_TEST_STEPS", 1500);
}

static void defaults(void **)
{
    play("", "64M", 1, steps(), false);
}

static void large_blocks(void **)
{
    play("-b 4096", "96M", 2, steps(), false);
}

static void without_checksums(void **)
{
    play("-b 2048 -O ^metadata_csum,^64bit,^has_journal", "64M", 3, steps(), false);
}

static void ext3_layout(void **)
{
    play("-b 1024 -O ^extents,^64bit,^metadata_csum,^flex_bg", "64M", 4, steps(), false);
}

static void without_journal(void **)
{
    play("-b 1024 -O ^has_journal", "64M", 7, steps(), false);
}

static void full_disk(void **)
{
    play("-b 1024 -m 0", "6M", 5, steps(), true);
}

static void full_of_inodes(void **)
{
    play("-b 1024 -N 48", "16M", 6, steps(), true);
}

int main(int argc, char **argv)
{
    cmocka_set_test_filter(argc > 1 ? argv[1] : "*");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),          cmocka_unit_test(large_blocks),
        cmocka_unit_test(without_checksums), cmocka_unit_test(ext3_layout),
        cmocka_unit_test(full_disk),         cmocka_unit_test(full_of_inodes),
        cmocka_unit_test(without_journal),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
