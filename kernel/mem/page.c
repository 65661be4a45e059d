// SPDX-License-Identifier: MIT
// Freed pages are chained through their first word, seen through the direct map.
#include "kernel/mem/page.h"
#include "kernel/mem/account.h"

struct page_range {
    uint64_t at, end;
};

static struct page_range ranges[PAGE_RANGES_MAX], ram[PAGE_RANGES_MAX];
static uint32_t range_count, range_next, ram_count;
static uint64_t free_list; // physical address of the first freed page, 0 if none
static uint64_t total, available;

void page_add_range(uint64_t pa, uint64_t bytes)
{
    if (range_count < PAGE_RANGES_MAX && bytes >= PAGE_SIZE) {
        ranges[range_count++] = (struct page_range){pa, pa + bytes};
        total += bytes / PAGE_SIZE;
        available += bytes / PAGE_SIZE;
    }
}

void page_add_ram(uint64_t pa, uint64_t bytes)
{
    if (ram_count < PAGE_RANGES_MAX) {
        ram[ram_count++] = (struct page_range){pa, pa + bytes};
    } else {
        // Too many ranges: let the last one cover whatever lies between, which errs on the safe side.
        struct page_range *last = &ram[ram_count - 1];
        last->at = min_u64(last->at, pa);
        last->end = last->end > pa + bytes ? last->end : pa + bytes;
    }
}

bool page_is_ram(uint64_t pa, uint64_t bytes)
{
    for (uint32_t i = 0; i < ram_count; i++) {
        if (pa < ram[i].end && ram[i].at < pa + bytes) {
            return true;
        }
    }
    return false;
}

uint64_t page_alloc(void)
{
    uint64_t pa = free_list;
    if (pa != 0) {
        free_list = *(uint64_t *)phys_to_virt(pa);
        arch_memory_used(phys_to_virt(pa), PAGE_SIZE);
        available--;
        return pa;
    }
    while (range_next < range_count) {
        struct page_range *r = &ranges[range_next];
        if (r->end - r->at >= PAGE_SIZE) {
            pa = r->at;
            r->at += PAGE_SIZE;
            available--;
            return pa;
        }
        range_next++;
    }
    return 0;
}

void page_free(uint64_t pa)
{
    *(uint64_t *)phys_to_virt(pa) = free_list;
    free_list = pa;
    arch_memory_freed((char *)phys_to_virt(pa) + sizeof(uint64_t), PAGE_SIZE - sizeof(uint64_t));
    available++;
}

uint64_t page_total(void)
{
    return total;
}

uint64_t page_available(void)
{
    return available;
}

uint64_t virt_to_page(const void *p)
{
    // phys_to_virt is an offset, so the offset of page 0 gives the inverse.
    return (uint64_t)((uintptr_t)p - (uintptr_t)phys_to_virt(0));
}

uint64_t table_page_alloc(struct account *a, enum status *why)
{
    enum status status = account_charge(a, PAGE_SIZE);
    if (status != OK) {
        *why = status;
        return 0;
    }
    uint64_t pa = page_alloc();
    if (pa == 0) {
        account_uncharge(a, PAGE_SIZE);
        *why = ERR_MEMORY;
        return 0;
    }
    arch_page_clear(phys_to_virt(pa));
    return pa;
}

void table_page_free(struct account *a, uint64_t pa)
{
    account_uncharge(a, PAGE_SIZE);
    page_free(pa);
}
