// SPDX-License-Identifier: MIT
// A page's address is found in a radix tree of index tables with 512 entries each, made when first
// needed but paid from the beginning, so that a page fault can fail for want of RAM only.
#include "kernel/mem/memory.h"
#include "kernel/mem/page.h"

enum {
    FANOUT = PAGE_SIZE / 8,
    FREE_AT_ONCE = 128, // pages freed in one step
    LEVELS_MAX = 3,     // 512 GiB
};

static struct slab memory_slab = SLAB(struct memory);

// Number of index tables that `pages` need, over all levels.
static uint64_t tables_for(uint64_t pages, uint8_t *levels)
{
    uint64_t tables = 0;
    *levels = 0;
    if (pages <= MEMORY_DIRECT) {
        return 0;
    }
    do {
        pages = (pages + FANOUT - 1) / FANOUT;
        tables += pages;
        ++*levels;
    } while (pages > 1);
    return tables;
}

enum status memory_create(struct account *account, uint64_t bytes, uint32_t flags,
                          struct memory **out)
{
    uint8_t levels;
    if (bytes > account->limit) {
        return ERR_QUOTA; // also keeps the sum below from overflowing
    }
    uint64_t extra = bytes + tables_for(bytes / PAGE_SIZE, &levels) * PAGE_SIZE;
    if (levels > LEVELS_MAX) {
        return ERR_RANGE;
    }
    struct memory *m;
    enum status status = object_create(&memory_slab, OBJ_MEMORY, account, extra, &m);
    if (status != OK) {
        return status;
    }
    m->bytes = bytes;
    m->flags = flags;
    m->levels = levels;
    *out = m;
    return OK;
}

enum status memory_create_fixed(struct account *account, uint64_t pa, uint64_t bytes,
                                uint32_t flags, bool device, struct memory **out)
{
    struct memory *m;
    enum status status = object_create(&memory_slab, OBJ_MEMORY, account, 0, &m);
    if (status != OK) {
        return status;
    }
    m->bytes = bytes;
    m->flags = flags;
    m->fixed = true;
    m->device = device;
    m->base = pa;
    m->populated = bytes / PAGE_SIZE;
    *out = m;
    return OK;
}

enum arch_cache memory_cache(const struct memory *m)
{
    if (m->flags & MEM_WRITE_COMBINE) {
        return CACHE_WRITE_COMBINE;
    }
    return m->device || (m->flags & MEM_UNCACHED) ? CACHE_UNCACHED : CACHE_WRITE_BACK;
}

static uint64_t new_page(void)
{
    uint64_t pa = page_alloc();
    if (pa != 0) {
        arch_page_clear(phys_to_virt(pa));
    }
    return pa;
}

// The place where the page's address is kept. NULL if a table on the way is missing, and could not
// be made or was not to be.
static uint64_t *find_slot(const struct memory *m, uint64_t page, bool make)
{
    if (m->levels == 0) {
        return (uint64_t *)&m->direct[page];
    }
    uint64_t *slot = (uint64_t *)&m->root;
    for (uint32_t level = m->levels; level > 0; level--) {
        if (*slot == 0 && (!make || (*slot = new_page()) == 0)) {
            return NULL;
        }
        uint64_t *table = phys_to_virt(*slot);
        slot = &table[page >> (9 * (level - 1)) & (FANOUT - 1)];
    }
    return slot;
}

uint64_t memory_peek(const struct memory *m, uint64_t page)
{
    if (m->fixed) {
        return m->base + page * PAGE_SIZE;
    }
    const uint64_t *slot = find_slot(m, page, false);
    return slot != NULL ? *slot : 0;
}

void memory_peek_at(const struct memory *m, uint64_t page, uint32_t count, uint64_t *pa)
{
    for (uint32_t i = 0; m->fixed && i < count; i++) {
        pa[i] = m->base + (page + i) * PAGE_SIZE;
    }
    for (uint32_t i = 0; !m->fixed && i < count;) {
        const uint64_t *slot = find_slot(m, page + i, false);
        uint64_t here = min_u64(count - i, m->levels == 0 ? count : FANOUT - (page + i) % FANOUT);
        for (uint64_t end = i + here; i < end; i++) {
            pa[i] = slot != NULL ? *slot++ : 0;
        }
    }
}

uint64_t memory_page(struct memory *m, uint64_t page)
{
    if (m->fixed) {
        return m->base + page * PAGE_SIZE;
    }
    uint64_t *slot = find_slot(m, page, true);
    if (slot == NULL) {
        return 0;
    }
    if (*slot == 0 && (*slot = new_page()) != 0) {
        m->populated++;
    }
    return *slot;
}

// Frees pages of a table from `i` on; returns the index of the next, FANOUT if there is none: then
// nothing of the table is used.
static uint32_t free_leaves(struct memory *m, uint64_t *table, uint32_t i, uint32_t *budget)
{
    while (i < FANOUT && m->populated > 0) {
        if (table[i] != 0) {
            if (*budget == 0) {
                return i;
            }
            --*budget;
            page_free(table[i]);
            table[i] = 0;
            m->populated--;
        }
        i++;
    }
    return FANOUT;
}

// Frees pages and tables depth first from the front, a bounded number; true when all are gone.
// Emptied tables leave a zero in the table above, so the next step starts where this one ended.
static bool free_tables(struct memory *m, uint32_t *budget)
{
    struct {
        uint64_t *slot;
        uint32_t index;
    } path[LEVELS_MAX];
    uint32_t depth = 0;
    path[0].slot = &m->root;
    path[0].index = 0;
    if (m->root == 0) {
        return true;
    }
    for (;;) {
        uint64_t *table = phys_to_virt(*path[depth].slot);
        bool leaf = depth + 1u == m->levels;
        uint32_t i = path[depth].index;
        if (leaf) {
            i = free_leaves(m, table, i, budget);
        }
        while (i < FANOUT && table[i] == 0) {
            i++;
        }
        if (*budget == 0) {
            return false;
        }
        --*budget;
        path[depth].index = i;
        if (i == FANOUT) { // empty: gone with it, go on one level up
            page_free(*path[depth].slot);
            *path[depth].slot = 0;
            if (depth-- == 0) {
                return true;
            }
        } else if (!leaf) {
            depth++;
            path[depth].slot = &table[i];
            path[depth].index = 0;
        }
    }
}

bool memory_step(struct object *o)
{
    struct memory *m = memory_of(o);
    uint32_t budget = FREE_AT_ONCE;
    if (o->refs > 0) {
        return true;
    }
    if (!m->fixed && m->levels > 0 && !free_tables(m, &budget)) {
        return false;
    }
    for (int i = 0; !m->fixed && m->levels == 0 && i < MEMORY_DIRECT; i++) {
        if (m->direct[i] != 0) {
            page_free(m->direct[i]);
        }
    }
    object_free(&memory_slab, o);
    return true;
}
