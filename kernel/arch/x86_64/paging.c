// SPDX-License-Identifier: MIT
// Page tables of user address spaces (Intel SDM volume 3, 4-level paging).
//
// An entry that points to a table keeps, in ignored bits 52..61, how many entries of that table are
// in use: the table whose last entry goes is freed at once, so that random addresses leave nothing
// behind.
#include "kernel/arch/arch.h"
#include "kernel/base.h"
#include "space.h"

#define COUNT_SHIFT 52
#define COUNT_ONE   (1ull << COUNT_SHIFT)
#define COUNT_MASK  (0x3ffull << COUNT_SHIFT)
#define TABLE_BITS  (PTE_PRESENT | PTE_WRITE | PTE_USER)

enum { ENTRIES = 512, USER_SLOTS = 256, LEVELS = 4 };

bool pcid_enabled;
static uint64_t pcid_used[(PCID_LAST + 1) / 64];

static uint64_t *table_at(uint64_t entry)
{
    return phys_to_virt(entry & PTE_ADDRESS);
}

static uint32_t index_at(uint64_t va, int level) // level 4: PML4, 1: page table
{
    return va >> (3 + 9 * level) & (ENTRIES - 1);
}

static uint32_t pcid_alloc(void)
{
    for (uint32_t i = 0; pcid_enabled && i < sizeof pcid_used / 8; i++) {
        uint64_t open = ~pcid_used[i] & (i == 0 ? ~1ull : ~0ull);
        if (open != 0) {
            uint32_t bit = (uint32_t)__builtin_ctzll(open);
            pcid_used[i] |= 1ull << bit;
            return i * 64 + bit;
        }
    }
    return 0;
}

enum status arch_space_create(struct arch_space *space, struct account *account)
{
    enum status why = OK;
    uint64_t root = table_page_alloc(account, &why);
    if (root == 0) {
        return why;
    }
    uint64_t *entries = phys_to_virt(root);
    for (uint32_t i = 0; i < kernel_slot_count; i++) {
        entries[kernel_slots[i].index] = kernel_slots[i].entry;
    }
    uint32_t pcid = pcid_alloc();
    // A number that was somebody else's before: every CPU has to drop what it remembers under it.
    *space =
        (struct arch_space){.account = account, .root = root, .cr3 = root | pcid, .stale = ~0u};
    return OK;
}

// The first used entry from i on; there is one. Most are not: four at a time.
static uint32_t next_used(const uint64_t *table, uint32_t i)
{
    while (i % 4 == 0 && !((table[i] | table[i + 1] | table[i + 2] | table[i + 3]) & PTE_PRESENT)) {
        i += 4;
    }
    while (!(table[i] & PTE_PRESENT)) {
        i++;
    }
    return i;
}

// Frees the table that `entry` points to, after those below it; false: the budget is used up, and what is
// left is sound. Tables of pages are not looked into.
static bool free_tables(struct arch_space *space, uint64_t *entry, int level, uint32_t *budget)
{
    uint64_t *table = table_at(*entry);
    for (uint32_t i = 0; level > 1 && (*entry & COUNT_MASK) != 0; i++) {
        i = next_used(table, i);
        if (!free_tables(space, &table[i], level - 1, budget)) {
            return false;
        }
        *entry -= COUNT_ONE;
    }
    if (*budget == 0) {
        return false;
    }
    --*budget;
    table_page_free(space->account, *entry & PTE_ADDRESS);
    *entry = 0;
    return true;
}

bool arch_space_destroy_step(struct arch_space *space, uint32_t budget)
{
    uint64_t *root = phys_to_virt(space->root);
    for (; space->cursor < USER_SLOTS; space->cursor++) {
        if ((root[space->cursor] & PTE_PRESENT) &&
            !free_tables(space, &root[space->cursor], LEVELS - 1, &budget)) {
            return false;
        }
    }
    uint32_t pcid = space->cr3 & 0xfff;
    if (pcid != 0) {
        pcid_used[pcid / 64] &= ~(1ull << pcid % 64);
    }
    table_page_free(space->account, space->root);
    space->root = 0;
    return true;
}

