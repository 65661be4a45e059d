// SPDX-License-Identifier: MIT
// The client's half of the block ring: filling entries, ringing the doorbell, taking in
// completions. Touches nothing but the ring and the doorbell, so that host tests can play the
// driver.
//
// Struct disk is state and may be undone, the ring is not. So the ring is written in one place
// only, publish_entry(), which runs when the transaction has committed, and once more in an heir
// whose predecessor died in there. And completions are not taken out of the ring: a request has
// completed if its entry says so under its number.
#include "lib/block/disk.h"
#include "lib/rt/ipc.h"
#include "lib/rt/tx.h"
#include "lib/rt/undo_log.h"

void disk_request_init(struct disk_request *r, enum block_op op, uint64_t sector)
{
    r->op = op;
    r->sector = sector;
    r->segments = 0;
    r->done = nullptr;
    r->arg = nullptr;
    r->status = OK;
    r->under_way = 0;
}

enum status disk_request_add(struct disk_request *r, uint32_t buffer, uint32_t offset,
                             uint32_t bytes)
{
    struct block_segment *last = r->segments > 0 ? &r->segment[r->segments - 1] : nullptr;

    if (last != nullptr && last->buffer == buffer && last->offset + last->bytes == offset) {
        last->bytes += bytes;
        return OK;
    }
    if (r->segments == BLOCK_SEGMENTS) {
        return ERR_RANGE;
    }
    r->segment[r->segments++] = (struct block_segment){buffer, offset, bytes, 0};
    return OK;
}

// The driver checks all of this again; here it spares a mistaken client the round trip.
static enum status check_segments(const struct disk *d, const struct disk_request *r,
                                  uint64_t *total)
{
    *total = 0;
    for (uint32_t i = 0; i < r->segments; i++) {
        const struct block_segment *s = &r->segment[i];
        if (s->bytes == 0 || s->bytes % BLOCK_SECTOR != 0 || s->offset % BLOCK_SECTOR != 0) {
            return ERR_ALIGN;
        }
        if (s->buffer >= d->buffers || s->offset > d->buffer_bytes[s->buffer] ||
            s->bytes > d->buffer_bytes[s->buffer] - s->offset) {
            return ERR_RANGE;
        }
        *total += s->bytes;
    }
    return OK;
}

static enum status check(const struct disk *d, const struct disk_request *r)
{
    uint64_t total;

    if (r->segments > BLOCK_SEGMENTS) {
        return ERR_RANGE;
    }
    enum status status = check_segments(d, r, &total);
    if (status != OK) {
        return status;
    }
    switch (r->op) {
    case BLOCK_FLUSH:
        return total == 0 ? OK : ERR_RANGE;
    case BLOCK_WRITE:
        if (d->read_only) {
            return ERR_READ_ONLY;
        }
        [[fallthrough]];
    case BLOCK_READ:
        if (total == 0 || total > d->max_bytes || r->sector > d->sectors ||
            total / BLOCK_SECTOR > d->sectors - r->sector) {
            return ERR_RANGE;
        }
        return OK;
    }
    return ERR_ARG;
}

// The lowest entry that can be used, -1 if all are under way.
static int take_entry(struct disk *d)
{
    for (int w = 0; w < BLOCK_WORDS; w++) {
        if (d->free[w] != 0) {
            int bit = __builtin_ctzll(d->free[w]);
            d->free[w] &= d->free[w] - 1;
            return w * 64 + bit;
        }
    }
    return -1;
}

static void complete(struct disk *d, int i, enum status status)
{
    struct disk_request *r = d->entry[i].owner;
    uint64_t bit = 1ull << (i % 64);

    d->entry[i].owner = nullptr;
    d->free[i / 64] |= bit;
    if (d->queued[i / 64] & bit) { // nobody has heard of it
        d->queued[i / 64] &= ~bit;
    }
    d->completions++;
    r->status = status;
    r->under_way = 0;
    if (r->done != nullptr) {
        r->done(d, r);
    }
}

// Runs again if its transaction was undone by a death. The entry may have been submitted by then,
// and even be done: its number tells. It is stored while the entry is FREE, so that a number that
// is there without a state after it is one that the driver has not seen.
static void publish_entry(struct disk *d, int i)
{
    UNDO_DEVICE struct block_entry *e = UNDO_DEVICE_AT(&d->ring->entry[i]);
    const struct disk_request *r = d->entry[i].owner;
    uint64_t number = d->entry[i].number;

    if (e->number == number &&
        atomic_load_explicit(&e->state, memory_order_relaxed) != BLOCK_FREE) {
        return;
    }
    atomic_store_explicit(&e->state, BLOCK_FREE, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    e->number = number;
    e->op = r->op;
    e->sector = r->sector;
    e->segments = r->segments;
    for (uint32_t s = 0; s < r->segments; s++) {
        e->segment[s] = r->segment[s];
    }
    atomic_store_explicit(&e->state, BLOCK_SUBMITTED, memory_order_release);
}

static void end_queued(struct disk *d, enum status status)
{
    for (uint32_t i = 0; i < d->entries; i++) {
        if (d->queued[i / 64] >> (i % 64) & 1) {
            complete(d, (int)i, status);
        }
    }
}

static void publish(void *arg)
{
    struct disk *d = arg;

    for (int w = 0; w < BLOCK_WORDS; w++) {
        uint64_t queued = d->queued[w];
        for (uint64_t bits = queued; bits != 0; bits &= bits - 1) {
            publish_entry(d, w * 64 + __builtin_ctzll(bits));
        }
        if (queued != 0) {
            atomic_fetch_or(&UNDO_DEVICE_AT(d->ring)->submitted[w], queued);
        }
    }
    enum status status = ipc_notify(d->doorbell);
    if (status != OK) { // nobody will ever look at them
        end_queued(d, status);
    }
    for (int w = 0; w < BLOCK_WORDS; w++) {
        if (d->queued[w] != 0) {
            d->queued[w] = 0;
        }
    }
}

enum status disk_submit(struct disk *d, struct disk_request *r)
{
    if (r->under_way) {
        return ERR_STATE;
    }
    enum status status = check(d, r);
    if (status != OK) {
        return status;
    }
    int i = take_entry(d);
    if (i < 0) {
        return ERR_AGAIN;
    }
    d->entry[i] = (struct disk_entry){r, ++d->last_number};
    d->queued[i / 64] |= 1ull << (i % 64);
    r->under_way = 1;
    disk_watch(d);
    if (!rt_at_commit(publish, d)) {
        complete(d, i, ERR_QUOTA);
    }
    return OK;
}

static bool is_done(const struct disk *d, uint32_t i)
{
    struct block_entry *e = &d->ring->entry[i];

    return atomic_load_explicit(&e->state, memory_order_acquire) == BLOCK_DONE &&
           e->number == d->entry[i].number;
}

uint32_t disk_poll(struct disk *d)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < d->entries && disk_under_way(d) > 0; i++) {
        if (d->entry[i].owner != nullptr && is_done(d, i)) {
            uint32_t status = d->ring->entry[i].status;
            complete(d, (int)i, status < STATUS_COUNT ? (enum status)status : ERR_IO);
            count++;
        }
    }
    return count;
}

void disk_fail_all(struct disk *d, enum status status)
{
    for (uint32_t i = 0; i < d->entries; i++) {
        if (d->entry[i].owner != nullptr) {
            complete(d, (int)i, status);
        }
    }
}
