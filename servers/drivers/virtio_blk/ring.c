// SPDX-License-Identifier: MIT
// A client's ring, seen by the driver: every field is read once, checked, and never looked at
// again.
#include "servers/drivers/virtio_blk/blk.h"

static const uint32_t page = 4096;

// Loads that the compiler may not repeat: the client can change its memory at any moment.
static uint32_t once32(const uint32_t *at)
{
    return *(const volatile uint32_t *)at;
}

static uint64_t once64(const uint64_t *at)
{
    return *(const volatile uint64_t *)at;
}

// Adds one stretch of physical memory, joined to the last one where they are neighbours.
static bool add_part(const struct blk *b, struct blk_job *job, uint64_t address, uint32_t bytes)
{
    struct virtq_part *last = &job->part[job->data];

    if (job->data > 0 && last->address + last->bytes == address &&
        last->bytes + bytes <= b->part_bytes) {
        last->bytes += bytes;
        return true;
    }
    if (job->data == b->parts_max) {
        return false;
    }
    job->part[++job->data] = (struct virtq_part){address, bytes};
    return true;
}

static enum status add_segment(const struct blk *b, const struct blk_buffer *buffer,
                               uint32_t offset, uint32_t bytes, struct blk_job *job)
{
    if (bytes == 0 || bytes % BLOCK_SECTOR != 0 || offset % BLOCK_SECTOR != 0) {
        return ERR_ALIGN;
    }
    if (offset > buffer->bytes || bytes > buffer->bytes - offset ||
        bytes > b->max_bytes - job->bytes) {
        return ERR_RANGE;
    }
    job->bytes += bytes;
    while (bytes > 0) {
        uint32_t in_page = offset % page;
        uint32_t piece = page - in_page < bytes ? page - in_page : bytes;
        uint64_t address = b->page_address[buffer->first + offset / page] + in_page;
        if (!add_part(b, job, address, piece)) {
            return ERR_UNSUPPORTED; // more scattered than the device can take in one request
        }
        offset += piece;
        bytes -= piece;
    }
    return OK;
}

static enum status read_segments(const struct blk *b, uint32_t session,
                                 const struct block_entry *e, uint32_t count, struct blk_job *job)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t buffer = once32(&e->segment[i].buffer);
        if (buffer >= BLOCK_BUFFERS) {
            return ERR_RANGE;
        }
        enum status status =
            add_segment(b, &b->session[session].buffer[buffer],
                        once32(&e->segment[i].offset), once32(&e->segment[i].bytes), job);
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

enum status blk_read_entry(const struct blk *b, uint32_t session, uint32_t index,
                           struct blk_job *job)
{
    struct block_entry *e = &b->session[session].ring->entry[index];

    if (atomic_load_explicit(&e->state, memory_order_acquire) != BLOCK_SUBMITTED) {
        return ERR_AGAIN;
    }
    uint32_t op = once32(&e->op), count = once32(&e->segments);
    job->op = (enum block_op)op;
    job->sector = once64(&e->sector);
    job->bytes = 0;
    job->data = 0;
    if (op == BLOCK_FLUSH) {
        return count == 0 ? OK : ERR_RANGE;
    }
    if (op != BLOCK_READ && op != BLOCK_WRITE) {
        return ERR_ARG;
    }
    if (op == BLOCK_WRITE && b->read_only) {
        return ERR_READ_ONLY;
    }
    if (count == 0 || count > BLOCK_SEGMENTS) {
        return ERR_RANGE;
    }
    enum status status = read_segments(b, session, e, count, job);
    if (status == OK &&
        (job->sector > b->sectors || job->bytes / BLOCK_SECTOR > b->sectors - job->sector)) {
        status = ERR_RANGE;
    }
    return status;
}

void blk_finish_entry(struct blk_session *s, uint32_t index, enum status status)
{
    UNDO_DEVICE struct block_entry *e = UNDO_DEVICE_AT(&s->ring->entry[index]);

    *(volatile UNDO_DEVICE uint32_t *)&e->status = status;
    atomic_store_explicit(&e->state, BLOCK_DONE, memory_order_release);
}
