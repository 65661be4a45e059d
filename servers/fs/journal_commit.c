// SPDX-License-Identifier: MIT
// Writing transactions, and bringing what they hold to its place.
//
// - 1: file data, revokes, descriptors and blocks of metadata; one flush
// - 2: the commit block; one flush. From here on all of it has happened
// - 3, much later: the blocks in their own places, a flush, the log's superblock, a flush
//
// An error up to the first flush leaves everything dirty, and the next sync writes the same part of
// the log again. A commit block or a checkpoint that could not be written is tried again before
// anything else happens. A flush that fails may have lost any of what was written before it, which
// nobody could name any more: then the journal is given up, and the volume is read-only.
#include "servers/fs/journal.h"
#include "lib/rt/heap.h"
#include "servers/fs/dir.h"
#include "servers/fs/journal_format.h"
#include "servers/fs/space.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int flush(struct volume *v)
{
    int error = cache_settle(&v->cache); // of a write: it is dirty again
    if (error) {
        return error;
    }
    error = cache_flush(&v->cache);
    if (error) {
        v->journal.failed = true;
        volume_restrict(v, VOLUME_READ_ONLY, EIO);
        v->note("the disk lost what the journal relies on: read-only");
    }
    return error;
}

// ---- Room ----

static uint32_t tags_per_block(const struct volume *v)
{
    const struct journal *j = &v->journal;
    uint32_t bytes = block_bytes(v) - (uint32_t)sizeof(struct log_header) - LOG_UUID_BYTES -
                     (log_has_checksums(j) ? LOG_TAIL_BYTES : 0);
    return bytes / log_tag_bytes(j);
}

static uint32_t revokes_per_block(const struct volume *v)
{
    const struct journal *j = &v->journal;
    uint32_t bytes = block_bytes(v) - (uint32_t)sizeof(struct log_revoke) -
                     (log_has_checksums(j) ? LOG_TAIL_BYTES : 0);
    return bytes / (j->incompat & LOG_64BIT ? 8 : 4);
}

// Blocks of the log that a transaction takes, with descriptors, revokes and commit block. Tags and
// revokes are counted as large as they can be: the features are chosen when the log is begun.
static uint64_t log_blocks_for(const struct volume *v, uint64_t blocks)
{
    uint32_t least = block_bytes(v) / sizeof(struct log_tag3) - 3;
    uint32_t revokes = block_bytes(v) / 8 - 4;
    return blocks + blocks / least + v->journal.revoked_count / revokes + 3;
}

static uint64_t room(const struct journal *j)
{
    return j->length - j->first - j->used - 1; // a log that is full to the last block looks empty
}

// At most: each changed inode may lie in a block of its own.
static uint64_t need(const struct volume *v)
{
    return log_blocks_for(v, cache_dirty_metadata(&v->cache) + v->dirty_inode_count +
                                 v->journal.fixed);
}

bool journal_is_tight(const struct volume *v)
{
    const struct journal *j = &v->journal;
    return j->open && (j->phase != JOURNAL_IDLE || need(v) + j->slack > room(j));
}

bool journal_fits(const struct volume *v)
{
    // With something in the log there is no other way, and the estimate is a high one.
    return v->journal.used || need(v) <= room(&v->journal);
}

bool journal_is_filling(const struct volume *v)
{
    const struct journal *j = &v->journal;
    return j->used > (j->length - j->first) / 2 || v->cache.bound_lines > v->cache.line_max / 8;
}

int journal_reserve(struct volume *v, uint64_t blocks)
{
    const struct journal *j = &v->journal;
    if (!j->open || !j->used || need(v) + blocks + j->slack <= room(j)) {
        return 0;
    }
    int error = volume_sync(v, false);
    return error ? error : journal_checkpoint(v, false);
}

// ---- Freed blocks ----

void journal_forget(struct volume *v, uint64_t block)
{
    struct journal *j = &v->journal;
    if (!j->open || !cache_is_logged(&v->cache, block)) {
        return;
    }
    if (j->revoked_count == j->revoked_capacity) {
        uint32_t capacity = j->revoked_capacity ? 2 * j->revoked_capacity : 64;
        uint64_t *more = renew_array(j->revoked, uint64_t, capacity);
        if (!more) {
            j->failed = true; // nothing is written any more: better than a block that comes back
            volume_restrict(v, VOLUME_READ_ONLY, ENOMEM);
            v->note("no memory for the journal: read-only");
            return;
        }
        j->revoked = more;
        j->revoked_capacity = capacity;
    }
    j->revoked[j->revoked_count++] = block;
}

// ---- Writing a transaction ----
//
// What is in the log's blocks in the cache before is nobody's: all that a transaction consists of is put there again if
// it has to be begun again.

// A block being put together. On the stack: nothing of it needs undoing.
struct draft {
    alignas(8) uint8_t bytes[VOLUME_BLOCK_MAX];
};

static void start_block(struct volume *v, struct draft *d, enum log_type type)
{
    memset(d->bytes, 0, block_bytes(v));
    *(struct log_header *)d->bytes = (struct log_header){to_be32(LOG_MAGIC), to_be32((uint32_t)type),
                                                      to_be32(v->journal.sequence)};
}

