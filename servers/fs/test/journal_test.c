// SPDX-License-Identifier: MIT
// The journal: after a power cut at any request e2fsck replays it and finds nothing else to do, and
// the volume is as it was after one of the operations, none before the last sync that returned.
// And logs that others have written, or damaged.
#include "interfaces/fs.types.h"
#include "servers/fs/journal_format.h"
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

enum { CACHE = 3 << 20, STEPS = 420, OPEN = 4 };

static uint8_t buffer[64 << 10];

static int setting(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

// ---- What a volume holds, as one number ----

static uint64_t mix(uint64_t hash, const void *bytes, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        hash = (hash ^ ((const uint8_t *)bytes)[n]) * 0x100000001b3ull;
    }
    return hash;
}

static uint64_t digest_file(struct bed *b, const char *path, uint64_t hash)
{
    uint64_t id, at = 0;
    size_t count = 0;
    assert_int_equal(bed_open(b, path, FS_READ, &id), 0);
    do {
        at += count;
        assert_int_equal(bed_read(b, id, at, buffer, sizeof(buffer), &count), 0);
        hash = mix(hash, buffer, count);
    } while (count);
    assert_int_equal(bed_close(b, id), 0);
    return hash;
}

// The sum over all names, so that their order in a directory does not matter.
static uint64_t digest(struct bed *b, const char *dir)
{
    uint8_t list[4096];
    char path[600];
    uint64_t id, cursor = 0, sum = 0;
    size_t used;
    assert_int_equal(bed_open(b, *dir ? dir : "/", FS_READ | FS_DIRECTORY, &id), 0);
    do {
        assert_int_equal(op_readdir(&b->v, id, 7, &cursor, list, sizeof(list), &used), 0);
        struct fs_entry e;
        for (size_t at = 0; at < used; at += e.record_bytes) {
            struct fs_stat st;
            memcpy(&e, list + at, sizeof(e));
            snprintf(path, sizeof(path), "%s/%.*s", dir, (int)e.name_bytes,
                     (char *)list + at + sizeof(e));
            if (path[strlen(dir) + 1] == '.') {
                continue;
            }
            assert_int_equal(op_stat(&b->v, path, strlen(path), false, &st), 0);
            uint64_t hash = mix(0xcbf29ce484222325ull, path, strlen(path));
            hash = mix(mix(hash, &st.mode, sizeof(st.mode)), &st.links, sizeof(st.links));
            hash = mix(hash, &st.size, sizeof(st.size));
            sum += e.kind == FS_FILE ? digest_file(b, path, hash) : hash;
            sum += e.kind == FS_DIR ? digest(b, path) : 0;
        }
    } while (used);
    assert_int_equal(bed_close(b, id), 0);
    return sum;
}

// ---- The work ----

struct game {
    struct bed *b;
    uint32_t seed;
    uint64_t open[OPEN];
    char name[OPEN][64];
    int files, dirs;
};

static uint32_t below(struct game *g, uint32_t limit)
{
    g->seed = g->seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(g->seed >> 4) * limit >> 28);
}

