// SPDX-License-Identifier: MIT
#include "kernel/mem/region.h"
#include "kernel/system/random.h"

enum {
    FAULT_AROUND = 32,      // pages that are there already get their entries with a map call or a fault
    SUPPLY_AHEAD = 7,       // pages that come with a fault for the next page of a growing object
    PAGES_AT_ONCE = 128,    // table entries changed before interrupts get a chance
    DRAWS = 64,             // attempts to find a free place at random
    PROTECT_REGIONS = 512,  // mappings that one protect call may span
    REGIONS_AT_ONCE = 32,   // regions dropped in one step
    REGIONS_MAX = 8192,     // in one task: bounds what has to look at each of them
};

static struct slab region_slab = SLAB(struct region);

static struct region *region_of(struct tree_node *n)
{
    return n != NULL ? CONTAINER(n, struct region, node) : NULL;
}

static uint64_t start_of(const struct region *r)
{
    return r->node.key;
}

static struct region *next_region(struct region *r)
{
    return region_of(tree_next(&r->node));
}

struct region *region_find(struct task *task, uint64_t at)
{
    struct region *r = region_of(tree_find(&task->regions, at));
    return r != NULL && at < r->end ? r : NULL;
}

struct region *region_find_from(struct task *task, uint64_t at)
{
    struct tree_node *before = tree_find(&task->regions, at);
    struct region *r = region_of(before);
    if (r == NULL || r->end <= at) {
        r = region_of(before != NULL ? tree_next(before) : tree_first(&task->regions));
    }
    return r;
}

// The first region that overlaps [at, end).
static struct region *first_in(struct task *task, uint64_t at, uint64_t end)
{
    struct region *r = region_find_from(task, at);
    return r != NULL && start_of(r) < end ? r : NULL;
}

// ---- Making and dropping

static enum status new_region(struct task *task, struct region **out)
{
    if (task->region_count >= REGIONS_MAX) {
        return ERR_QUOTA;
    }
    enum status status = account_charge(task->account, region_slab.size);
    if (status != OK) {
        return status;
    }
    *out = slab_take(&region_slab);
    if (*out == NULL) {
        account_uncharge(task->account, region_slab.size);
        return ERR_MEMORY;
    }
    return OK;
}

// What goes with being in the tree, but for that itself.
static void count_region(struct task *task, struct region *r, uint64_t start)
{
    r->node.key = start;
    object_get(&r->memory->obj);
    r->memory->mappings++;
    task->region_count++;
}

static void insert_region(struct task *task, struct region *r, uint64_t start)
{
    count_region(task, r, start);
    tree_insert(&task->regions, &r->node);
}

static void drop_region(struct task *task, struct region *r)
{
    tree_remove(&task->regions, &r->node);
    r->memory->mappings--;
    task->region_count--;
    object_put(&r->memory->obj);
    account_uncharge(task->account, region_slab.size);
    slab_free(&region_slab, r);
}

bool region_drop_step(struct task *task)
{
    for (int i = 0; i < REGIONS_AT_ONCE && task->regions.root != NULL; i++) {
        drop_region(task, region_of(task->regions.root));
    }
    return task->regions.root == NULL;
}

// Cuts a region in two if `at` lies inside it. Nothing changes for the task.
static enum status split(struct task *task, struct region *r, uint64_t at)
{
    struct region *upper;
    if (r == NULL || at <= start_of(r) || at >= r->end) {
        return OK;
    }
    enum status status = new_region(task, &upper);
    if (status != OK) {
        return status;
    }
    *upper = *r;
    upper->first_page += (at - start_of(r)) / PAGE_SIZE;
    r->end = at;
    insert_region(task, upper, at);
    return OK;
}

// Cuts at both ends of a range, so that it covers whole regions. r: the first one in it.
static enum status split_ends(struct task *task, struct region *r, uint64_t at, uint64_t end)
{
    enum status status = split(task, r, at);
    if (status != OK) {
        return status;
    }
    bool in_first = at <= start_of(r) && end <= r->end;
    return split(task, in_first ? r : region_find(task, end), end);
}

// Joins the region with the one after it if the two differ in nothing but their place.
static bool merge_with_next(struct task *task, struct region *r)
{
    struct region *n = next_region(r);
    if (n == NULL || start_of(n) != r->end || n->memory != r->memory || n->prot != r->prot ||
        n->max_prot != r->max_prot || n->was_exec != r->was_exec ||
        n->first_page != r->first_page + (r->end - start_of(r)) / PAGE_SIZE) {
        return false;
    }
    uint64_t end = n->end;
    drop_region(task, n);
    r->end = end;
    return true;
}

// ---- Mapping

