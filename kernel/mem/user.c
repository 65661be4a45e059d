// SPDX-License-Identifier: MIT
#include "kernel/mem/user.h"
#include "kernel/mem/region.h"

// The page at this address, usable as needed; supplied if it is only promised.
static enum status find_page(struct task *task, uint64_t at, uint32_t need, uint8_t **out)
{
    uint64_t pa;
    uint32_t prot;
    if (!arch_page_lookup(&task->space, at, &pa, &prot) || (prot & need) != need) {
        enum status status = region_fault(task, at, need);
        if (status != OK) {
            return status;
        }
        if (!arch_page_lookup(&task->space, at, &pa, &prot)) {
            return ERR_FAULT;
        }
    }
    if (prot & PAGE_DEVICE) {
        return ERR_FAULT; // registers are not memory; they are not in the direct map either
    }
    *out = phys_to_virt(pa);
    return OK;
}

static enum status find_page_forced(struct task *task, uint64_t at, uint8_t **out)
{
    struct region *r = region_find(task, at);
    if (r == NULL || r->memory->device || !(r->max_prot & PROT_WRITE)) {
        return ERR_FAULT;
    }
    uint64_t pa = memory_page(r->memory, r->first_page + (at - r->node.key) / PAGE_SIZE);
    if (pa == 0) {
        return ERR_MEMORY;
    }
    *out = phys_to_virt(pa);
    return OK;
}

static enum status resolve(struct span *s, struct task *task, uint64_t at, uint64_t bytes,
                           uint32_t need, bool forced)
{
    if (!user_range_ok(at, bytes)) {
        return ERR_FAULT;
    }
    s->offset = at & (PAGE_SIZE - 1);
    s->bytes = bytes;
    uint64_t end = at + bytes, i = 0;
    for (at -= s->offset; at < end; at += PAGE_SIZE, i++) {
        enum status status = forced ? find_page_forced(task, at, &s->page[i])
                                    : find_page(task, at, need, &s->page[i]);
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

enum status span_resolve(struct span *s, struct task *task, uint64_t at, uint64_t bytes,
                         uint32_t need)
{
    ASSERT(bytes <= GRANT_COPY_MAX);
    return resolve(s, task, at, bytes, need, false);
}

enum status span_resolve_forced(struct span *s, struct task *task, uint64_t at, uint64_t bytes)
{
    ASSERT(bytes <= GRANT_COPY_MAX);
    return resolve(s, task, at, bytes, PROT_WRITE, true);
}

// Pieces end where a page of either side ends.
void span_copy(const struct span *to, const struct span *from)
{
    uint64_t t = to->offset, f = from->offset, left = from->bytes;
    while (left > 0) {
        uint64_t in_t = t % PAGE_SIZE, in_f = f % PAGE_SIZE;
        uint64_t n = min_u64(left, PAGE_SIZE - (in_t > in_f ? in_t : in_f));
        arch_copy(to->page[t / PAGE_SIZE] + in_t, from->page[f / PAGE_SIZE] + in_f, n);
        t += n;
        f += n;
        left -= n;
    }
}

// At most one page of bytes lies on at most two pages.
static enum status copy_small(struct task *task, uint64_t at, uint8_t *kernel, uint64_t bytes,
                              bool out)
{
    uint8_t *page[2];
    uint64_t offset = at & (PAGE_SIZE - 1), first = min_u64(bytes, PAGE_SIZE - offset);
    uint32_t need = out ? PROT_WRITE : PROT_READ;
    ASSERT(bytes <= PAGE_SIZE);
    if (!user_range_ok(at, bytes)) {
        return ERR_FAULT;
    }
    if (bytes == 0) {
        return OK;
    }
    enum status status = find_page(task, at, need, &page[0]);
    if (status == OK && first < bytes) {
        status = find_page(task, at + first, need, &page[1]);
    }
    if (status != OK) {
        return status;
    }
    if (out) {
        arch_copy(page[0] + offset, kernel, first);
    } else {
        arch_copy(kernel, page[0] + offset, first);
    }
    if (first < bytes && out) {
        arch_copy(page[1], kernel + first, bytes - first);
    } else if (first < bytes) {
        arch_copy(kernel + first, page[1], bytes - first);
    }
    return OK;
}

enum status user_copy_in(struct task *task, void *to, uint64_t from, uint64_t bytes)
{
    return copy_small(task, from, to, bytes, false);
}

enum status user_copy_out(struct task *task, uint64_t to, const void *from, uint64_t bytes)
{
    return copy_small(task, to, (uint8_t *)(uintptr_t)from, bytes, true);
}
