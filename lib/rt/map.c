// SPDX-License-Identifier: MIT
// Mappings that are part of a service's state: an heir maps the same memory elsewhere and turns the
// pointers into it. Which those are stands in one table that the mover reads.
#include "lib/rt/internal.h"
#include "lib/rt/undo_log.h"

struct rt_mapping rt_mappings[RT_MAPS];

static struct rt_mapping *find(const void *address)
{
    for (int i = 0; i < RT_MAPS; i++) {
        if (rt_mappings[i].address == address) {
            return &rt_mappings[i];
        }
    }
    return nullptr;
}

MOVE_ADDRESSES enum status rt_map(handle_t memory, uint64_t offset, uint64_t bytes, uint32_t prot,
                                  enum rt_map_kind kind, void **address)
{
    uint64_t at = 0;
    struct rt_mapping *m = find(nullptr);
    if (!m) {
        return ERR_QUOTA;
    }
    enum status status = sys_mem_map(HANDLE_NONE, memory, &at, offset, bytes, prot);
    if (status != OK) {
        return status;
    }
    if (kind == RT_SHARED && !undo_skip_add(at, at + bytes)) {
        (void)sys_mem_unmap(HANDLE_NONE, at, bytes);
        return ERR_QUOTA;
    }
    tx_mapped(at, bytes);
    *m = (struct rt_mapping){(void *)at, bytes, prot, kind};
    *address = (void *)at;
    return OK;
}

enum status rt_map_adopt(void *address, uint64_t bytes, uint32_t prot, enum rt_map_kind kind)
{
    struct rt_mapping *m = find(nullptr);
    if (!m) {
        return ERR_QUOTA;
    }
    if (kind == RT_SHARED && !undo_skip_add((uint64_t)address, (uint64_t)address + bytes)) {
        return ERR_QUOTA;
    }
    *m = (struct rt_mapping){address, bytes, prot, kind};
    return OK;
}

void rt_unmap(void *address)
{
    struct rt_mapping *m = address ? find(address) : nullptr;
    rt_assert(m != nullptr);
    tx_unmap((uint64_t)address, m->bytes);
    *m = (struct rt_mapping){.address = nullptr};
}