// The page-table entry for va, with its tables made; nullptr: *why says it and nothing stays.
static uint64_t *reach(struct arch_space *space, uint64_t va, enum status *why)
{
    uint64_t fresh[LEVELS - 1];
    uint32_t made = 0;
    uint64_t *entry = (uint64_t *)phys_to_virt(space->root) + index_at(va, LEVELS);
    // Make all pages first: afterwards nothing can fail.
    uint64_t *probe = entry;
    int missing_from = 0;
    for (int level = LEVELS - 1; level >= 1; level--) {
        if (!(*probe & PTE_PRESENT)) {
            missing_from = level;
            break;
        }
        probe = table_at(*probe) + index_at(va, level);
    }
    for (int level = missing_from; level >= 1; level--) {
        fresh[made] = table_page_alloc(space->account, why);
        if (fresh[made] == 0) {
            while (made > 0) {
                table_page_free(space->account, fresh[--made]);
            }
            return nullptr;
        }
        made++;
    }
    uint64_t *above = nullptr;
    uint32_t used = 0;
    for (int level = LEVELS - 1; level >= 1; level--) {
        if (!(*entry & PTE_PRESENT)) {
            *entry = fresh[used++] | TABLE_BITS;
            if (above != nullptr) {
                *above += COUNT_ONE;
            }
        }
        above = entry;
        entry = table_at(*entry) + index_at(va, level);
    }
    if (!(*entry & PTE_PRESENT)) {
        *above += COUNT_ONE;
    }
    return entry;
}

static uint64_t rights(uint32_t prot)
{
    return PTE_PRESENT | PTE_USER | (prot & PROT_WRITE ? PTE_WRITE : 0) |
           (prot & PROT_EXEC ? 0 : PTE_NX);
}

// The entry that points to the page table for va; all tables are there.
static uint64_t *table_entry(struct arch_space *space, uint64_t va)
{
    uint64_t *entry = (uint64_t *)phys_to_virt(space->root) + index_at(va, LEVELS);
    for (int level = LEVELS - 1; level > 1; level--) {
        entry = table_at(*entry) + index_at(va, level);
    }
    return entry;
}

// Like reach() if all tables are there, which is the usual case; nullptr if not.
static inline uint64_t *reach_present(struct arch_space *space, uint64_t va)
{
    uint64_t *e4 = (uint64_t *)phys_to_virt(space->root) + index_at(va, 4);
    if (!(*e4 & PTE_PRESENT)) {
        return nullptr;
    }
    uint64_t *e3 = table_at(*e4) + index_at(va, 3);
    if (!(*e3 & PTE_PRESENT)) {
        return nullptr;
    }
    uint64_t *e2 = table_at(*e3) + index_at(va, 2);
    if (!(*e2 & PTE_PRESENT)) {
        return nullptr;
    }
    uint64_t *e1 = table_at(*e2) + index_at(va, 1);
    if (!(*e1 & PTE_PRESENT)) {
        *e2 += COUNT_ONE;
    }
    return e1;
}

static uint64_t kind_of(enum arch_cache cache)
{
    return cache == CACHE_UNCACHED        ? PTE_PCD | PTE_PWT
           : cache == CACHE_WRITE_COMBINE ? PTE_PAT
                                          : 0;
}

enum status arch_page_map(struct arch_space *space, uint64_t va, uint64_t pa, uint32_t prot,
                          enum arch_cache cache)
{
    enum status why = OK;
    uint64_t *entry = reach_present(space, va);
    if (entry == nullptr) {
        entry = reach(space, va, &why);
    }
    if (entry == nullptr) {
        return why;
    }
    *entry = pa | rights(prot) | kind_of(cache);
    return OK;
}

// Fills entries of one table, from `entry` on; returns how many of them were empty.
static uint32_t fill(uint64_t *entry, const uint64_t *pa, uint32_t count, uint64_t bits)
{
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (pa[i] != 0) {
            fresh += !(entry[i] & PTE_PRESENT);
            entry[i] = pa[i] | bits;
        }
    }
    return fresh;
}

enum status arch_pages_map(struct arch_space *space, uint64_t va, const uint64_t *pa,
                           uint32_t count, uint32_t prot, enum arch_cache cache)
{
    uint64_t bits = rights(prot) | kind_of(cache);
    uint32_t i = 0;
    while (i < count) {
        uint64_t at = va + (uint64_t)i * PAGE_SIZE;
        enum status why = OK;
        if (pa[i] == 0) {
            i++;
            continue;
        }
        uint64_t *entry = reach_present(space, at);
        if (entry == nullptr && (entry = reach(space, at, &why)) == nullptr) {
            return why;
        }
        uint32_t here = (uint32_t)min_u64(count - i, ENTRIES - index_at(at, 1));
        *entry = pa[i] | bits;
        *table_entry(space, at) += fill(entry + 1, &pa[i + 1], here - 1, bits) * COUNT_ONE;
        i += here;
    }
    return OK;
}