static int put_block(struct volume *v, uint32_t at, const uint8_t *bytes)
{
    uint64_t place = log_place(v, at);
    uint8_t *to;
    int error = log_take(v, place, CLASS_LOG, &to);
    if (!error) {
        cache_fill(&v->cache, to, bytes);
        cache_dirty(&v->cache, place, 1, CLASS_LOG);
    }
    return error;
}

// Descriptors and revoke blocks end with a checksum.
static int put_with_tail(struct volume *v, uint32_t at, struct draft *d)
{
    if (log_has_checksums(&v->journal)) {
        uint32_t field = block_bytes(v) - LOG_TAIL_BYTES;
        *(be32 *)(d->bytes + field) = to_be32(log_block_checksum(v, d->bytes, field));
    }
    return put_block(v, at, d->bytes);
}

static int put_revokes(struct volume *v, uint32_t *at)
{
    struct journal *j = &v->journal;
    uint32_t each = revokes_per_block(v), width = j->incompat & LOG_64BIT ? 8 : 4;
    for (uint32_t n = 0; n < j->revoked_count;) {
        struct draft d;
        struct log_revoke *r = (struct log_revoke *)d.bytes;
        uint32_t count = j->revoked_count - n < each ? j->revoked_count - n : each;
        uint8_t *to = d.bytes + sizeof(*r);
        start_block(v, &d, LOG_REVOKE);
        r->bytes = to_be32((uint32_t)sizeof(*r) + count * width);
        for (uint32_t end = n + count; n < end; n++) {
            be32 number[2] = {to_be32((uint32_t)(j->revoked[n] >> 32)),
                              to_be32((uint32_t)j->revoked[n])};
            memcpy(to, width == 8 ? number : number + 1, width);
            to += width;
        }
        int error = put_with_tail(v, *at, &d);
        if (error) {
            return error;
        }
        *at = log_step(j, *at, 1);
    }
    return 0;
}

// Copies a block into the log. What looks like a block of the log itself is changed, and the tag
// tells so.
static int put_copy(struct volume *v, uint64_t block, uint32_t at, bool *escaped, uint32_t *sum)
{
    uint64_t place = log_place(v, at);
    uint8_t *from, *to;
    int error = cache_get(&v->cache, block, &from);
    error = error ? error : log_take(v, place, CLASS_LOG, &to);
    if (error) {
        return error;
    }
    cache_fill(&v->cache, to, from);
    *escaped = *(be32 *)to == to_be32(LOG_MAGIC);
    if (*escaped) {
        *(be32 *)to = 0;
    }
    cache_dirty(&v->cache, place, 1, CLASS_LOG);
    *sum = log_has_checksums(&v->journal) ? log_data_checksum(v, v->journal.sequence, to) : 0;
    return 0;
}

// How many bytes it has.
static uint32_t put_tag(struct volume *v, uint8_t *to, uint64_t block, uint32_t flags, uint32_t sum)
{
    const struct journal *j = &v->journal;
    if (j->incompat & LOG_CSUM_V3) {
        *(struct log_tag3 *)to = (struct log_tag3){to_be32((uint32_t)block), to_be32(flags),
                                                   to_be32((uint32_t)(block >> 32)), to_be32(sum)};
    } else {
        struct log_tag tag = {to_be32((uint32_t)block), 0, to_be16((uint16_t)flags),
                              to_be32((uint32_t)(block >> 32))};
        memcpy(to, &tag, log_tag_bytes(j));
    }
    uint32_t bytes = log_tag_bytes(j);
    if (!(flags & TAG_SAME_UUID)) {
        memcpy(to + bytes, j->uuid, LOG_UUID_BYTES);
        bytes += LOG_UUID_BYTES;
    }
    return bytes;
}

// A descriptor at *at and its blocks behind it.
static int put_blocks(struct volume *v, const uint64_t *blocks, uint32_t count, uint32_t *at)
{
    struct journal *j = &v->journal;
    struct draft d;
    uint32_t descriptor = *at, used = sizeof(struct log_header);
    start_block(v, &d, LOG_DESCRIPTOR);
    for (uint32_t n = 0; n < count; n++) {
        bool escaped;
        uint32_t sum;
        *at = log_step(j, *at, 1);
        int error = put_copy(v, blocks[n], *at, &escaped, &sum);
        if (error) {
            return error;
        }
        uint32_t flags = (escaped ? TAG_ESCAPED : 0u) | (n ? TAG_SAME_UUID : 0u) |
                         (n == count - 1 ? TAG_LAST : 0u);
        used += put_tag(v, d.bytes + used, blocks[n], flags, sum);
    }
    *at = log_step(j, *at, 1);
    return put_with_tail(v, descriptor, &d);
}

