// SPDX-License-Identifier: MIT
// The split virtqueue of virtio 1.x without event indices: see queue.h.
#include "lib/virtio/queue.h"
#include "lib/rt/undo_log.h"
#include <stdatomic.h>

static const uint32_t page = 4096;

// Descriptors of a queue of 256 fill a page exactly; rings follow where they fit without crossing
// one.
struct virtq_places virtq_place(uint16_t size)
{
    uint32_t avail_bytes = (uint32_t)sizeof(struct virtq_avail) + 2u * size + 2;
    uint32_t used_bytes = (uint32_t)(sizeof(struct virtq_used) +
                                     sizeof(struct virtq_used_element) * size + 2);
    struct virtq_places p = {.desc = 0, .avail = (uint32_t)sizeof(struct virtq_desc) * size};

    p.used = (p.avail + avail_bytes + 3) & ~3u;
    if (p.avail / page != (p.used + used_bytes - 1) / page) {
        p.avail = page;
        p.used = (p.avail + avail_bytes + 3) & ~3u;
    }
    p.bytes = p.used + used_bytes;
    return p;
}

void virtq_init(struct virtq *q, uint16_t size, void *base)
{
    struct virtq_places p = virtq_place(size);

    q->size = size;
    q->free_head = 0;
    q->free_count = size;
    q->avail_idx = 0;
    q->used_idx = 0;
    q->under_way = 0;
    q->broken = false;
    q->desc = (struct virtq_desc *)((char *)base + p.desc);
    q->avail = (struct virtq_avail *)((char *)base + p.avail);
    q->used = (volatile struct virtq_used *)((char *)base + p.used);
    for (uint16_t i = 0; i < size; i++) {
        q->next[i] = (uint16_t)(i + 1);
        q->chain[i].cookie = nullptr;
    }
}

static uint32_t sum_in(const struct virtq_part *parts, uint16_t out, uint16_t in)
{
    uint32_t sum = 0;

    for (uint16_t i = out; i < out + in; i++) {
        sum += parts[i].bytes;
    }
    return sum;
}

static uint16_t direction(uint16_t i, uint16_t out)
{
    return i < out ? 0 : VIRTQ_WRITE;
}

// The chain that starts at `head` is ready: puts it into the available ring.
static void enqueue(struct virtq *q, uint16_t head, uint16_t length, uint32_t in_bytes,
                    void *cookie)
{
    q->chain[head] = (struct virtq_chain){cookie, in_bytes, length};
    UNDO_DEVICE_AT(q->avail)->ring[q->avail_idx & (q->size - 1)] = head;
    q->avail_idx++;
    q->under_way++;
}

enum status virtq_add(struct virtq *q, const struct virtq_part *parts, uint16_t out, uint16_t in,
                      void *cookie)
{
    uint16_t length = (uint16_t)(out + in), head = q->free_head, at = head;

    if (length == 0 || length > q->free_count) {
        return ERR_AGAIN;
    }
    for (uint16_t i = 0; i < length; i++) {
        bool last = i + 1 == length;
        uint16_t flags = (uint16_t)(direction(i, out) | (last ? 0 : VIRTQ_NEXT));
        *UNDO_DEVICE_AT(&q->desc[at]) = (struct virtq_desc){parts[i].address, parts[i].bytes, flags,
                                          last ? 0 : q->next[at]};
        q->free_head = q->next[at];
        at = q->next[at];
    }
    q->free_count = (uint16_t)(q->free_count - length);
    enqueue(q, head, length, sum_in(parts, out, in), cookie);
    return OK;
}

enum status virtq_add_indirect(struct virtq *q, struct virtq_desc *table, uint64_t table_address,
                               const struct virtq_part *parts, uint16_t out, uint16_t in,
                               void *cookie)
{
    uint16_t length = (uint16_t)(out + in), head = q->free_head;
    uint32_t in_bytes = sum_in(parts, out, in);

    if (length == 0 || q->free_count == 0) {
        return ERR_AGAIN;
    }
    for (uint16_t i = 0; i < length; i++) {
        bool last = i + 1 == length;
        uint16_t flags = (uint16_t)(direction(i, out) | (last ? 0 : VIRTQ_NEXT));
        *UNDO_DEVICE_AT(&table[i]) = (struct virtq_desc){parts[i].address, parts[i].bytes, flags,
                                       last ? 0 : (uint16_t)(i + 1)};
    }
    *UNDO_DEVICE_AT(&q->desc[head]) = (struct virtq_desc){table_address, length * (uint32_t)sizeof table[0],
                                        VIRTQ_INDIRECT, 0};
    q->free_head = q->next[head];
    q->free_count--;
    enqueue(q, head, 1, in_bytes, cookie);
    return OK;
}

bool virtq_publish(struct virtq *q)
{
    volatile UNDO_DEVICE uint16_t *idx = UNDO_DEVICE_AT(&q->avail->idx);

    if (*idx == q->avail_idx) {
        return false;
    }
    atomic_thread_fence(memory_order_release); // the ring's entries before its index
    *idx = q->avail_idx;
    atomic_thread_fence(memory_order_seq_cst); // the index before a look at what the device wants
    return (q->used->flags & VIRTQ_USED_NO_NOTIFY) == 0;
}

static void free_chain(struct virtq *q, uint16_t head)
{
    uint16_t last = head;
    uint32_t length = q->chain[head].length;

    for (uint32_t i = 1; i < length; i++) {
        last = q->next[last];
    }
    q->next[last] = q->free_head;
    q->free_head = head;
    q->free_count = (uint16_t)(q->free_count + length);
    q->chain[head].cookie = nullptr;
    q->under_way--;
}

enum status virtq_take(struct virtq *q, void **cookie, uint32_t *written)
{
    if (q->broken) {
        return ERR_IO;
    }
    uint16_t ahead = (uint16_t)(q->used->idx - q->used_idx);
    if (ahead == 0) {
        return ERR_AGAIN;
    }
    atomic_thread_fence(memory_order_acquire);
    volatile struct virtq_used_element *e = &q->used->ring[q->used_idx & (q->size - 1)];
    uint32_t id = e->id, bytes = e->bytes; // each read once
    if (ahead > q->under_way || id >= q->size || q->chain[id].cookie == nullptr) {
        q->broken = true;
        return ERR_IO;
    }
    *cookie = q->chain[id].cookie;
    *written = bytes < q->chain[id].in_bytes ? bytes : q->chain[id].in_bytes;
    free_chain(q, (uint16_t)id);
    q->used_idx++;
    return OK;
}
