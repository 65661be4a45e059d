// SPDX-License-Identifier: MIT
// Each page starts with a header; free items are chained through their first word. An empty page
// goes back at once, except for the last partial one, which would come again with the next call.
#include "kernel/mem/slab.h"
#include "kernel/mem/page.h"

struct slab_page {
    struct slab_page *next, *prev; // in slab->partial
    void *free;                    // chain of freed items
    uint32_t used, fresh;          // items in use; items ever handed out
    struct slab *owner;
};
static_assert(sizeof(struct slab_page) <= SLAB_HEADER);

static uint64_t total_bytes;

uint64_t slab_bytes(void)
{
    return total_bytes;
}

static void unlink_page(struct slab *s, struct slab_page *p)
{
    if (p->prev != NULL) {
        p->prev->next = p->next;
    } else {
        s->partial = p->next;
    }
    if (p->next != NULL) {
        p->next->prev = p->prev;
    }
}

static void link_page(struct slab *s, struct slab_page *p)
{
    p->prev = NULL;
    p->next = s->partial;
    if (p->next != NULL) {
        p->next->prev = p;
    }
    s->partial = p;
}

static struct slab_page *add_page(struct slab *s)
{
    uint64_t pa = page_alloc();
    if (pa == 0) {
        return NULL;
    }
    struct slab_page *p = phys_to_virt(pa);
    p->free = NULL;
    p->used = p->fresh = 0;
    p->owner = s;
    arch_memory_freed((char *)p + SLAB_HEADER, PAGE_SIZE - SLAB_HEADER);
    link_page(s, p);
    s->pages++;
    total_bytes += PAGE_SIZE;
    return p;
}

void *slab_take(struct slab *s)
{
    struct slab_page *p = s->partial;
    if (p == NULL && (p = add_page(s)) == NULL) {
        return NULL;
    }
    void *item = p->free;
    if (item != NULL) {
        p->free = *(void **)item;
    } else {
        item = (char *)p + SLAB_HEADER + (size_t)p->fresh++ * s->size;
    }
    if (++p->used == s->per_page) {
        unlink_page(s, p);
    }
    s->used++;
    arch_memory_used(item, s->size);
    return item;
}

static void clear(void *item, uint32_t size)
{
    for (uint64_t *w = item, *end = w + size / 8; w < end; w += 2) {
        w[0] = 0;
        w[1] = 0;
    }
}

void *slab_alloc(struct slab *s)
{
    void *item = slab_take(s);
    if (item != NULL) {
        clear(item, s->size);
    }
    return item;
}

void slab_free(struct slab *s, void *item)
{
    struct slab_page *p = (struct slab_page *)((uintptr_t)item & ~(uintptr_t)(PAGE_SIZE - 1));
    ASSERT(p->owner == s && p->used > 0);
    *(void **)item = p->free;
    p->free = item;
    arch_memory_freed((char *)item + sizeof(void *), s->size - sizeof(void *));
    s->used--;
    if (p->used-- == s->per_page) {
        link_page(s, p);
    }
    if (p->used == 0 && (p->next != NULL || p->prev != NULL)) {
        unlink_page(s, p);
        s->pages--;
        total_bytes -= PAGE_SIZE;
        arch_memory_used(p, PAGE_SIZE);
        page_free(virt_to_page(p));
    }
}
