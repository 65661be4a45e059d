// SPDX-License-Identifier: MIT
#include "servers/drivers/virtio_blk/test/fake_disk.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four above first
#include <cmocka.h>

struct fake_disk disk;
static _Alignas(4096) uint8_t dma[BLK_DMA_PAGES][4096];
static uint64_t dma_pages[BLK_DMA_PAGES];

static void kick(struct blk *)
{
}

static void tell(struct blk *, struct blk_session *)
{
}

static enum status restart(struct blk *b)
{
    disk.resets++;
    disk.seen = 0;
    disk.pendings = 0;
    disk.deaf = disk.deaf && disk.resets < disk.deaf_resets;
    memset(dma, 0, 2 * 4096);
    virtq_init(&b->queue, b->queue.size, dma);
    return disk.dead ? ERR_IO : OK;
}

void disk_connect(struct blk *b)
{
    memset(&disk, 0, sizeof disk);
    memset(dma, 0, sizeof dma);
    for (size_t i = 0; i < sizeof disk.data; i++) {
        disk.data[i] = (uint8_t)(i / BLOCK_SECTOR * 7 + i);
    }
    for (int i = 0; i < BLK_DMA_PAGES; i++) {
        dma_pages[i] = (uint64_t)dma[i];
    }
    b->sectors = DISK_SECTORS;
    b->working = b->can_flush = true;
    b->max_bytes = BLK_MAX_BYTES;
    b->part_bytes = BLK_MAX_BYTES;
    b->parts_max = BLK_PARTS;
    b->queue.size = b->indirect ? BLK_QUEUE_INDIRECT : BLK_QUEUE_DIRECT;
    virtq_init(&b->queue, b->queue.size, dma);
    b->control = (struct blk_control *)dma[BLK_DMA_CONTROL];
    b->tables = (struct virtq_desc *)dma[BLK_DMA_TABLES];
    b->dma_pages = dma_pages;
    b->timeout_ns = 1000;
    b->kick = kick;
    b->tell = tell;
    b->restart = restart;
}

void disk_reset(struct blk *b)
{
    disk.resets = 0;
    disk.reads = disk.writes = disk.flushes = 0;
    (void)restart(b);
}

struct walk {
    const struct virtq_desc *table;
    uint16_t at;
    bool more;
};

static const struct virtq_desc *step(struct walk *w)
{
    const struct virtq_desc *d = &w->table[w->at];

    w->more = (d->flags & VIRTQ_NEXT) != 0;
    w->at = d->next;
    return d;
}

static void move(const struct virtq_desc *d, uint64_t *offset)
{
    assert_true(*offset + d->bytes <= sizeof disk.data);
    if (d->flags & VIRTQ_WRITE) {
        memcpy((void *)d->address, disk.data + *offset, d->bytes);
        disk.last_in += d->bytes;
    } else {
        memcpy(disk.data + *offset, (void *)d->address, d->bytes);
        disk.last_out += d->bytes;
    }
    *offset += d->bytes;
}

// Carries one request out; returns the bytes written to memory.
static uint32_t carry_out(struct walk w)
{
    const struct virtq_desc *d = step(&w);
    struct virtio_blk_header header;

    assert_int_equal(d->bytes, sizeof header);
    memcpy(&header, (void *)d->address, sizeof header);
    uint64_t offset = header.sector * BLOCK_SECTOR;
    uint8_t status = VIRTIO_BLK_S_OK;
    disk.last_in = disk.last_out = 0;
    status = header.sector == DISK_BAD_SECTOR ? VIRTIO_BLK_S_IOERR : status;
    status = header.sector == DISK_STRANGE_SECTOR ? 77 : status;
    for (d = step(&w); w.more; d = step(&w)) {
        assert_int_equal((d->flags & VIRTQ_WRITE) != 0, header.type == VIRTIO_BLK_IN);
        move(d, &offset);
    }
    disk.reads += header.type == VIRTIO_BLK_IN;
    disk.writes += header.type == VIRTIO_BLK_OUT;
    disk.flushes += header.type == VIRTIO_BLK_FLUSH;
    assert_int_equal(d->bytes, 1);
    assert_true(d->flags & VIRTQ_WRITE);
    *(uint8_t *)d->address = status;
    return (uint32_t)disk.last_in + (disk.shortens ? 0 : 1);
}

static uint32_t answer(struct blk *b, uint16_t head)
{
    const struct virtq_desc *d = &b->queue.desc[head];

    if (d->flags & VIRTQ_INDIRECT) {
        return carry_out((struct walk){(const struct virtq_desc *)d->address, 0, true});
    }
    return carry_out((struct walk){b->queue.desc, head, true});
}

void disk_work(struct blk *b)
{
    while (!disk.deaf && disk.seen != b->queue.avail->idx) {
        disk.pending[disk.pendings++] = b->queue.avail->ring[disk.seen++ % b->queue.size];
    }
    while (disk.pendings > 0) {
        uint32_t pick = disk.shuffles ? (uint32_t)rand() % disk.pendings : 0;
        uint16_t head = disk.pending[pick], idx = b->queue.used->idx;
        uint32_t written = answer(b, head);
        b->queue.used->ring[idx % b->queue.size].id = head;
        b->queue.used->ring[idx % b->queue.size].bytes = written;
        b->queue.used->idx = (uint16_t)(idx + 1);
        memmove(&disk.pending[pick], &disk.pending[pick + 1],
                (--disk.pendings - pick) * sizeof disk.pending[0]);
    }
}
