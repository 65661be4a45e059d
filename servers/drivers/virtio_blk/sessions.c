// SPDX-License-Identifier: MIT
// Sessions: rings and buffers of clients, kept over rebirths.
//
// A handle is kept before the saved table says that the session has it, and forgotten after: a
// birth in between finds a handle too many, never one too few, and drops it.
#include "servers/drivers/virtio_blk/sessions.h"
#include "lib/rt/movable.h"

// Keys of kept handles: one for the table, then a stretch for each session.
enum {
    KEY_SAVED = 1,
    KEY_SESSION = 0x100,
    KEY_STRIDE = 0x10,
    KEY_RING = 0,
    KEY_COMPLETION = 1,
    KEY_BUFFER = 2
};

enum { PIN_PAGES = 512 }; // the kernel pins no more in one call

static struct blk *blk;
static struct blk_saved *saved; // writable only between unlock and lock
static handle_t domain;

static uint64_t saved_bytes(void)
{
    return (sizeof *saved + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static void unlock(void)
{
    enum status status =
        sys_mem_protect(HANDLE_NONE, (uint64_t)saved, saved_bytes(), PROT_READ | PROT_WRITE);
    rt_assert(status == OK);
}

static void lock(void)
{
    enum status status = sys_mem_protect(HANDLE_NONE, (uint64_t)saved, saved_bytes(), PROT_READ);
    rt_assert(status == OK);
}

static uint32_t key(uint32_t session, uint32_t what)
{
    return KEY_SESSION + session * KEY_STRIDE + what;
}

static void drop_kept(uint32_t k)
{
    handle_t handle;

    if (rt_kept(k, &handle, nullptr, nullptr) == OK) {
        rt_forget(k);
        sys_handle_close(handle);
    }
}

MOVE_ADDRESSES enum status blk_sessions_init(struct blk *b, handle_t dma)
{
    handle_t memory;
    uint64_t at = 0;
    bool found = rt_kept(KEY_SAVED, &memory, nullptr, nullptr) == OK;
    enum status status = found ? OK : sys_mem_create(saved_bytes(), 0, &memory);

    if (status == OK) {
        status = sys_mem_map(HANDLE_NONE, memory, &at, 0, saved_bytes(),
                             found ? PROT_READ : PROT_READ | PROT_WRITE);
    }
    if (status != OK) {
        return status;
    }
    blk = b;
    domain = dma;
    saved = (struct blk_saved *)at;
    if (!found) {
        saved->magic = BLK_SAVED_MAGIC;
        lock();
        status = rt_keep(KEY_SAVED, memory, 0, 0);
    }
    rt_assert(saved->magic == BLK_SAVED_MAGIC);
    b->saved = saved;
    return status;
}

// ---- Opening and closing ----

static uint64_t ring_pages_bytes(uint32_t entries)
{
    return (block_ring_bytes(entries) + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

// Maps the ring; its pages must be there already, so that looking at it can never fail.
MOVE_ADDRESSES static enum status map_ring(struct blk_session *s, handle_t memory, uint32_t entries)
{
    struct mem_info info;
    uint64_t at = 0, bytes = ring_pages_bytes(entries);
    enum status status = sys_mem_info(memory, &info);

    if (status != OK) {
        return status;
    }
    if (info.device || info.bytes < bytes || info.populated_bytes < info.bytes) {
        return ERR_ARG;
    }
    status = sys_mem_map(HANDLE_NONE, memory, &at, 0, bytes, PROT_READ | PROT_WRITE);
    if (status == OK) {
        s->ring = (struct block_ring *)at;
        s->ring_memory = memory;
    }
    return status;
}

// The kernel counts calls: one unpin for each pin.
static void unpin(handle_t memory, uint32_t pages)
{
    for (uint32_t done = 0; done < pages; done += PIN_PAGES) {
        sys_mem_unpin(memory);
    }
}

static void release_buffer(uint32_t session, uint32_t index)
{
    if (saved->session[session].buffer[index].bytes != 0) {
        unlock();
        saved->session[session].buffer[index].bytes = 0;
        lock();
        unpin(blk->session[session].memory[index], saved->session[session].buffer[index].pages);
    }
    drop_kept(key(session, KEY_BUFFER + index));
    blk->session[session].memory[index] = HANDLE_NONE;
}

// Waits for what is under way, then frees everything of the session.
static void close_session(uint32_t session)
{
    struct blk_session *s = &blk->session[session];
    uint32_t entries = saved->session[session].entries;

    s->closing = true;
    while (s->slots > 0) {
        blk_pump_wait();
    }
    if (saved->session[session].active) {
        unlock();
        saved->session[session].active = 0;
        lock();
    }
    for (uint32_t i = 0; i < BLOCK_BUFFERS; i++) {
        release_buffer(session, i);
    }
    if (s->ring != nullptr) {
        sys_mem_unmap(HANDLE_NONE, (uint64_t)s->ring, ring_pages_bytes(entries));
    }
    drop_kept(key(session, KEY_RING));
    drop_kept(key(session, KEY_COMPLETION));
    *s = (struct blk_session){0};
}

// ---- Operations ----

static int session_of(uint64_t badge)
{
    for (int i = 0; i < BLOCK_SESSIONS; i++) {
        if (saved->session[i].active && saved->session[i].badge == badge) {
            return i;
        }
    }
    return -1;
}

static int free_session(void)
{
    for (int i = 0; i < BLOCK_SESSIONS; i++) {
        if (!saved->session[i].active) {
            return i;
        }
    }
    return -1;
}

static uint32_t features(void)
{
    return (blk->read_only ? BLOCK_READ_ONLY : 0u) | (blk->can_flush ? BLOCK_FLUSH_NEEDED : 0u);
}

static enum status give_doorbell(struct request *rq, uint32_t session, handle_t *doorbell)
{
    enum status status = rt_notify_handle(1ull << session, doorbell);

    if (status == OK) {
        rt_close_after(rq, *doorbell);
    }
    return status;
}

static enum status do_attach(struct request *rq, uint32_t entries, handle_t ring,
                             uint32_t *out_session, uint64_t *sectors, uint32_t *out_features,
                             uint32_t *max_bytes, handle_t *doorbell)
{
    int old = session_of(rq->m.badge);
    if (old >= 0) {
        close_session((uint32_t)old);
    }
    int session = free_session();
    if (session < 0) {
        return ERR_BUSY;
    }
    struct blk_session *s = &blk->session[session];
    *s = (struct blk_session){0};
    enum status status = map_ring(s, ring, entries);
    if (status != OK) {
        return status;
    }
    status = rt_keep(key((uint32_t)session, KEY_RING), ring, 0, 0);
    if (status == OK) {
        status = give_doorbell(rq, (uint32_t)session, doorbell);
    }
    if (status != OK) {
        sys_mem_unmap(HANDLE_NONE, (uint64_t)s->ring, ring_pages_bytes(entries));
        rt_forget(key((uint32_t)session, KEY_RING));
        *s = (struct blk_session){0};
        return status;
    }
    unlock();
    saved->session[session] = (struct blk_saved_session){.badge = rq->m.badge, .entries = entries};
    atomic_signal_fence(memory_order_release); // whoever dies here leaves it inactive
    saved->session[session].active = 1;
    lock();
    *out_session = (uint32_t)session;
    *sectors = blk->sectors;
    *out_features = features();
    *max_bytes = blk->max_bytes;
    return OK;
}

static bool is_owner(const struct request *rq, uint32_t session)
{
    return saved->session[session].active && saved->session[session].badge == rq->m.badge;
}

// First place in the table of page addresses with so many free in a row, -1 if there is none.
static int64_t find_room(uint32_t pages)
{
    uint32_t first = 0;

restart:
    for (uint32_t i = 0; i < BLOCK_SESSIONS * BLOCK_BUFFERS; i++) {
        const struct blk_buffer *used =
            &saved->session[i / BLOCK_BUFFERS].buffer[i % BLOCK_BUFFERS];
        if (used->bytes != 0 && first < used->first + used->pages && used->first < first + pages) {
            first = used->first + used->pages;
            goto restart; // ends: first only grows
        }
    }
    return first + pages <= BLK_PAGES ? (int64_t)first : -1;
}

static enum status pin(handle_t memory, uint32_t pages, uint64_t *address)
{
    for (uint32_t done = 0; done < pages; done += PIN_PAGES) {
        uint32_t count = pages - done < PIN_PAGES ? pages - done : PIN_PAGES;
        enum status status = sys_mem_pin(domain, memory, done, count, address + done);
        if (status != OK) {
            unpin(memory, done);
            return status;
        }
    }
    return OK;
}

static enum status do_buffer(struct request *rq, uint32_t session, uint32_t index, handle_t memory,
                             uint64_t *bytes)
{
    struct mem_info info;

    if (!is_owner(rq, session)) {
        return ERR_STATE;
    }
    if (blk->session[session].slots > 0 &&
        saved->session[session].buffer[index].bytes != 0) { // it may be in use by the device
        return ERR_BUSY;
    }
    enum status status = sys_mem_info(memory, &info);
    if (status != OK) {
        return status;
    }
    if (info.device || info.bytes == 0 || info.bytes > BLOCK_BUFFER_BYTES_MAX) {
        return ERR_ARG;
    }
    release_buffer(session, index);
    uint32_t pages = (uint32_t)(info.bytes / PAGE_SIZE);
    int64_t first = find_room(pages);
    if (first < 0) {
        return ERR_QUOTA;
    }
    unlock();
    status = pin(memory, pages, &saved->page_address[first]);
    if (status == OK) {
        status = rt_keep(key(session, KEY_BUFFER + index), memory, 0, 0);
    }
    if (status == OK) {
        struct blk_buffer *buffer = &saved->session[session].buffer[index];
        buffer->first = (uint32_t)first;
        buffer->pages = pages;
        atomic_signal_fence(memory_order_release); // whoever dies here leaves no buffer
        buffer->bytes = info.bytes;
        blk->session[session].memory[index] = memory;
        *bytes = info.bytes;
    }
    lock();
    return status;
}

static enum status do_completion(struct request *rq, uint32_t session, handle_t port)
{
    if (!is_owner(rq, session)) {
        return ERR_STATE;
    }
    drop_kept(key(session, KEY_COMPLETION));
    enum status status = rt_keep(key(session, KEY_COMPLETION), port, 0, 0);
    if (status == OK) {
        blk->session[session].completion = port;
    }
    return status;
}

static enum status do_detach(struct request *rq, uint32_t session)
{
    if (!is_owner(rq, session)) {
        return ERR_STATE;
    }
    close_session(session);
    return OK;
}

static enum status do_info(struct request *, uint64_t *sectors, uint32_t *out_features,
                           uint32_t *max_bytes)
{
    *sectors = blk->sectors;
    *out_features = features();
    *max_bytes = blk->max_bytes;
    return blk->working ? OK : ERR_IO;
}

static enum status do_statistics(struct request *, uint64_t *completed, uint64_t *failed,
                                 uint64_t *resets, uint64_t *repeated, uint32_t *under_way)
{
    const struct blk_counters *c = &blk->control->count;

    *completed = c->completed;
    *failed = c->failed;
    *resets = c->resets;
    *repeated = c->repeated;
    *under_way = blk_under_way(blk);
    return OK;
}

const struct block_ops blk_ops = {
    .attach = do_attach,
    .buffer = do_buffer,
    .completion = do_completion,
    .detach = do_detach,
    .info = do_info,
    .statistics = do_statistics,
};

// ---- Rebirth ----

static bool saved_is_sound(const struct blk_saved_session *s)
{
    if (s->entries == 0 || s->entries > BLOCK_ENTRIES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < BLOCK_BUFFERS; i++) {
        const struct blk_buffer *b = &s->buffer[i];
        if (b->bytes != 0 && (b->bytes != (uint64_t)b->pages * PAGE_SIZE ||
                              b->first > BLK_PAGES || b->pages > BLK_PAGES - b->first)) {
            return false;
        }
    }
    return true;
}

static enum status resume(uint32_t session)
{
    struct blk_session *s = &blk->session[session];
    const struct blk_saved_session *was = &saved->session[session];
    handle_t ring;

    if (NEVER(!saved_is_sound(was))) { // only this file writes there, and only unlocked
        return ERR_CORRUPT;
    }
    enum status status = rt_kept(key(session, KEY_RING), &ring, nullptr, nullptr);
    if (status == OK) {
        status = map_ring(s, ring, was->entries);
    }
    if (status != OK) {
        return status;
    }
    (void)rt_kept(key(session, KEY_COMPLETION), &s->completion, nullptr, nullptr);
    for (uint32_t i = 0; i < BLOCK_BUFFERS; i++) {
        if (was->buffer[i].bytes != 0) {
            status = rt_kept(key(session, KEY_BUFFER + i), &s->memory[i], nullptr, nullptr);
            if (status != OK) {
                return status;
            }
        }
    }
    blk_take_all(blk, session);
    return OK;
}

void blk_sessions_resume(struct blk *b)
{
    for (uint32_t i = 0; i < BLOCK_SESSIONS; i++) {
        if (saved->session[i].active && resume(i) != OK) {
            log_warn("session %u of client %#llx cannot be resumed", i,
                     (unsigned long long)saved->session[i].badge);
            close_session(i);
        }
    }
    b->repeating = true;
}
