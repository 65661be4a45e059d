// SPDX-License-Identifier: MIT
// The virtio block device: what it can do, and its one queue.
#include "servers/drivers/virtio_blk/blk.h"

static uint32_t min32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

// How a request may be cut. A device that takes few stretches gets small requests: each segment may
// begin and end inside a page, which costs up to two stretches more than its whole pages.
static enum status learn_limits(struct blk *b, struct virtio_device *d)
{
    uint32_t parts = BLK_PARTS;

    b->part_bytes = BLK_MAX_BYTES;
    if (d->features & VIRTIO_BLK_F_SEG_MAX) {
        parts = min32(parts, virtio_config32(d, VIRTIO_BLK_SEG_MAX));
    }
    if (d->features & VIRTIO_BLK_F_SIZE_MAX) {
        b->part_bytes = min32(b->part_bytes, virtio_config32(d, VIRTIO_BLK_SIZE_MAX));
    }
    if (!b->indirect) { // several requests are to fit into the queue
        parts = min32(parts, b->queue.size / 4u - 2);
    }
    if (parts < 2 || b->part_bytes < 4096) {
        return ERR_UNSUPPORTED;
    }
    b->parts_max = (uint16_t)parts;
    uint32_t whole_pages = parts > 2 * BLOCK_SEGMENTS ? parts - 2 * BLOCK_SEGMENTS : 1;
    b->max_bytes = min32(BLK_MAX_BYTES, whole_pages * 4096);
    return OK;
}

enum status blk_learn(struct blk *b, struct virtio_device *d)
{
    enum status status = virtio_negotiate(d, 0, VIRTIO_F_INDIRECT | VIRTIO_BLK_F_SIZE_MAX |
                                                    VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO |
                                                    VIRTIO_BLK_F_FLUSH);
    if (status != OK) {
        return status;
    }
    b->indirect = (d->features & VIRTIO_F_INDIRECT) != 0;
    b->read_only = (d->features & VIRTIO_BLK_F_RO) != 0;
    b->can_flush = (d->features & VIRTIO_BLK_F_FLUSH) != 0;
    b->sectors = virtio_config64(d, VIRTIO_BLK_CAPACITY);

    // Indirect descriptors: a request takes one place in a queue that fits into a page, and all
    // slots can be in use whatever their requests look like. Without them a long queue is shared.
    uint32_t size = min32(b->indirect ? BLK_QUEUE_INDIRECT : BLK_QUEUE_DIRECT,
                          virtio_queue_max(d, 0));
    if (size < 16 || (size & (size - 1)) != 0) {
        return ERR_UNSUPPORTED;
    }
    b->queue.size = (uint16_t)size;
    return learn_limits(b, d);
}

enum status blk_start_queue(struct blk *b, struct virtio_device *d, void *dma,
                            volatile uint16_t **doorbell)
{
    uint64_t *words = dma;

    for (uint32_t i = 0; i < virtq_place(b->queue.size).bytes / 8 + 1; i++) {
        words[i] = 0;
    }
    virtq_init(&b->queue, b->queue.size, dma);
    enum status status = virtio_queue_start(d, 0, &b->queue, b->dma_pages, 0, doorbell);
    if (status == OK) {
        virtio_run(d);
    }
    return status;
}
