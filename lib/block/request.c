// SPDX-License-Identifier: MIT
// The client's half of the block ring: filling entries, ringing the doorbell, taking in
// completions. Touches nothing but the ring and the doorbell, so that host tests can play the
// driver.
#include "lib/block/disk.h"
#include "lib/rt/ipc.h"

void disk_request_init(struct disk_request *r, enum block_op op, uint64_t sector)
{
    r->op = op;
    r->sector = sector;
    r->segments = 0;
    r->done = nullptr;
    r->arg = nullptr;
    r->status = OK;
    r->under_way = false;
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

static void give_entry(struct disk *d, int i)
{
    d->owner[i] = nullptr;
    atomic_store_explicit(&d->ring->entry[i].state, BLOCK_FREE, memory_order_relaxed);
    d->free[i / 64] |= 1ull << (i % 64);
    d->under_way--;
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
    struct block_entry *e = &d->ring->entry[i];
    e->op = r->op;
    e->sector = r->sector;
    e->segments = r->segments;
    for (uint32_t s = 0; s < r->segments; s++) {
        e->segment[s] = r->segment[s];
    }
    d->owner[i] = r;
    d->under_way++;
    r->under_way = true;
    atomic_store_explicit(&e->state, BLOCK_SUBMITTED, memory_order_release);
    atomic_fetch_or(&d->ring->submitted[i / 64], 1ull << (i % 64));

    status = ipc_notify(d->doorbell);
    if (status != OK) { // nobody will ever look at it
        r->under_way = false;
        give_entry(d, i);
    }
    return status;
}

static void complete(struct disk *d, int i)
{
    struct disk_request *r = d->owner[i];
    uint32_t status = d->ring->entry[i].status;

    give_entry(d, i);
    r->status = status < STATUS_COUNT ? (enum status)status : ERR_IO;
    r->under_way = false;
    if (r->done != nullptr) {
        r->done(d, r);
    }
}

uint32_t disk_poll(struct disk *d)
{
    uint32_t count = 0;

    for (int w = 0; w < BLOCK_WORDS; w++) {
        // A plain look first: the exchange locks the bus.
        if (atomic_load_explicit(&d->ring->completed[w], memory_order_relaxed) == 0) {
            continue;
        }
        uint64_t bits = atomic_exchange(&d->ring->completed[w], 0);
        for (; bits != 0; bits &= bits - 1) {
            int i = w * 64 + __builtin_ctzll(bits);
            // A reborn driver may tell of a completion that was taken in before.
            if (d->owner[i] != nullptr &&
                atomic_load_explicit(&d->ring->entry[i].state, memory_order_acquire) ==
                    BLOCK_DONE) {
                complete(d, i);
                count++;
            }
        }
    }
    return count;
}

// The driver is gone for good: ends everything under way with `status`.
void disk_fail_all(struct disk *d, enum status status)
{
    for (uint32_t i = 0; i < d->entries; i++) {
        if (d->owner[i] != nullptr) {
            d->ring->entry[i].status = status;
            complete(d, (int)i);
        }
    }
}