// One operation of some kind. File contents are only ever added or cut off: what is written over
// something else is on the disk when the disk likes.
static int step(struct game *g, int n)
{
    struct bed *b = g->b;
    char path[64], to[64];
    uint32_t slot = below(g, OPEN), kind = below(g, 16);
    size_t count;
    struct fs_stat st;
    snprintf(path, sizeof(path), "/d%u/f%u", below(g, 3), below(g, 12));
    snprintf(to, sizeof(to), "/d%u/f%u", below(g, 3), below(g, 12));
    memset(buffer, n, sizeof(buffer));
    if (n < 3) {
        snprintf(path, sizeof(path), "/d%d", n);
        return bed_mkdir(b, path);
    }
    if (kind < 5) {
        if (!g->open[slot]) {
            snprintf(g->name[slot], sizeof(g->name[slot]), "%s", path);
            return bed_open(b, path, FS_WRITE | FS_CREATE, &g->open[slot]);
        }
        struct open_file *f;
        assert_int_equal(open_find(&b->v, g->open[slot], 7, &f), 0);
        return bed_write(b, g->open[slot], inode_size(f->inode), buffer,
                         1 + below(g, below(g, 4) ? 3000 : sizeof(buffer)), &count);
    }
    if (kind < 6 && g->open[slot]) {
        uint64_t id = g->open[slot];
        g->open[slot] = 0;
        return bed_close(b, id); // often of a file that has no name any more
    }
    if (kind < 7 && g->open[slot]) {
        // What is added next lies where something was that an earlier state still needs.
        int error = bed_truncate(b, g->open[slot], below(g, 40000));
        return error ? error : volume_sync(&b->v, false);
    }
    if (kind < 9) {
        return bed_unlink(b, g->open[slot] && below(g, 2) ? g->name[slot] : path);
    }
    if (kind < 11) {
        return bed_rename(b, path, to);
    }
    if (kind < 12) {
        return bed_link(b, path, to);
    }
    if (kind < 13) {
        return bed_symlink(b,
                           below(g, 2) ? "/d1"
                                       : "/a/target/that/does/not/fit/into/an/inode/and"
                                         "/needs/a/block/of/its/own/on/the/disk",
                           path);
    }
    // Directories that grow, go, and leave their blocks to files.
    snprintf(path, sizeof(path), "/d2/sub%u", below(g, 3));
    if (kind < 14) {
        return op_stat(&b->v, path, strlen(path), false, &st) ? bed_mkdir(b, path)
                                                              : bed_rmdir(b, path);
    }
    snprintf(to, sizeof(to), "%s/a-name-of-some-length-that-fills-blocks-%u", path, below(g, 6));
    return kind < 15 ? bed_symlink(b, "x", to) : bed_unlink(b, to);
}

struct course {
    int begun, durable; // operations that were begun; that a sync made durable
    uint64_t requests, flushes;
};

static int syncs(int n)
{
    return n % 4 == 3 ? 1 + (n % 60 == 59) : 0; // every now and then also to a clean volume
}

// A sync from which the service may die, at the wait of that number: its memory stays as it is, and
// the next sync begins from the beginning.
static struct {
    jmp_buf out;
    bool armed;
    uint64_t waits, at;
} death;

static void maybe_die(void)
{
    if (death.armed && ++death.waits == death.at) {
        longjmp(death.out, 1);
    }
}

static int sync_or_die(struct bed *b, bool clean)
{
    int error = EINTR;
    if (!setjmp(death.out)) {
        death.armed = true;
        error = volume_sync(&b->v, clean);
    }
    death.armed = false;
    return error;
}

// Plays it all, or until the power goes. `after` is called after each operation.
static struct course play(struct bed *b, uint32_t seed, void (*after)(struct bed *, int))
{
    struct game g = {.b = b, .seed = seed};
    struct course c = {0};
    for (int n = 0; n < STEPS && !b->disk.stopped; n++) {
        step(&g, n);
        c.begun = n + 1;
        if (after) {
            after(b, n);
        }
        if (syncs(n) && !b->disk.stopped) {
            int error = sync_or_die(b, syncs(n) == 2);
            assert_true(!error || error == EINTR || b->disk.stopped);
            c.durable = error || b->disk.stopped ? c.durable : n + 1;
        }
    }
    if (!b->disk.stopped) {
        assert_int_equal(b->v.mode, VOLUME_WRITABLE);
        bed_unmount(b);
        c.durable = b->disk.stopped ? c.durable : STEPS;
    } else {
        bed_abandon(b);
    }
    c.requests = b->disk.requests;
    c.flushes = b->disk.flushes;
    return c;
}

static uint64_t digests[STEPS + 1];

static void note_digest(struct bed *b, int n)
{
    digests[n + 1] = digest(b, "");
}

static void check_state(struct bed *b, const struct course *c, uint64_t at)
{
    uint64_t found = digest(b, "");
    for (int n = c->durable; n <= c->begun; n++) {
        if (digests[n] == found) {
            return;
        }
    }
    fprintf(stderr, "cut at request %llu: not the state after any of operations %d to %d\n",
            (unsigned long long)at, c->durable, c->begun);
    assert_true(false);
}

