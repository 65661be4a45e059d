// SPDX-License-Identifier: MIT
// The journal: every sync is one transaction, on the disk as a whole or not at all.
//
// What a sync has to write besides file data goes to the log first and, once its commit block is on
// the disk, counts. The blocks stay in the cache (CLASS_LOGGED) and are written to their own places
// later, all at once, right after a commit: what the cache holds then is what was committed. Only
// after that is the log's old content forgotten.
//
// A sync may break off at any point where it waits for the disk, by an error or because the service
// dies, and be run again from its beginning. So nothing here counts as done before the disk said
// so, and `phase` says what has to be finished first; volume_begin lets no operation change
// anything before that.
#pragma once
#include <stdint.h>

struct volume;

enum journal_phase {
    JOURNAL_IDLE,
    JOURNAL_COMMITTING,    // the transaction is in the log, its commit block may be on the disk
    JOURNAL_CHECKPOINTING, // some blocks are in their own places, the log still begins before them
};

// A stretch of the log: blocks [first, first + count) lie at `place` on.
struct log_run {
    uint32_t first, count;
    uint64_t place;
};

struct journal {
    bool open; // there is one and it is used
    bool failed;
    bool recover_set; // the superblock on the disk says that there may be something in the log
    bool started;     // the log's superblock on the disk may say where it begins
    bool begun;       // it does, and the features are chosen
    enum journal_phase phase;
    struct log_run *runs;
    uint32_t run_count;
    uint32_t length, first; // blocks; where the ring begins
    uint32_t head, used;    // the next transaction's first block; blocks before it that count
    uint32_t sequence;      // the next transaction's
    uint32_t start;         // for recovery: where the log begins, 0: it is empty
    uint32_t incompat, seed;
    uint8_t uuid[16];
    uint32_t commit_at;    // JOURNAL_COMMITTING: where the commit block goes
    uint32_t fixed, slack; // blocks that any sync may need for tables; most that an operation adds
    uint64_t *blocks;      // of the transaction being written
    uint64_t *revoked;     // freed blocks of which the log holds something older
    uint32_t block_count, block_capacity, revoked_count, revoked_capacity;
};

// Finds the journal of a volume whose superblock and groups are known, and reads the log's
// superblock. 0 with `open` false: it has none or one too small to use. EROFS: it is elsewhere, or
// has unknown features; EUCLEAN, EIO, ENOMEM. What is wrong is logged.
int journal_open(struct volume *v);
void journal_close(struct volume *v);
// Brings everything that the log holds to its place and empties the log. The caller has to forget
// all it has read before. EUCLEAN: there is damage in the log; what came before it has been
// brought.
int journal_replay(struct volume *v);

// True if the next operation has to wait for a sync.
bool journal_is_tight(const struct volume *v);
// Before an operation that may change that many blocks more than others do.
int journal_reserve(struct volume *v, uint64_t blocks);
// The block is free from now on; whatever the log holds of it must not come back.
void journal_forget(struct volume *v, uint64_t block);

// For sync.c, in this order. Finishes what was broken off.
int journal_resume(struct volume *v);
// Says in the superblock on the disk that the log may hold something; to be called before the
// superblock in the cache changes.
int journal_mark(struct volume *v);
// False if what is to be written would not fit into the whole log.
bool journal_fits(const struct volume *v);
// Writes all dirty metadata in the cache as one transaction. File data is on its way to the disk.
int journal_commit(struct volume *v);
bool journal_is_filling(const struct volume *v);
// Brings everything committed to its place. With `empty`, the log's superblock says so.
int journal_checkpoint(struct volume *v, bool empty);

// Between journal.c, journal_commit.c and journal_replay.c.

// The disk block of a block of the log.
uint64_t log_place(const struct volume *v, uint32_t at);
static inline uint32_t log_step(const struct journal *j, uint32_t at, uint32_t count)
{
    uint32_t ring = j->length - j->first;
    return (uint32_t)(j->first + ((uint64_t)(at - j->first) + count) % ring);
}
bool log_has_checksums(const struct journal *j);
uint32_t log_tag_bytes(const struct journal *j);
// With the block's checksum field as it is, and as if it were 0.
uint32_t log_block_checksum(const struct volume *v, const uint8_t *bytes, uint32_t field);
uint32_t log_data_checksum(const struct volume *v, uint32_t sequence, const uint8_t *bytes);
// Room for the contents of a block that is written whole, as cache_get_new; writes dirty blocks of
// `class` if there is none.
int log_take(struct volume *v, uint64_t place, int class, uint8_t **out);
// Starts writing the log's superblock.
int log_write_super(struct volume *v, uint32_t start, uint32_t sequence);
