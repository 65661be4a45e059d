// SPDX-License-Identifier: MIT
#include "servers/fs/block_device.h"
#include "lib/block/disk.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"
#include "lib/rt/undo_log.h"
#include "servers/fs/cache.h"
#include <errno.h>

enum {
    SLOTS = DEVICE_QUEUE, // requests under way at once
    DISK_BIT = 1,
    // Making memory costs time, most of it at boot: a little at first, the rest when there is
    // something to put there.
    FIRST_BYTES = CACHE_MIN_BYTES,
};
static_assert(DEVICE_SEGMENTS <= BLOCK_SEGMENTS);

struct slot {
    struct disk_request rq;
    struct device_request *owner; // null: free
};

static struct {
    struct device device;
    struct disk disk;
    struct disk_memory memory[BLOCK_BUFFERS];
    uint32_t memories;
    uint64_t memory_left;
    struct slot slots[SLOTS];
} blk;

static void on_done(struct disk *, struct disk_request *rq)
{
    struct slot *s = rq->arg;
    struct device_request *owner = s->owner;
    s->owner = nullptr;
    rt_progress();
    owner->done(owner, rq->status == OK ? 0 : rq->status == ERR_READ_ONLY ? EROFS : EIO);
}

static struct slot *free_slot(void)
{
    for (int i = 0; i < SLOTS; i++) {
        if (!blk.slots[i].owner) {
            return &blk.slots[i];
        }
    }
    return nullptr;
}

static enum status add_segment(struct disk_request *rq, const struct device_segment *s)
{
    for (uint32_t i = 0; i < blk.memories; i++) {
        uint64_t offset = (uint64_t)(s->memory - (uint8_t *)blk.memory[i].base);
        if (s->memory >= (uint8_t *)blk.memory[i].base && offset < blk.memory[i].bytes) {
            return disk_request_add(rq, i, (uint32_t)offset, s->bytes);
        }
    }
    return ERR_RANGE;
}

static int submit(struct device *, struct device_request *owner)
{
    static const enum block_op ops[] = {
        [DEVICE_READ] = BLOCK_READ, [DEVICE_WRITE] = BLOCK_WRITE, [DEVICE_FLUSH] = BLOCK_FLUSH};
    struct slot *s = free_slot();
    if (!s) {
        return EAGAIN;
    }
    disk_request_init(&s->rq, ops[owner->op],
                      owner->op == DEVICE_FLUSH ? 0 : owner->offset / BLOCK_SECTOR);
    s->rq.done = on_done;
    s->rq.arg = s;
    enum status status = OK;
    for (uint32_t i = 0; i < owner->segments && status == OK; i++) {
        status = add_segment(&s->rq, &owner->segment[i]);
    }
    s->owner = owner; // before: it may end in there
    status = status == OK ? disk_submit(&blk.disk, &s->rq) : status;
    if (status == OK) {
        return 0;
    }
    s->owner = nullptr;
    return status == ERR_READ_ONLY ? EROFS : EIO;
}

static void wait_any(struct device *)
{
    rt_assert(!rt_may_await()); // it would commit half an operation
    disk_wait_any(&blk.disk);
}

static enum status make_memory(uint64_t bytes)
{
    struct disk_memory *m = &blk.memory[blk.memories];
    m->bytes = bytes < blk.memory_left ? bytes : blk.memory_left;
    enum status status = m->bytes ? disk_memory_create(m) : ERR_QUOTA;
    if (status == OK) {
        blk.memories++;
        blk.memory_left -= m->bytes;
    }
    return status;
}

static void drop_memory(struct disk_memory *m)
{
    rt_unmap(m->base);
    (void)sys_handle_close(m->memory);
    blk.memories--;
    blk.memory_left += m->bytes;
}

static int more_memory(struct device *, uint8_t **memory, uint64_t *bytes)
{
    if (blk.memories == BLOCK_BUFFERS || !blk.memory_left) {
        return ENOMEM;
    }
    enum status status = make_memory(BLOCK_BUFFER_BYTES_MAX);
    struct disk_memory *m = &blk.memory[blk.memories - 1];
    status = status == OK ? disk_add_memory(&blk.disk, m) : status;
    if (status == ERR_BUSY) { // a predecessor died in here, and the driver has its buffer still
        drop_memory(m);
        return EAGAIN;
    }
    if (status != OK) {
        log_warn("the block cache cannot grow: status %d", (int)status);
        blk.memory_left = 0; // what was made stays unused; nothing more is asked for
        return ENOMEM;
    }
    *memory = m->base;
    *bytes = m->bytes;
    return 0;
}

// ---- Transactions ----

static void await(uint64_t key, void (*start)(const void *arg), const void *arg, size_t bytes)
{
    rt_await(key, start, arg, bytes);
}

static uint64_t number(void)
{
    return undo_log.transaction;
}

static void preserve(const void *memory, size_t bytes)
{
    UNDO_WRITTEN(memory, bytes);
}

static const struct transactions tx = {.may_await = rt_may_await,
                                       .await = await,
                                       .wake = rt_wake,
                                       .at_commit = rt_at_commit,
                                       .number = number,
                                       .preserve = preserve};

enum status block_device_open(struct device **out, uint64_t memory_max)
{
    blk.memory_left = memory_max;
    enum status status = make_memory(FIRST_BYTES);
    if (status == OK) {
        status = disk_attach(&blk.disk, rt_handle("disk"), SLOTS, DISK_BIT, blk.memory, 1);
    }
    blk.device = (struct device){
        .bytes = blk.disk.sectors * BLOCK_SECTOR,
        .max_bytes = blk.disk.max_bytes,
        .read_only = blk.disk.read_only,
        .flush_needed = blk.disk.flush_needed,
        .tx = &tx,
        .submit = submit,
        .wait = wait_any,
        .more_memory = more_memory,
    };
    *out = &blk.device;
    return status;
}

void block_device_forget(void)
{
    while (blk.memories > 0) {
        drop_memory(&blk.memory[blk.memories - 1]);
    }
    disk_forget(&blk.disk);
    for (int i = 0; i < SLOTS; i++) {
        blk.slots[i].owner = nullptr;
    }
}

void block_device_memory(uint8_t **memory, uint64_t *bytes)
{
    *memory = blk.memory[0].base;
    *bytes = blk.memory[0].bytes;
}