static void cut_at(const struct bed *original, uint32_t seed, uint64_t at, uint64_t death_at)
{
    struct bed b, ours;
    bed_copy(&b, original, ".cut");
    bed_mount(&b, CACHE, false);
    b.disk.before_wait = maybe_die;
    death.waits = 0;
    death.at = death_at;
    b.disk.stop_at = at;
    b.disk.seed = (uint32_t)at * 2654435761u | 1;
    struct course c = play(&b, seed, nullptr);
    bed_copy(&ours, &b, ".ours");

    // e2fsck replays, and finds nothing else to do.
    assert_int_equal(bed_fsck_finds_nothing(&b), 0);
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_mount(&b, CACHE, false);
    check_state(&b, &c, at);
    assert_int_equal(bed_unmount(&b), 0);
    bed_remove(&b);

    // We do the same, and leave it clean.
    bed_mount(&ours, CACHE, false);
    assert_int_equal(ours.v.mode, VOLUME_WRITABLE);
    check_state(&ours, &c, at);
    assert_int_equal(bed_unmount(&ours), 0);
    assert_int_equal(bed_fsck(&ours, "-n"), 0);
    bed_remove(&ours);
}

// How much there is to cut, after a run that notes what the volume holds after each operation.
static struct course measure(const struct bed *original, uint32_t seed, bool notes)
{
    struct bed b;
    bed_copy(&b, original, ".cut");
    bed_mount(&b, CACHE, false);
    assert_true(b.v.journal.open);
    b.disk.before_wait = maybe_die;
    death.waits = death.at = 0;
    digests[0] = digest(&b, "");
    struct course c = play(&b, seed, notes ? note_digest : nullptr);
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_remove(&b);
    return c;
}

static uint64_t stride(uint64_t all)
{
    uint64_t wanted = (uint64_t)setting("FS_TEST_CUTS", 12); // by hand: all
    return all > wanted ? all / wanted : 1;
}

static void cuts_on(const char *options, const char *size, uint32_t seed)
{
    struct bed original;
    bed_make(&original, options, size);
    measure(&original, seed, true);
    struct course whole = measure(&original, seed, false);
    uint64_t tried = 0, step_by = stride(whole.requests);
    for (uint64_t at = 1 + seed % step_by; at <= whole.requests; at += step_by, tried++) {
        cut_at(&original, seed, at, 0);
    }
    fprintf(stderr, "%s: %llu cuts of %llu requests (%llu flushes)\n", options,
            (unsigned long long)tried, (unsigned long long)whole.requests,
            (unsigned long long)whole.flushes);
    bed_remove(&original);
}

static void cuts(void **)
{
    cuts_on("-b 1024", "6M", (uint32_t)setting("FS_TEST_SEED", 1));
}

static void cuts_large_blocks(void **)
{
    cuts_on("-b 4096", "24M", (uint32_t)setting("FS_TEST_SEED", 2));
}

static void cuts_without_checksums(void **)
{
    cuts_on("-b 1024 -O ^metadata_csum,^64bit,^extents", "6M",
            (uint32_t)setting("FS_TEST_SEED", 3));
}

// The service dies in a sync, at each place where that waits; its heir goes on with its memory, and
// some time later the power goes, or everything ends well.
static void deaths_in_sync(void **)
{
    struct bed original;
    uint32_t seed = (uint32_t)setting("FS_TEST_SEED", 4);
    bed_make(&original, "-b 1024", "6M");
    measure(&original, seed, true);
    struct course whole = measure(&original, seed, false);
    uint64_t waits = death.waits, tried = 0, step_by = stride(waits);
    for (uint64_t at = 1 + seed % step_by; at <= waits; at += step_by, tried++) {
        uint64_t request = (at * 2654435761u >> 8) % whole.requests;
        cut_at(&original, seed, at % 2 ? 1 + request : 2 * whole.requests, at);
    }
    fprintf(stderr, "%llu deaths of %llu waits\n", (unsigned long long)tried,
            (unsigned long long)waits);
    bed_remove(&original);
}

