// SPDX-License-Identifier: MIT
// After a power cut: brings every transaction that has its commit block to its place.
//
// Three passes over the log, as everybody makes them who reads this format: which transactions are
// whole, what they revoke, and then the blocks themselves, oldest first, without those that the
// same or a later transaction revoked. Nothing in the log is believed: a log that an attacker wrote
// can change the volume's contents, but not reach beyond them, nor make this run on for ever.
#include "servers/fs/journal.h"
#include "lib/rt/heap.h"
#include "servers/fs/journal_format.h"
#include "servers/fs/volume.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum pass { SCAN, REVOKES, BLOCKS };

struct revoked {
    uint64_t block;
    uint32_t sequence; // of the last transaction that revoked it
};

struct replay {
    enum pass pass;
    uint32_t at, sequence; // where the walk is
    uint32_t end;          // the first transaction that is not whole
    uint32_t walked;       // blocks of the log: no more than there are
    bool bad;              // something in this transaction does not check
    bool damaged;          // and it was committed
    struct revoked *revoked;
    uint32_t revoked_count, revoked_capacity;
    uint8_t *copy; // of the descriptor: the cache's own block may not stay in place
};

static bool is_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

// The next block of the log; ENOENT when the walk has been round once.
static int next_block(struct volume *v, struct replay *r, uint8_t **out)
{
    struct journal *j = &v->journal;
    if (r->walked++ >= j->length - j->first) {
        return ENOENT;
    }
    uint64_t place = log_place(v, r->at);
    r->at = log_step(j, r->at, 1);
    return cache_get(&v->cache, place, out);
}

static bool tail_checks(const struct volume *v, const uint8_t *bytes)
{
    uint32_t field = block_bytes(v) - LOG_TAIL_BYTES;
    return !log_has_checksums(&v->journal) ||
           from_be32(*(const be32 *)(bytes + field)) == log_block_checksum(v, bytes, field);
}

static uint32_t used_bytes(const struct volume *v)
{
    return block_bytes(v) - (log_has_checksums(&v->journal) ? LOG_TAIL_BYTES : 0);
}

// ---- Revokes ----

static int add_revoked(struct replay *r, uint64_t block)
{
    if (r->revoked_count == r->revoked_capacity) {
        uint32_t capacity = r->revoked_capacity ? 2 * r->revoked_capacity : 256;
        struct revoked *more = renew_array(r->revoked, struct revoked, capacity);
        if (!more) {
            return ENOMEM;
        }
        r->revoked = more;
        r->revoked_capacity = capacity;
    }
    r->revoked[r->revoked_count++] = (struct revoked){block, r->sequence};
    return 0;
}

static int read_revokes(const struct volume *v, struct replay *r, const uint8_t *bytes)
{
    const struct log_revoke *head = (const struct log_revoke *)bytes;
    uint32_t end = from_be32(head->bytes), width = v->journal.incompat & LOG_64BIT ? 8 : 4;
    if (!tail_checks(v, bytes) || end < sizeof(*head) || end > used_bytes(v)) {
        r->bad = true;
        return 0;
    }
    int error = 0;
    for (uint32_t at = sizeof(*head); r->pass == REVOKES && !error && at + width <= end;
         at += width) {
        be32 number[2] = {0};
        memcpy(width == 8 ? number : number + 1, bytes + at, width);
        error = add_revoked(r, (uint64_t)from_be32(number[0]) << 32 | from_be32(number[1]));
    }
    return error;
}

static int by_block(const void *a, const void *b)
{
    const struct revoked *x = a, *y = b;
    return x->block != y->block
               ? (x->block < y->block ? -1 : 1)
               : (int)is_after(x->sequence, y->sequence) - (int)is_after(y->sequence, x->sequence);
}

// Sorts them, and keeps the last one of each block.
static void order_revokes(struct replay *r)
{
    uint32_t kept = 0;
    if (r->revoked_count) {
        qsort(r->revoked, r->revoked_count, sizeof(r->revoked[0]), by_block);
    }
    for (uint32_t n = 0; n < r->revoked_count; n++) {
        if (n + 1 == r->revoked_count || r->revoked[n + 1].block != r->revoked[n].block) {
            r->revoked[kept++] = r->revoked[n];
        }
    }
    r->revoked_count = kept;
}

static bool is_revoked(const struct replay *r, uint64_t block)
{
    uint32_t low = 0, high = r->revoked_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (r->revoked[middle].block < block) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < r->revoked_count && r->revoked[low].block == block &&
           !is_after(r->sequence, r->revoked[low].sequence);
}

// ---- Blocks ----

struct tag {
    uint64_t block;
    uint32_t flags, checksum;
};

static struct tag read_tag(const struct journal *j, const uint8_t *at)
{
    uint32_t high = j->incompat & LOG_64BIT ? ~0u : 0;
    if (j->incompat & LOG_CSUM_V3) {
        struct log_tag3 t;
        memcpy(&t, at, sizeof(t));
        return (struct tag){(uint64_t)(from_be32(t.block_high) & high) << 32 | from_be32(t.block),
                            from_be32(t.flags), from_be32(t.checksum)};
    }
    struct log_tag t = {0};
    memcpy(&t, at, high ? sizeof(t) : sizeof(t) - sizeof(t.block_high));
    return (struct tag){(uint64_t)from_be32(t.block_high) << 32 | from_be32(t.block),
                        from_be16(t.flags), from_be16(t.checksum)};
}