// The neighbours of a free place, between which its region goes into the tree.
struct gap {
    struct tree_node *before, *after;
};

static bool place_free(struct task *task, uint64_t at, uint64_t bytes, struct gap *gap)
{
    struct tree_node *before = tree_find(&task->regions, at);
    struct tree_node *after = before != NULL ? tree_next(before) : tree_first(&task->regions);
    *gap = (struct gap){before, after};
    return (before == NULL || region_of(before)->end <= at) &&
           (after == NULL || after->key >= at + bytes);
}

static uint64_t draw_place(struct task *task, uint64_t bytes, struct gap *gap)
{
    uint64_t pages = (USER_MAX - USER_MIN - bytes) / PAGE_SIZE + 1;
    for (int i = 0; i < DRAWS; i++) {
        uint64_t at = USER_MIN + random_below(pages) * PAGE_SIZE;
        if (place_free(task, at, bytes, gap)) {
            return at;
        }
    }
    return 0;
}

// Fills page table entries for pages that are there already, up to `most`, which is FAULT_AROUND at the most.
// Failing is no harm: a page fault tries again and reports it.
static void map_present(struct task *task, struct region *r, uint64_t at, uint64_t most)
{
    uint64_t pa[FAULT_AROUND], first = r->first_page + (at - start_of(r)) / PAGE_SIZE;
    uint64_t count = min_u64(most, (r->end - at) / PAGE_SIZE);
    if (count == 1) { // most mappings are short
        pa[0] = memory_peek(r->memory, first);
        if (pa[0] != 0) {
            (void)!arch_page_map(&task->space, at, pa[0], r->prot, memory_cache(r->memory));
        }
        return;
    }
    memory_peek_at(r->memory, first, (uint32_t)count, pa);
    (void)!arch_pages_map(&task->space, at, pa, (uint32_t)count, r->prot, memory_cache(r->memory));
}

enum status region_map(struct task *task, struct memory *m, uint64_t *at, uint64_t first_page,
                       uint64_t bytes, uint32_t prot, uint32_t max_prot)
{
    uint64_t start = *at;
    struct gap gap;
    if (start == 0) {
        start = draw_place(task, bytes, &gap);
        if (start == 0) {
            return ERR_RANGE;
        }
    } else if (!place_free(task, start, bytes, &gap)) {
        return ERR_EXISTS;
    }
    struct region *r;
    enum status status = new_region(task, &r);
    if (status != OK) {
        return status;
    }
    r->end = start + bytes; // the tree node is filled in last
    r->memory = m;
    r->first_page = first_page;
    r->prot = prot;
    r->max_prot = max_prot;
    r->was_exec = (prot & PROT_EXEC) != 0;
    count_region(task, r, start);
    tree_insert_between(&task->regions, &r->node, gap.before, gap.after);
    task->mapped_pages += bytes / PAGE_SIZE;
    if (m->populated != 0) {
        map_present(task, r, start, FAULT_AROUND);
    }
    *at = start;
    return OK;
}

// Whether a page is the next of an object that is filled from the front.
static bool grows(const struct memory *m, uint64_t page)
{
    uint64_t pa[2];
    if (m->fixed || page == 0) {
        return false;
    }
    memory_peek_at(m, page - 1, 2, pa);
    return pa[0] != 0 && pa[1] == 0;
}

// Supplies some pages from `at` on, as they will be wanted next: each alone would cost a fault.
static void supply_ahead(struct task *task, struct region *r, uint64_t at)
{
    uint64_t page = r->first_page + (at - start_of(r)) / PAGE_SIZE;
    uint64_t count = min_u64(SUPPLY_AHEAD, (r->end - at) / PAGE_SIZE);
    for (uint64_t i = 0; i < count && memory_page(r->memory, page + i) != 0; i++) {
    }
    map_present(task, r, at, count);
}

enum status region_fault(struct task *task, uint64_t at, uint32_t need)
{
    struct region *r = region_find(task, at);
    if (r == NULL || (r->prot & need) != need) {
        return ERR_FAULT;
    }
    struct memory *m = r->memory;
    at &= ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t page = r->first_page + (at - start_of(r)) / PAGE_SIZE;
    bool ahead = grows(m, page);
    uint64_t pa = memory_page(m, page);
    if (pa == 0) {
        return ERR_MEMORY;
    }
    enum status status = arch_page_map(&task->space, at, pa, r->prot, memory_cache(m));
    if (status == OK && ahead) {
        supply_ahead(task, r, at + PAGE_SIZE);
    } else if (status == OK && m->populated * PAGE_SIZE == m->bytes) {
        map_present(task, r, at + PAGE_SIZE, FAULT_AROUND);
    }
    if (r->prot & PROT_EXEC) {
        // A protect call may have been stopped half-way: entries that were writable until now must
        // not be remembered as such by another CPU.
        arch_flush(&task->space, at, 1 + FAULT_AROUND);
    }
    return status;
}