// ---- Logs of others ----

static void read_block(const struct bed *b, uint64_t block, uint8_t *to)
{
    int fd = open(b->image, O_RDONLY);
    assert_int_equal(pread(fd, to, 1024, (off_t)block * 1024), 1024);
    close(fd);
}

static void foreign_log_on(const char *options, const char *how)
{
    static const char *const script = "jw -b 5000-5003 %s\\njw -r 5001\\njw -b 5002 %s\\njc\\n";
    struct bed b, theirs;
    char data[80], commands[512];
    uint8_t mine[1024], other[1024];
    bed_make(&b, options, "8M");
    snprintf(data, sizeof(data), "%s.data", b.image);
    for (size_t n = 0; n < 4096; n++) {
        buffer[n] = (uint8_t)(n * 7 + n / 256);
    }
    *(be32 *)buffer = to_be32(LOG_MAGIC); // has to be escaped
    FILE *file = fopen(data, "w");
    fwrite(buffer, 4096, 1, file);
    fclose(file);
    snprintf(commands, sizeof(commands), script, data, data);
    assert_int_equal(bed_debugfs_all(&b, how, commands), 0);
    bed_copy(&theirs, &b, ".theirs");
    bed_mount(&b, CACHE, false);
    assert_int_equal(b.v.mode, VOLUME_WRITABLE);
    assert_true(b.v.dirty);
    assert_int_equal(bed_mkdir(&b, "/new"), 0);
    assert_int_equal(bed_unmount(&b), 0);
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_fsck(&theirs, "-y");
    for (uint64_t n = 0; n < 4; n++) {
        read_block(&b, 5000 + n, mine);
        read_block(&theirs, 5000 + n, other);
        assert_memory_equal(mine, other, 1024);
        assert_int_equal(memcmp(mine, buffer + (n == 2 ? 0 : n * 1024), 1024) == 0, n != 1);
    }
    unlink(data);
    bed_remove(&b);
    bed_remove(&theirs);
}

static void foreign_logs(void **)
{
    foreign_log_on("-b 1024", "jo -c");
    foreign_log_on("-b 1024", "jo");
    foreign_log_on("-b 1024", "jo -c -v 2");
    foreign_log_on("-b 1024 -O ^64bit", "jo -c");
    foreign_log_on("-b 1024 -O ^metadata_csum,^64bit", "jo");
    foreign_log_on("-b 1024 -O ^metadata_csum", "jo");
}

static void other_journals(void **)
{
    static const struct {
        const char *options, *request;
        enum volume_mode mode;
        int reason;
        bool used;
    } kinds[] = {
        {"", "stats", VOLUME_WRITABLE, 0, true},
        {"-O ^has_journal", "stats", VOLUME_WRITABLE, 0, false},
        {"", "feature needs_recovery", VOLUME_WRITABLE, 0, true},
        {"-O ^has_journal", "feature needs_recovery", VOLUME_READ_ONLY, EUCLEAN, false},
        {"", "ssv journal_inum 0", VOLUME_READ_ONLY, EROFS, false},
        {"", "ssv journal_inum 4000000", VOLUME_READ_ONLY, EUCLEAN, false},
        {"", "ssv journal_inum 7", VOLUME_READ_ONLY, EUCLEAN, false},
        {"", "clri <8>", VOLUME_READ_ONLY, EUCLEAN, false},
        {"", "zap_block -f <8> 0", VOLUME_READ_ONLY, EUCLEAN, false},
        {"", "zap_block -f <8> -o 43 -l 1 -p 128 0", VOLUME_READ_ONLY, EROFS, false},
        {"-O fast_commit", "zap_block -f <8> -o 43 -l 1 -p 32 0", VOLUME_READ_ONLY, EROFS, false},
    };
    for (size_t n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++) {
        struct bed b;
        char options[80];
        snprintf(options, sizeof(options), "-b 1024 %s", kinds[n].options);
        bed_make(&b, options, "16M");
        b.quiet = true;
        assert_int_equal(bed_debugfs(&b, kinds[n].request), 0);
        bed_mount(&b, CACHE, false);
        assert_int_equal(b.v.mode, kinds[n].mode);
        assert_int_equal(b.v.reason, kinds[n].reason);
        assert_int_equal(b.v.journal.open, kinds[n].used);
        assert_int_equal(bed_mkdir(&b, "/new"), kinds[n].mode == VOLUME_WRITABLE ? 0 : EROFS);
        assert_int_equal(bed_unmount(&b), 0);
        if (kinds[n].mode == VOLUME_READ_ONLY) {
            assert_int_equal(b.disk.writes, 0);
        } else {
            assert_int_equal(bed_fsck(&b, "-n"), 0);
        }
        bed_remove(&b);
    }
}

