// SPDX-License-Identifier: MIT
// Sessions: rings and buffers of clients.
#include "servers/drivers/virtio_blk/sessions.h"
#include "lib/rt/tx.h"

enum { PIN_PAGES = 512 }; // the kernel pins no more in one call

static struct blk *blk;
static handle_t domain;

// The table of page addresses is a mapping of its own: an heir maps it, too, and copies nothing.
enum status blk_sessions_init(struct blk *b, handle_t dma)
{
    uint64_t bytes = BLK_PAGES * sizeof b->page_address[0];
    void *table;
    handle_t memory;
    enum status status = sys_mem_create(bytes, 0, &memory);

    if (status != OK) {
        return status;
    }
    status = rt_map(memory, 0, bytes, PROT_READ | PROT_WRITE, RT_STATE, &table);
    sys_handle_close(memory);
    if (status == OK) {
        blk = b;
        domain = dma;
        b->page_address = table;
    }
    return status;
}

// ---- Opening and closing ----

static uint64_t ring_pages_bytes(uint32_t entries)
{
    return (block_ring_bytes(entries) + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

// Maps the ring; its pages must be there already, so that looking at it can never fail.
static enum status map_ring(struct blk_session *s, handle_t memory, uint32_t entries)
{
    struct mem_info info;
    void *at;
    uint64_t bytes = ring_pages_bytes(entries);
    enum status status = sys_mem_info(memory, &info);

    if (status != OK) {
        return status;
    }
    if (info.device || info.bytes < bytes || info.populated_bytes < info.bytes) {
        return ERR_ARG;
    }
    status = rt_map(memory, 0, bytes, PROT_READ | PROT_WRITE, RT_SHARED, &at);
    if (status == OK) {
        s->ring = at;
        s->entries = entries;
    }
    return status;
}

// The kernel counts calls: one unpin for each pin. The counts may be off after a death in here;
// they protect nothing, they only show in mem_info.
static void unpin(handle_t memory, uint32_t pages)
{
    for (uint32_t done = 0; done < pages; done += PIN_PAGES) {
        sys_mem_unpin(memory);
    }
}

static void release_buffer(struct blk_buffer *buffer)
{
    if (buffer->bytes != 0) {
        unpin(buffer->memory, buffer->pages);
        rt_close_at_commit(buffer->memory);
        *buffer = (struct blk_buffer){0};
    }
}

// Waits for what is under way, then frees everything of the session. The waiting commits: after a
// death the request that asked for this runs again, and comes here again.
static void close_session(struct blk_session *s)
{
    s->closing = true;
    while (blk_is_busy(s)) {
        blk_pump_wait();
    }
    for (uint32_t i = 0; i < BLOCK_BUFFERS; i++) {
        release_buffer(&s->buffer[i]);
    }
    rt_unmap(s->ring);
    if (s->completion != HANDLE_NONE) {
        rt_close_at_commit(s->completion);
    }
    blk->open &= ~(1u << (s - blk->session));
    *s = (struct blk_session){0};
}

// ---- Operations ----

static int session_of(uint64_t badge)
{
    for (int i = 0; i < BLOCK_SESSIONS; i++) {
        if (blk->session[i].ring != nullptr && blk->session[i].badge == badge) {
            return i;
        }
    }
    return -1;
}

static int free_session(void)
{
    for (int i = 0; i < BLOCK_SESSIONS; i++) {
        if (blk->session[i].ring == nullptr) {
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
        close_session(&blk->session[old]);
    }
    int session = free_session();
    if (session < 0) {
        return ERR_BUSY;
    }
    struct blk_session *s = &blk->session[session];
    *s = (struct blk_session){.badge = rq->m.badge};
    enum status status = map_ring(s, ring, entries);
    if (status != OK) {
        return status;
    }
    status = give_doorbell(rq, (uint32_t)session, doorbell);
    if (status != OK) {
        rt_unmap(s->ring);
        *s = (struct blk_session){0};
        return status;
    }
    sys_handle_close(ring); // the mapping holds it
    blk->open |= 1u << session;
    *out_session = (uint32_t)session;
    *sectors = blk->sectors;
    *out_features = features();
    *max_bytes = blk->max_bytes;
    return OK;
}

static bool is_owner(const struct request *rq, uint32_t session)
{
    const struct blk_session *s = &blk->session[session];

    return s->ring != nullptr && s->badge == rq->m.badge;
}

// First place in the table of page addresses with so many free in a row, -1 if there is none.
static int64_t find_room(uint32_t pages)
{
    uint32_t first = 0;

restart:
    for (uint32_t i = 0; i < BLOCK_SESSIONS * BLOCK_BUFFERS; i++) {
        const struct blk_buffer *used =
            &blk->session[i / BLOCK_BUFFERS].buffer[i % BLOCK_BUFFERS];
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
    struct blk_session *s = &blk->session[session];
    struct blk_buffer *buffer = &s->buffer[index];
    struct mem_info info;

    if (!is_owner(rq, session)) {
        return ERR_STATE;
    }
    if (blk_is_busy(s) && buffer->bytes != 0) { // it may be in use by the device
        return ERR_BUSY;
    }
    enum status status = sys_mem_info(memory, &info);
    if (status != OK) {
        return status;
    }
    if (info.device || info.bytes == 0 || info.bytes > BLOCK_BUFFER_BYTES_MAX) {
        return ERR_ARG;
    }
    release_buffer(buffer);
    uint32_t pages = (uint32_t)(info.bytes / PAGE_SIZE);
    int64_t first = find_room(pages);
    if (first < 0) {
        return ERR_QUOTA;
    }
    status = pin(memory, pages, &blk->page_address[first]);
    if (status == OK) {
        *buffer = (struct blk_buffer){info.bytes, (uint32_t)first, pages, memory};
        *bytes = info.bytes;
    }
    return status;
}

static enum status do_completion(struct request *rq, uint32_t session, handle_t port)
{
    struct blk_session *s = &blk->session[session];

    if (!is_owner(rq, session)) {
        return ERR_STATE;
    }
    if (s->completion != HANDLE_NONE) {
        rt_close_at_commit(s->completion);
    }
    s->completion = port;
    return OK;
}

static enum status do_detach(struct request *rq, uint32_t session)
{
    if (!is_owner(rq, session)) {
        return ERR_STATE;
    }
    close_session(&blk->session[session]);
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
    *completed = blk->count.completed;
    *failed = blk->count.failed;
    *resets = blk->count.resets;
    *repeated = blk->count.repeated;
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