static int list_blocks(struct volume *v)
{
    struct journal *j = &v->journal;
    uint64_t count = cache_dirty_metadata(&v->cache);
    if (count > j->block_capacity) {
        uint64_t *more =
            count > UINT32_MAX / 2 ? nullptr : renew_array(j->blocks, uint64_t, count);
        if (!more) {
            return ENOMEM;
        }
        j->blocks = more;
        j->block_capacity = (uint32_t)count;
    }
    j->block_count = cache_list_metadata(&v->cache, j->blocks, j->block_capacity);
    return 0;
}

// All of the transaction but its commit block, which comes to *at.
static int put_transaction(struct volume *v, uint32_t *at)
{
    struct journal *j = &v->journal;
    *at = j->head;
    int error = put_revokes(v, at);
    for (uint32_t n = 0; n < j->block_count && !error;) {
        uint32_t left = j->block_count - n, each = tags_per_block(v);
        uint32_t count = left < each ? left : each;
        error = put_blocks(v, j->blocks + n, count, at);
        n += count;
    }
    if (!error) {
        cache_submit(&v->cache, CLASS_LOG);
    }
    return error;
}

// From here on only the commit block is missing, and nothing of the transaction is dirty.
static void freeze(struct volume *v, uint32_t at)
{
    struct journal *j = &v->journal;
    for (uint32_t n = 0; n < j->block_count; n++) {
        cache_logged(&v->cache, j->blocks[n]);
    }
    j->revoked_count = 0;
    j->commit_at = at;
    j->phase = JOURNAL_COMMITTING;
    v->tables_dirty = false;
    dir_blocks_written(v);
}

static int finish_commit(struct volume *v)
{
    struct journal *j = &v->journal;
    struct draft d;
    struct log_commit *c = (struct log_commit *)d.bytes;
    uint64_t now = v->now_ns();
    start_block(v, &d, LOG_COMMIT);
    c->seconds_high = to_be32((uint32_t)(now / 1000000000 >> 32));
    c->seconds_low = to_be32((uint32_t)(now / 1000000000));
    c->nanoseconds = to_be32((uint32_t)(now % 1000000000));
    if (log_has_checksums(j)) {
        c->checksum[0] =
            to_be32(log_block_checksum(v, d.bytes, offsetof(struct log_commit, checksum)));
    }
    int error = put_block(v, j->commit_at, d.bytes);
    if (!error) {
        cache_submit(&v->cache, CLASS_LOG);
        error = flush(v);
    }
    if (error) {
        return error;
    }
    uint32_t ring = j->length - j->first, end = log_step(j, j->commit_at, 1);
    j->used += (end + ring - j->head) % ring;
    j->head = end;
    j->sequence++;
    j->phase = JOURNAL_IDLE;
    space_release(v, true);
    return 0;
}

int journal_mark(struct volume *v)
{
    struct journal *j = &v->journal;
    uint8_t *bytes;
    if (j->recover_set) {
        return 0;
    }
    // As it is on the disk but for this: what has changed since belongs into the transaction.
    int error = volume_super_bytes(v, &bytes);
    if (error) {
        return error;
    }
    struct ext2_super_block *s = (struct ext2_super_block *)bytes;
    s->s_feature_incompat |= EXT3_FEATURE_INCOMPAT_RECOVER;
    ext2fs_superblock_csum_set(v->fs, s);
    v->fs->super->s_feature_incompat |= EXT3_FEATURE_INCOMPAT_RECOVER;
    error = volume_write_super_block(v);
    error = error ? error : flush(v);
    j->recover_set = !error;
    v->dirty = v->dirty || !error;
    return error;
}

int journal_commit(struct volume *v)
{
    struct journal *j = &v->journal;
    uint32_t at;
    int error = list_blocks(v);
    if (!error && !j->block_count && !j->revoked_count) {
        return flush(v); // file data only
    }
    if (!error && !j->begun) {
        j->started = true;
        error = log_write_super(v, j->head, j->sequence);
    }
    if (!error && log_blocks_for(v, j->block_count) > room(j)) {
        j->failed = true;
        volume_restrict(v, VOLUME_READ_ONLY, EFBIG);
        v->note("one operation's changes are larger than the journal: read-only");
        error = EFBIG;
    }
    error = error ? error : put_transaction(v, &at);
    error = error ? error : flush(v);
    if (error) {
        return error;
    }
    j->begun = true;
    freeze(v, at);
    return finish_commit(v);
}

// ---- Later ----

int journal_checkpoint(struct volume *v, bool empty)
{
    struct journal *j = &v->journal;
    if (!j->used && (!empty || !j->started)) {
        return 0;
    }
    j->phase = JOURNAL_CHECKPOINTING;
    cache_submit(&v->cache, CLASS_LOGGED);
    int error = flush(v);
    error = error ? error : log_write_super(v, empty ? 0 : j->head, j->sequence);
    error = error ? error : flush(v);
    if (error) {
        return error;
    }
    j->used = 0;
    j->started = j->begun = !empty;
    j->phase = JOURNAL_IDLE;
    return 0;
}

int journal_resume(struct volume *v)
{
    switch (v->journal.phase) {
    case JOURNAL_COMMITTING:
        return finish_commit(v);
    case JOURNAL_CHECKPOINTING:
        return journal_checkpoint(v, false);
    default:
        return 0;
    }
}
