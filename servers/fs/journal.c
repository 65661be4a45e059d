// SPDX-License-Identifier: MIT
// The log as a file: where its blocks are, what its superblock says.
#include "servers/fs/journal.h"
#include "lib/rt/heap.h"
#include "servers/fs/journal_format.h"
#include "servers/fs/volume.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// ---- Places and checksums ----

uint64_t log_place(const struct volume *v, uint32_t at)
{
    const struct journal *j = &v->journal;
    uint32_t low = 0, high = j->run_count - 1;
    while (low < high) {
        uint32_t middle = (low + high + 1) / 2;
        if (j->runs[middle].first <= at) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return j->runs[low].place + (at - j->runs[low].first);
}

bool log_has_checksums(const struct journal *j)
{
    return j->incompat & (LOG_CSUM_V2 | LOG_CSUM_V3);
}

uint32_t log_tag_bytes(const struct journal *j)
{
    uint32_t bytes = sizeof(struct log_tag) + (j->incompat & LOG_CSUM_V2 ? sizeof(be16) : 0);
    return j->incompat & LOG_CSUM_V3 ? sizeof(struct log_tag3)
           : j->incompat & LOG_64BIT ? bytes
                                     : bytes - (uint32_t)sizeof(be32);
}

static uint32_t crc(uint32_t seed, const void *bytes, size_t count)
{
    return ext2fs_crc32c_le(seed, bytes, count);
}

// Checksums are made as if the field that holds them were zero.
static uint32_t checksum_without(uint32_t seed, const uint8_t *bytes, size_t count, size_t field)
{
    static const be32 zero;
    uint32_t sum = crc(seed, bytes, field);
    sum = crc(sum, &zero, sizeof(zero));
    return crc(sum, bytes + field + sizeof(zero), count - field - sizeof(zero));
}

uint32_t log_block_checksum(const struct volume *v, const uint8_t *bytes, uint32_t field)
{
    return checksum_without(v->journal.seed, bytes, block_bytes(v), field);
}

uint32_t log_data_checksum(const struct volume *v, uint32_t sequence, const uint8_t *bytes)
{
    be32 number = to_be32(sequence);
    return crc(crc(v->journal.seed, &number, sizeof(number)), bytes, block_bytes(v));
}

int log_take(struct volume *v, uint64_t place, int class, uint8_t **out)
{
    int error = cache_get_new(&v->cache, place, out);
    if (error == ENOMEM) {
        error = cache_write_class(&v->cache, (enum cache_class) class);
        error = error ? error : cache_get_new(&v->cache, place, out);
    }
    return error;
}

// ---- The superblock ----

static uint32_t super_checksum(const struct log_super *s)
{
    return checksum_without(~0u, (const uint8_t *)s, sizeof(*s),
                            offsetof(struct log_super, checksum));
}

// What the log is written with from now on, as it is empty: what Linux would choose for the volume.
static void choose_features(struct volume *v)
{
    struct ext2_super_block *s = v->fs->super;
    v->journal.incompat = LOG_REVOKES | (ext2fs_has_feature_64bit(s) ? LOG_64BIT : 0) |
                          (ext2fs_has_feature_metadata_csum(s) ? LOG_CSUM_V3 : 0);
}

int log_write_super(struct volume *v, uint32_t start, uint32_t sequence)
{
    struct journal *j = &v->journal;
    uint64_t place = log_place(v, 0);
    uint8_t *bytes;
    int error = cache_get(&v->cache, place, &bytes);
    if (error) {
        return error;
    }
    struct log_super *s = (struct log_super *)bytes;
    if (!j->begun) {
        choose_features(v);
    }
    s->header.type = to_be32(LOG_SUPER_2);
    s->compat = 0;
    s->incompat = to_be32(j->incompat);
    s->checksum_type = log_has_checksums(j) ? LOG_CRC32C : 0;
    s->start = to_be32(start);
    s->sequence = to_be32(sequence);
    s->checksum = log_has_checksums(j) ? to_be32(super_checksum(s)) : 0;
    cache_dirty(&v->cache, place, 1, CLASS_LOG);
    cache_submit(&v->cache, CLASS_LOG);
    return 0;
}

static int refuse(struct volume *v, int error, const char *why)
{
    v->note(why);
    return error;
}

static int check_features(struct volume *v, const struct log_super *s)
{
    struct journal *j = &v->journal;
    if (from_be32(s->header.type) != LOG_SUPER_2) {
        j->incompat = 0; // version 1 has neither features nor checksums
        return 0;
    }
    uint32_t compat = from_be32(s->compat), both = LOG_CSUM_V2 | LOG_CSUM_V3;
    j->incompat = from_be32(s->incompat);
    if (compat & ~(uint32_t)LOG_COMPAT_CHECKSUM || j->incompat & ~(uint32_t)LOG_KNOWN ||
        s->ro_compat || from_be32(s->users) > 1) {
        return refuse(v, EROFS, "the journal has features that are not known here: read-only");
    }
    if ((j->incompat & both) == both ||
        (j->incompat & both &&
         (s->checksum_type != LOG_CRC32C || from_be32(s->checksum) != super_checksum(s)))) {
        return refuse(v, EUCLEAN, "the journal's superblock does not check: read-only");
    }
    return 0;
}

static int read_super(struct volume *v)
{
    struct journal *j = &v->journal;
    uint8_t *bytes;
    int error = cache_get(&v->cache, log_place(v, 0), &bytes);
    if (error) {
        return error;
    }
    const struct log_super *s = (const struct log_super *)bytes;
    uint32_t type = from_be32(s->header.type), length = from_be32(s->length);
    j->first = from_be32(s->first);
    j->sequence = from_be32(s->sequence);
    j->start = from_be32(s->start);
    if (from_be32(s->header.magic) != LOG_MAGIC || (type != LOG_SUPER_1 && type != LOG_SUPER_2) ||
        from_be32(s->block_bytes) != block_bytes(v) || length > j->length ||
        length < LOG_BLOCKS_MIN || !j->first || j->first > length / 2 ||
        (j->start && (j->start < j->first || j->start >= length))) {
        return refuse(v, EUCLEAN, "the journal's superblock makes no sense: read-only");
    }
    j->length = length;
    error = check_features(v, s);
    if (!error && s->error) {
        error = refuse(v, EUCLEAN, "the journal tells of an error: read-only until e2fsck has run");
    }
    memcpy(j->uuid, s->uuid, sizeof(j->uuid));
    j->seed = crc(~0u, s->uuid, sizeof(s->uuid));
    return error;
}

// ---- Finding it ----

enum { RUNS_MAX = 1 << 16 };

struct finding {
    struct volume *v;
    uint32_t capacity;
    int error;
};

static bool grow_runs(struct finding *f)
{
    struct journal *j = &f->v->journal;
    if (j->run_count < f->capacity) {
        return true;
    }
    uint32_t capacity = f->capacity ? 2 * f->capacity : 8;
    struct log_run *more =
        capacity > RUNS_MAX ? nullptr : renew_array(j->runs, struct log_run, capacity);
    if (!more) {
        f->error = ENOMEM;
        return false;
    }
    j->runs = more;
    f->capacity = capacity;
    return true;
}

static int add_block(ext2_filsys fs, blk64_t *place, e2_blkcnt_t number, blk64_t, int, void *arg)
{
    struct finding *f = arg;
    struct journal *j = &f->v->journal;
    // Blocks of the map itself have negative numbers.
    if (number < 0) {
        return 0;
    }
    if ((uint64_t)number != j->length || *place <= fs->super->s_first_data_block ||
        *place >= ext2fs_blocks_count(fs->super) || j->length == INT32_MAX) {
        f->error = EUCLEAN;
        return BLOCK_ABORT;
    }
    struct log_run *last = j->run_count ? &j->runs[j->run_count - 1] : nullptr;
    if (last && last->place + last->count == *place) {
        last->count++;
    } else if (grow_runs(f)) {
        j->runs[j->run_count++] = (struct log_run){j->length, 1, *place};
    } else {
        return BLOCK_ABORT;
    }
    j->length++;
    return 0;
}

static int find_blocks(struct volume *v)
{
    struct journal *j = &v->journal;
    struct ext2_inode inode;
    struct finding f = {.v = v};
    errcode_t code = ext2fs_read_inode(v->fs, v->fs->super->s_journal_inum, &inode);
    if (!code && (!inode.i_links_count || !LINUX_S_ISREG(inode.i_mode))) {
        return EUCLEAN;
    }
    code = code ? code
                : ext2fs_block_iterate3(v->fs, v->fs->super->s_journal_inum, BLOCK_FLAG_READ_ONLY,
                                        nullptr, add_block, &f);
    uint64_t whole = EXT2_I_SIZE(&inode) >> v->cache.block_shift;
    j->length = whole < j->length ? (uint32_t)whole : j->length;
    return f.error                 ? f.error
           : code == EIO           ? EIO
           : code == ENOMEM        ? ENOMEM
           : code || !j->run_count ? EUCLEAN
                                   : 0;
}

// The shares of the log that make sure that every transaction fits: see journal_is_tight.
static void share_out(struct volume *v)
{
    struct journal *j = &v->journal;
    uint32_t ring = j->length - j->first;
    // Two bitmaps for each group, all descriptors, the superblock.
    uint64_t fixed = 2ull * v->fs->group_desc_count + v->fs->desc_blocks + 1;
    j->slack = ring / 8;
    j->open = fixed + 2 * j->slack <= ring / 2;
    j->fixed = (uint32_t)fixed;
    if (!j->open) {
        v->note("the journal is too small for this volume and not used");
    }
}

int journal_open(struct volume *v)
{
    struct journal *j = &v->journal;
    struct ext2_super_block *s = v->fs->super;
    memset(j, 0, sizeof(*j));
    if (!ext2fs_has_feature_journal(s)) {
        return ext2fs_has_feature_journal_needs_recovery(s)
                   ? refuse(v, EUCLEAN, "there is no journal, yet it needs recovery: read-only")
                   : 0;
    }
    if (!s->s_journal_inum) {
        return refuse(v, EROFS, "the journal is on another disk: read-only");
    }
    int error = s->s_journal_inum > s->s_inodes_count ? EUCLEAN : find_blocks(v);
    if (error == EUCLEAN) {
        return refuse(v, EUCLEAN, "the journal's inode makes no sense: read-only");
    }
    error = error ? error : read_super(v);
    if (error) {
        return error;
    }
    if (j->start && !ext2fs_has_feature_journal_needs_recovery(s)) {
        return refuse(v, EUCLEAN, "the journal holds something, yet needs no recovery: read-only");
    }
    j->recover_set = ext2fs_has_feature_journal_needs_recovery(s);
    j->head = j->first;
    share_out(v);
    return 0;
}

void journal_close(struct volume *v)
{
    struct journal *j = &v->journal;
    free(j->runs);
    free(j->blocks);
    free(j->revoked);
    memset(j, 0, sizeof(*j));
}