// ---- Damage ----

// A volume whose log holds some transactions, and where the log is.
static uint64_t make_dirty(struct bed *b, const char *options)
{
    char path[64];
    uint64_t id;
    bed_make(b, options, "8M");
    bed_mount(b, CACHE, false);
    uint64_t place = log_place(&b->v, 0);
    for (int n = 0; n < 40; n++) {
        snprintf(path, sizeof(path), "/f%d", n);
        assert_int_equal(bed_open(b, path, FS_WRITE | FS_CREATE, &id), 0);
        assert_int_equal(bed_close(b, id), 0);
        if (n % 5 == 4) {
            assert_int_equal(volume_sync(&b->v, false), 0);
        }
    }
    bed_abandon(b);
    return place;
}

static void change_byte(struct bed *b, uint64_t at, uint8_t change)
{
    uint8_t byte = 0;
    int fd = open(b->image, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= change;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

// With checksums nothing that was changed is believed; what came before it is.
static void damaged_block(void **)
{
    struct bed b, first;
    struct fs_stat st;
    uint64_t place = make_dirty(&first, "-b 1024");
    for (uint64_t block = 1; block < 60; block++) {
        bed_copy(&b, &first, ".damaged");
        b.quiet = true;
        change_byte(&b, (place + block) * 1024 + 900 * (block % 2) + 40, 0x20);
        bed_mount(&b, CACHE, false);
        int missing = 0;
        for (int n = 0; n < 40; n += 5) {
            char path[64];
            snprintf(path, sizeof(path), "/f%d", n);
            int error = op_stat(&b.v, path, strlen(path), true, &st);
            assert_true(!error || error == ENOENT);
            missing += error == ENOENT;
            assert_true(error || missing == 0); // those of later transactions, all of them
        }
        assert_true(b.v.mode == VOLUME_WRITABLE || b.v.reason == EUCLEAN);
        assert_int_equal(bed_unmount(&b), 0);
        bed_remove(&b);
    }
    bed_remove(&first);
}

// Without checksums everything is believed that can be, and with them the log's superblock may lie:
// whatever comes of it, no crash.
static void hostile_log(void **)
{
    static const char *const kinds[] = {"-b 1024 -O ^metadata_csum,^64bit",
                                        "-b 1024 -O ^metadata_csum", "-b 1024"};
    srandom((unsigned)setting("FS_TEST_SEED", 1));
    for (size_t kind = 0; kind < 3; kind++) {
        struct bed b, first;
        uint64_t id, place = make_dirty(&first, kinds[kind]);
        int rounds = setting("FS_TEST_DAMAGES", 40);
        for (int round = 0; round < rounds; round++) {
            bed_copy(&b, &first, ".hostile");
            b.quiet = true;
            for (int n = 0; n < 1 + round % 12; n++) {
                // Headers, tags and counts more than the rest.
                uint64_t block = (uint64_t)(round % 3 ? random() % 100 : 0);
                uint64_t offset = (uint64_t)random() % (random() % 2 ? 1024 : 64);
                change_byte(&b, (place + block) * 1024 + offset, (uint8_t)(1 + random() % 255));
            }
            bed_mount(&b, CACHE, false);
            if (!bed_open(&b, "/f1", FS_WRITE | FS_CREATE, &id)) {
                size_t count;
                bed_write(&b, id, 0, buffer, 5000, &count);
                bed_close(&b, id);
            }
            bed_mkdir(&b, "/new");
            volume_sync(&b.v, true);
            bed_unmount(&b);
            bed_remove(&b);
        }
        bed_remove(&first);
    }
}

// ---- Revokes ----

static void check_filled(struct bed *b, uint64_t size)
{
    uint64_t id;
    size_t count;
    bed_mount(b, 16 << 20, false);
    assert_int_equal(bed_open(b, "/filler", FS_READ, &id), 0);
    for (uint64_t at = 0; at < size; at += count) {
        assert_int_equal(bed_read(b, id, at, buffer, sizeof(buffer), &count), 0);
        assert_true(count > 0);
        for (size_t n = 0; n < count; n++) {
            assert_int_equal(buffer[n], 0xa5);
        }
    }
    assert_int_equal(bed_close(b, id), 0);
    assert_int_equal(bed_unmount(b), 0);
    assert_int_equal(bed_fsck(b, "-n"), 0);
    bed_remove(b);
}

// Blocks of a directory that the log holds become a file's: replaying must leave them alone.
static void metadata_becomes_data(void **)
{
    struct bed b, theirs;
    char path[128];
    uint64_t id, at = 0;
    size_t count;
    bed_make(&b, "-b 1024 -m 0", "6M");
    bed_mount(&b, 16 << 20, false);
    assert_int_equal(bed_mkdir(&b, "/dir"), 0);
    for (int n = 0; n < 100; n++) {
        snprintf(path, sizeof(path), "/dir/a-name-that-is-long-enough-to-fill-some-blocks-%d", n);
        assert_int_equal(bed_symlink(&b, "x", path), 0);
    }
    assert_int_equal(volume_sync(&b.v, false), 0);
    uint32_t used = b.v.journal.used;
    for (int n = 0; n < 100; n++) {
        snprintf(path, sizeof(path), "/dir/a-name-that-is-long-enough-to-fill-some-blocks-%d", n);
        assert_int_equal(bed_unlink(&b, path), 0);
    }
    assert_int_equal(bed_rmdir(&b, "/dir"), 0);
    assert_true(b.v.journal.revoked_count > 5);
    assert_int_equal(volume_sync(&b.v, false), 0);
    memset(buffer, 0xa5, sizeof(buffer));
    assert_int_equal(bed_open(&b, "/filler", FS_WRITE | FS_CREATE, &id), 0);
    while (!bed_write(&b, id, at, buffer, sizeof(buffer), &count)) {
        at += count;
    }
    assert_int_equal(volume_sync(&b.v, false), 0);
    assert_true(b.v.journal.used > used); // it is all in the log still
    bed_abandon(&b);
    bed_copy(&theirs, &b, ".theirs");
    assert_int_equal(bed_fsck_finds_nothing(&theirs), 0);
    check_filled(&theirs, at);
    check_filled(&b, at);
}

// ---- Orphans ----

static void open_without_name(void **)
{
    struct bed b, copy;
    struct fs_volume before, after;
    uint64_t id[5];
    size_t count;
    char path[64];
    bed_make(&b, "-b 1024", "8M");
    bed_mount(&b, CACHE, false);
    op_statfs(&b.v, &before);
    for (int n = 0; n < 5; n++) {
        snprintf(path, sizeof(path), "/f%d", n);
        assert_int_equal(bed_open(&b, path, FS_WRITE | FS_CREATE, &id[n]), 0);
        assert_int_equal(bed_write(&b, id[n], 0, buffer, 20000, &count), 0);
        assert_int_equal(bed_unlink(&b, path), 0);
    }
    assert_int_equal(volume_sync(&b.v, true), 0);
    assert_int_equal(bed_close(&b, id[2]), 0); // from the middle, the end and the head of the list
    assert_int_equal(bed_close(&b, id[0]), 0);
    assert_int_equal(volume_sync(&b.v, true), 0);
    assert_int_equal(bed_close(&b, id[4]), 0);
    assert_int_equal(volume_sync(&b.v, false), 0);
    assert_int_equal(b.v.orphans, 2);
    bed_abandon(&b);
    bed_copy(&copy, &b, ".copy");
    assert_int_equal(bed_fsck_finds_nothing(&copy), 0);
    assert_int_equal(bed_fsck(&copy, "-n"), 0);
    bed_remove(&copy);
    bed_mount(&b, CACHE, false);
    op_statfs(&b.v, &after);
    assert_int_equal(b.v.orphans, 0);
    assert_int_equal(before.free_blocks, after.free_blocks);
    assert_int_equal(before.free_files, after.free_files);
    assert_int_equal(bed_unmount(&b), 0);
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_remove(&b);
}

// A list that leads astray, or in a ring.
static void bad_orphans(void **)
{
    static const char *const requests[] = {
        "ssv last_orphan 4000000000",
        "ssv last_orphan 3",
        "ssv last_orphan 100",
        "ssv last_orphan 12\\nsif <12> dtime 13\\nsif <13> dtime 12",
        "ssv last_orphan 12\\nsif <12> links_count 0\\nsif <12> dtime 12",
        ("ssv last_orphan 12\\nsif <12> links_count 0\\nsif <12> dtime 13\\n"
         "sif <13> links_count 0\\nsif <13> dtime 12")};
    for (size_t n = 0; n < sizeof(requests) / sizeof(requests[0]); n++) {
        struct bed b;
        uint64_t id;
        bed_make(&b, "-b 1024", "8M");
        bed_mount(&b, CACHE, false);
        assert_int_equal(bed_open(&b, "/a", FS_WRITE | FS_CREATE, &id), 0);
        assert_int_equal(bed_open(&b, "/b", FS_WRITE | FS_CREATE, &id), 0);
        assert_int_equal(bed_unmount(&b), 0);
        assert_int_equal(bed_debugfs_all(&b, "stats", requests[n]), 0);
        b.quiet = true;
        bed_mount(&b, CACHE, false);
        assert_int_equal(b.v.mode, n == 3 ? VOLUME_WRITABLE : VOLUME_READ_ONLY);
        bed_unmount(&b);
        bed_remove(&b);
    }
}

// ---- Size ----

// Many changes between two syncs of the client's: the journal splits them where it has to.
static void more_than_the_log(void **)
{
    struct bed b;
    char path[64];
    uint64_t id;
    bed_make(&b, "-b 1024 -N 8192 -O ^dir_index", "16M"); // which e2fsck would "optimize"
    bed_mount(&b, 8 << 20, false);
    for (int n = 0; n < 6000; n++) {
        snprintf(path, sizeof(path), "/a-file-with-a-name-of-some-length-%d", n);
        assert_int_equal(bed_open(&b, path, FS_WRITE | FS_CREATE, &id), 0);
        assert_int_equal(bed_close(&b, id), 0);
    }
    assert_int_equal(b.v.mode, VOLUME_WRITABLE);
    bed_abandon(&b);
    assert_int_equal(bed_fsck_finds_nothing(&b), 0);
    bed_mount(&b, 8 << 20, false);
    for (int n = 0; n < 3000; n++) { // all but the last of it is there
        snprintf(path, sizeof(path), "/a-file-with-a-name-of-some-length-%d", n);
        assert_int_equal(bed_unlink(&b, path), 0);
    }
    assert_int_equal(bed_unmount(&b), 0);
    assert_int_equal(bed_fsck(&b, "-n"), 0);
    bed_remove(&b);
}

int main(int argc, char **argv)
{
    cmocka_set_test_filter(argc > 1 ? argv[1] : "*");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts),
        cmocka_unit_test(cuts_large_blocks),
        cmocka_unit_test(cuts_without_checksums),
        cmocka_unit_test(deaths_in_sync),
        cmocka_unit_test(foreign_logs),
        cmocka_unit_test(other_journals),
        cmocka_unit_test(damaged_block),
        cmocka_unit_test(hostile_log),
        cmocka_unit_test(metadata_becomes_data),
        cmocka_unit_test(open_without_name),
        cmocka_unit_test(bad_orphans),
        cmocka_unit_test(more_than_the_log),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
