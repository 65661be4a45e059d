// SPDX-License-Identifier: MIT
// Sessions with a block driver, and waiting for it.
#include "interfaces/block.client.h"
#include "lib/block/disk.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"

// A driver that is being reborn takes milliseconds. When a wait gets as long as this, the client asks.
static const uint64_t ask_after_ns = 1'000'000'000;

static uint64_t whole_pages(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static enum status create(struct disk_memory *m, enum rt_map_kind kind)
{
    enum status status = sys_mem_create(m->bytes, MEM_POPULATE, &m->memory);
    if (status != OK) {
        return status;
    }
    status = rt_map(m->memory, 0, m->bytes, PROT_READ | PROT_WRITE, kind, &m->base);
    if (status != OK) {
        sys_handle_close(m->memory);
    }
    return status;
}

enum status disk_memory_create(struct disk_memory *m)
{
    bool good = m->bytes != 0 && m->bytes % PAGE_SIZE == 0 && m->bytes <= BLOCK_BUFFER_BYTES_MAX;
    return good ? create(m, RT_STATE) : ERR_RANGE;
}

static enum status make_ring(struct disk *d, uint32_t entries)
{
    struct disk_memory m = {.bytes = whole_pages(block_ring_bytes(entries))};
    enum status status = create(&m, RT_SHARED);

    if (status != OK) {
        return status;
    }
    d->ring_memory = m.memory;
    d->ring = m.base;
    d->ring->magic = BLOCK_RING_MAGIC;
    d->ring->entries = entries;
    d->entries = entries;
    for (uint32_t i = 0; i < entries; i++) {
        d->free[i / 64] |= 1ull << (i % 64);
    }
    return OK;
}

static void drop_ring(struct disk *d)
{
    rt_timer_cancel(&d->watch);
    rt_unmap(d->ring);
    sys_handle_close(d->ring_memory);
    if (d->doorbell != HANDLE_NONE) {
        sys_handle_close(d->doorbell);
    }
    *d = (struct disk){0};
}

enum status disk_add_memory(struct disk *d, const struct disk_memory *memory)
{
    uint32_t index = d->buffers;
    if (index == BLOCK_BUFFERS) {
        return ERR_RANGE;
    }
    enum status status =
        block_buffer(d->port, d->session, index, memory->memory, &d->buffer_bytes[index]);
    if (status == OK) {
        d->buffer_memory[index] = memory->memory;
        d->buffers = index + 1;
    }
    return status;
}

static enum status share_buffers(struct disk *d, const struct disk_memory *memory, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        enum status status = disk_add_memory(d, &memory[i]);
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

static enum status tell_completion_port(struct disk *d)
{
    handle_t port;
    enum status status = rt_notify_handle(d->bit, &port);

    if (status == OK) {
        status = block_completion(d->port, d->session, port);
        sys_handle_close(port); // the driver has its own copy
    }
    return status;
}

static void on_completion(uint64_t, void *arg)
{
    struct disk *d = arg;
    if (d->ring != nullptr) { // detached meanwhile
        disk_poll(d);
    }
}

static enum status open_session(struct disk *d, const struct disk_memory *memory, uint32_t count)
{
    uint32_t features;
    enum status status = block_attach(d->port, d->entries, d->ring_memory, &d->session,
                                      &d->sectors, &features, &d->max_bytes, &d->doorbell);
    if (status != OK) {
        return status;
    }
    d->read_only = (features & BLOCK_READ_ONLY) != 0;
    d->flush_needed = (features & BLOCK_FLUSH_NEEDED) != 0;
    status = share_buffers(d, memory, count);
    if (status == OK) {
        status = tell_completion_port(d);
    }
    if (status != OK) {
        (void)block_detach(d->port, d->session);
    }
    return status;
}

enum status disk_attach(struct disk *d, handle_t port, uint32_t entries, uint64_t bit,
                        const struct disk_memory *memory, uint32_t memories)
{
    if (entries == 0 || entries > BLOCK_ENTRIES_MAX || memories > BLOCK_BUFFERS) {
        return ERR_RANGE;
    }
    *d = (struct disk){.port = port, .bit = bit};
    enum status status = make_ring(d, entries);
    if (status != OK) {
        return status;
    }
    status = open_session(d, memory, memories);
    if (status != OK) {
        drop_ring(d);
        return status;
    }
    rt_on_notify(bit, on_completion, d);
    return OK;
}

void disk_forget(struct disk *d)
{
    if (d->ring != nullptr) {
        drop_ring(d);
    }
}

void disk_detach(struct disk *d)
{
    while (disk_under_way(d) > 0) {
        disk_wait_any(d);
    }
    (void)block_detach(d->port,
                       d->session); // fails only if the driver is gone: nothing to end then
    drop_ring(d);
}

// A driver that was born afresh knows nothing of its predecessor's sessions. It gets this one anew, with
// the ring as it is, and looks at every entry.
static enum status attach_again(struct disk *d)
{
    uint64_t bytes;
    uint32_t features;
    handle_t old = d->doorbell;
    enum status status = block_attach(d->port, d->entries, d->ring_memory, &d->session,
                                      &d->sectors, &features, &d->max_bytes, &d->doorbell);
    if (status != OK) {
        return status;
    }
    rt_close_at_commit(old);
    for (uint32_t i = 0; status == OK && i < d->buffers; i++) {
        status = block_buffer(d->port, d->session, i, d->buffer_memory[i], &bytes);
    }
    if (status == OK) {
        status = tell_completion_port(d);
    }
    for (int w = 0; w < BLOCK_WORDS; w++) {
        atomic_store(&d->ring->submitted[w], UINT64_MAX);
    }
    return status;
}

// Whether somebody is left who will complete requests. The call waits for a driver that is being reborn;
// for one that was given up the supervisor answers it with ERR_DEAD.
static bool driver_lives(struct disk *d)
{
    enum status status = tell_completion_port(d);

    if (status == ERR_STATE) {
        status = attach_again(d);
        log_warn("a driver has forgotten its session: %s", rt_status_text(status));
    }
    return ipc_notify(d->doorbell) == OK && status != ERR_DEAD;
}

// A request whose handler has given up waits for nobody but this.
static void on_watch(void *arg)
{
    struct disk *d = arg;

    if (disk_under_way(d) > 0 && disk_poll(d) == 0 && d->completions == d->watched && !driver_lives(d)) {
        disk_fail_all(d, ERR_DEAD);
    }
    disk_watch(d);
}

void disk_watch(struct disk *d)
{
    if (disk_under_way(d) > 0 && !d->watch.armed) {
        d->watched = d->completions;
        rt_timer(&d->watch, rt_now_ns() + ask_after_ns, on_watch, d);
    }
}

void disk_wait_any(struct disk *d)
{
    while (disk_under_way(d) > 0 && disk_poll(d) == 0) {
        if (rt_wait_until(d->bit, "disk", rt_now_ns() + ask_after_ns) == 0 && !driver_lives(d)) {
            disk_fail_all(d, ERR_DEAD);
        }
    }
}