// ---- Unmapping

// Removes table entries of [at, end), a bounded number, and returns how far it came.
static uint64_t unmap_pages(struct task *task, uint64_t at, uint64_t end, uint32_t *budget)
{
    bool any = false;
    uint64_t done = arch_pages_unmap(&task->space, at, end, budget, &any);
    if (any) {
        arch_flush(&task->space, at, (done - at) / PAGE_SIZE);
    }
    return done;
}

int region_unmap(struct task *task, uint64_t at, uint64_t bytes)
{
    uint64_t end = at + bytes;
    uint32_t budget = PAGES_AT_ONCE;
    struct region *r = first_in(task, at, end);
    if (r == NULL) {
        return ERR_NOT_FOUND;
    }
    enum status status = split_ends(task, r, at, end);
    if (status != OK) {
        return status;
    }
    r = start_of(r) < at ? next_region(r) : r;
    while (r != NULL && start_of(r) < end) {
        struct region *next = next_region(r);
        uint64_t start = start_of(r), done = unmap_pages(task, start, r->end, &budget);
        task->mapped_pages -= (done - start) / PAGE_SIZE;
        if (done < r->end) { // what is left keeps its place in the order
            r->node.key = done;
            r->first_page += (done - start) / PAGE_SIZE;
            return CALL_AGAIN;
        }
        drop_region(task, r);
        r = next;
        if (budget-- == 0) {
            return r != NULL && start_of(r) < end ? CALL_AGAIN : OK;
        }
    }
    return OK;
}

struct region *region_of_memory(struct task *task, const struct memory *m)
{
    for (struct tree_node *n = tree_first(&task->regions); n != NULL; n = tree_next(n)) {
        if (region_of(n)->memory == m) {
            return region_of(n);
        }
    }
    return NULL;
}

// ---- Protecting

static enum status check_protect(struct task *task, uint64_t at, uint64_t end, uint32_t prot)
{
    uint32_t count = 0;
    while (at < end) {
        struct region *r = region_find(task, at);
        if (r == NULL) {
            return ERR_NOT_FOUND;
        }
        if ((prot & ~r->max_prot) != 0) {
            return ERR_RIGHTS;
        }
        if ((prot & PROT_WRITE) && r->was_exec) {
            return ERR_STATE;
        }
        if ((prot & PROT_EXEC) && !(r->prot & PROT_EXEC) && task->sealed) {
            return ERR_STATE;
        }
        if (++count > PROTECT_REGIONS) {
            return ERR_RANGE;
        }
        at = r->end;
    }
    return OK;
}

static void set_prot(struct task *task, uint64_t at, uint64_t end, uint32_t prot)
{
    for (struct region *r = first_in(task, at, end); r != NULL && start_of(r) < end;
         r = next_region(r)) {
        r->prot = prot;
        r->was_exec |= (prot & PROT_EXEC) != 0;
    }
}

// Joins what the splits of this and earlier calls cut, where it became equal again.
static void merge_range(struct task *task, uint64_t at, uint64_t end)
{
    struct region *r = region_find(task, at > USER_MIN ? at - 1 : at);
    if (r == NULL) {
        r = region_find(task, at);
    }
    while (r != NULL && start_of(r) < end) {
        if (!merge_with_next(task, r)) {
            r = next_region(r);
        }
    }
}

int region_protect(struct task *task, uint64_t at, uint64_t bytes, uint32_t prot, uint64_t *cursor)
{
    uint64_t end = at + bytes, next = *cursor;
    uint32_t budget = PAGES_AT_ONCE;
    if (next < at || next > end) {
        enum status status = check_protect(task, at, end, prot);
        if (status == OK) {
            status = split_ends(task, region_find(task, at), at, end);
        }
        if (status != OK) {
            return status;
        }
        set_prot(task, at, end, prot);
        next = at;
    }
    uint64_t from = next;
    while ((next = arch_page_next(&task->space, next)) < end && budget-- > 0) {
        // Entries follow the regions, which another thread may have changed since.
        struct region *r = region_find(task, next);
        if (r != NULL) {
            arch_page_protect(&task->space, next, r->prot);
        }
        next += PAGE_SIZE;
    }
    next = min_u64(next, end);
    arch_flush(&task->space, from, (next - from) / PAGE_SIZE);
    if (next < end) {
        *cursor = next;
        return CALL_AGAIN;
    }
    merge_range(task, at, end);
    return OK;
}