// The entries on the way to va, from the PML4 (path[3]) to the page table (path[0]); false if one
// is absent.
static bool walk(struct arch_space *space, uint64_t va, uint64_t *path[LEVELS])
{
    uint64_t *entry = (uint64_t *)phys_to_virt(space->root) + index_at(va, LEVELS);
    for (int level = LEVELS - 1; level >= 0; level--) {
        path[level] = entry;
        if (!(*entry & PTE_PRESENT)) {
            return false;
        }
        if (level > 0) {
            entry = table_at(*entry) + index_at(va, level);
        }
    }
    return true;
}

// `gone` entries of the page table at path[1] are empty now: tables without any are freed.
static void count_off(struct arch_space *space, uint64_t *path[LEVELS], uint32_t gone)
{
    for (int level = 1; level < LEVELS; level++) {
        *path[level] -= gone * COUNT_ONE;
        if ((*path[level] & COUNT_MASK) != 0) {
            break;
        }
        uint64_t table = *path[level] & PTE_ADDRESS;
        *path[level] = 0;
        gone = 1;
        // Paging-structure caches may still point there: a freed table must not be filled with
        // other things while they do. invlpg and CR3 writes drop them too, so the flush that
        // follows is enough.
        table_page_free(space->account, table);
    }
}

// The level of the first absent entry on the way to va's page table, or 0 if that is there.
static int find_table(struct arch_space *space, uint64_t va, uint64_t *path[LEVELS])
{
    uint64_t *entry = (uint64_t *)phys_to_virt(space->root) + index_at(va, LEVELS);
    for (int level = LEVELS - 1; level > 0; level--) {
        path[level] = entry;
        if (!(*entry & PTE_PRESENT)) {
            return level;
        }
        entry = table_at(*entry) + index_at(va, level);
    }
    path[0] = entry;
    return 0;
}

uint64_t arch_pages_unmap(struct arch_space *space, uint64_t va, uint64_t end, uint32_t *budget,
                          bool *any)
{
    uint64_t *path[LEVELS];
    while (va < end && *budget > 0) {
        int absent = find_table(space, va, path);
        if (absent > 0) {
            uint64_t span = 1ull << (12 + 9 * absent);
            va = (va & ~(span - 1)) + span;
            continue;
        }
        uint64_t here = min_u64(min_u64(*budget, ENTRIES - index_at(va, 1)), (end - va) / PAGE_SIZE);
        uint32_t gone = 0;
        for (uint64_t *entry = path[0]; entry < path[0] + here; entry++) {
            gone += *entry & PTE_PRESENT; // which is bit 0
            *entry = 0;
        }
        va += here * PAGE_SIZE;
        *budget -= (uint32_t)here;
        if (gone > 0) {
            *any = true;
            count_off(space, path, gone);
        }
    }
    return min_u64(va, end);
}

bool arch_page_protect(struct arch_space *space, uint64_t va, uint32_t prot)
{
    uint64_t *path[LEVELS];
    if (!walk(space, va, path)) {
        return false;
    }
    *path[0] = (*path[0] & (PTE_ADDRESS | PTE_PCD | PTE_PWT | PTE_PAT)) | rights(prot);
    return true;
}

bool arch_page_lookup(struct arch_space *space, uint64_t va, uint64_t *pa, uint32_t *prot)
{
    uint64_t *path[LEVELS];
    if (!walk(space, va, path)) {
        return false;
    }
    uint64_t entry = *path[0];
    *pa = entry & PTE_ADDRESS;
    *prot = PROT_READ | (entry & PTE_WRITE ? PROT_WRITE : 0) | (entry & PTE_NX ? 0 : PROT_EXEC) |
            (entry & (PTE_PCD | PTE_PAT) ? PAGE_DEVICE : 0);
    return true;
}

uint64_t arch_page_next(struct arch_space *space, uint64_t va)
{
    uint64_t *entry = (uint64_t *)phys_to_virt(space->root) + index_at(va, LEVELS);
    for (int level = LEVELS - 1; level >= 1; level--) {
        if (!(*entry & PTE_PRESENT)) {
            uint64_t span = 1ull << (12 + 9 * level);
            return (va & ~(span - 1)) + span;
        }
        entry = table_at(*entry) + index_at(va, level);
    }
    return va;
}