// A block of the volume that is none of the journal's own.
static bool is_replaceable(const struct volume *v, uint64_t block)
{
    const struct journal *j = &v->journal;
    for (uint32_t n = 0; n < j->run_count; n++) {
        if (block >= j->runs[n].place && block - j->runs[n].place < j->runs[n].count) {
            return false;
        }
    }
    return block >= v->fs->super->s_first_data_block && block < ext2fs_blocks_count(v->fs->super);
}

static bool data_checks(const struct volume *v, const struct replay *r, const struct tag *t,
                        const uint8_t *bytes)
{
    const struct journal *j = &v->journal;
    if (!log_has_checksums(j)) {
        return true;
    }
    uint32_t sum = log_data_checksum(v, r->sequence, bytes);
    return t->checksum == (j->incompat & LOG_CSUM_V3 ? sum : sum & 0xffff);
}

static int bring(struct volume *v, const struct tag *t, const uint8_t *from)
{
    uint8_t *to;
    int error = log_take(v, t->block, CLASS_MAP, &to);
    if (!error) {
        memcpy(to, from, block_bytes(v));
        if (t->flags & TAG_ESCAPED) {
            *(be32 *)to = to_be32(LOG_MAGIC);
        }
        cache_dirty(&v->cache, t->block, 1, CLASS_MAP);
    }
    return error;
}

static int handle_tag(struct volume *v, struct replay *r, const struct tag *t)
{
    uint8_t *bytes;
    int error = next_block(v, r, &bytes);
    if (error || r->pass == REVOKES) {
        return error;
    }
    if (r->pass == SCAN) {
        r->bad = r->bad || !is_replaceable(v, t->block) || !data_checks(v, r, t, bytes);
        return 0;
    }
    return is_revoked(r, t->block) ? 0 : bring(v, t, bytes);
}

static int read_descriptor(struct volume *v, struct replay *r, const uint8_t *bytes)
{
    const struct journal *j = &v->journal;
    uint32_t width = log_tag_bytes(j), at = sizeof(struct log_header), flags = 0;
    memcpy(r->copy, bytes, block_bytes(v));
    r->bad = r->bad || !tail_checks(v, bytes);
    int error = 0;
    while (!error && !(flags & TAG_LAST) && at + width <= used_bytes(v)) {
        struct tag t = read_tag(j, r->copy + at);
        flags = t.flags;
        at += width + (flags & TAG_SAME_UUID ? 0 : LOG_UUID_BYTES);
        error = handle_tag(v, r, &t);
    }
    return error;
}

// ---- The walk ----

static bool commit_checks(const struct volume *v, const uint8_t *bytes)
{
    uint32_t field = offsetof(struct log_commit, checksum);
    return !log_has_checksums(&v->journal) ||
           from_be32(*(const be32 *)(bytes + field)) == log_block_checksum(v, bytes, field);
}

// ENOENT: here the log ends.
static int handle_block(struct volume *v, struct replay *r, const uint8_t *bytes)
{
    const struct log_header *h = (const struct log_header *)bytes;
    if (from_be32(h->magic) != LOG_MAGIC || from_be32(h->sequence) != r->sequence) {
        return ENOENT;
    }
    switch (from_be32(h->type)) {
    case LOG_DESCRIPTOR:
        return read_descriptor(v, r, bytes);
    case LOG_REVOKE:
        return read_revokes(v, r, bytes);
    case LOG_COMMIT:
        if (r->pass == SCAN && !commit_checks(v, bytes)) {
            return ENOENT; // it was being written when the power went
        }
        if (r->bad) {
            r->damaged = true;
            return ENOENT;
        }
        r->sequence++;
        return 0;
    default:
        return ENOENT;
    }
}

static int walk(struct volume *v, struct replay *r, enum pass pass)
{
    int error = 0;
    r->pass = pass;
    r->at = v->journal.start;
    r->sequence = v->journal.sequence;
    r->walked = 0;
    r->bad = false;
    while (!error && (pass == SCAN || r->sequence != r->end)) {
        uint8_t *bytes;
        error = next_block(v, r, &bytes);
        error = error ? error : handle_block(v, r, bytes);
        if (r->walked % 256 == 0) {
            v->alive();
        }
    }
    if (pass == SCAN && error == ENOENT) {
        r->end = r->sequence;
        return 0;
    }
    return error == ENOENT ? EUCLEAN : error; // the scan found more than this
}

static int replay(struct volume *v, struct replay *r)
{
    r->copy = new_array(uint8_t, block_bytes(v));
    int error = r->copy ? walk(v, r, SCAN) : ENOMEM;
    error = error ? error : walk(v, r, REVOKES);
    order_revokes(r);
    error = error ? error : walk(v, r, BLOCKS);
    return error ? error : cache_write(&v->cache, CLASS_MAP);
}

int journal_replay(struct volume *v)
{
    struct journal *j = &v->journal;
    struct replay r = {0};
    if (!j->start) {
        return 0;
    }
    int error = replay(v, &r);
    free(r.copy);
    free(r.revoked);
    if (!error && r.damaged) {
        v->note("a committed transaction in the journal does not check: read-only");
        error = EUCLEAN;
    }
    if (!error) {
        // One number is left out: whatever there is of an unfinished transaction has it.
        error = log_write_super(v, 0, r.end + 1);
        error = error ? error : cache_flush(&v->cache);
    } else if (error != EUCLEAN) {
        v->note("the journal cannot be replayed: read-only");
    }
    return error;
}
