// SPDX-License-Identifier: MIT
// Memory: mapping one page, taking it away, changing its protection, the first touch of a page.
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"

enum { ROUNDS = 500, TOUCH_PAGES = 256, CHILD_QUOTA = 1 << 20 };

// One page whose page table exists already, as in the peers' measurements; each call timed by itself.
MOVE_ADDRESSES static void map_unmap(handle_t memory, uint64_t place)
{
    struct samples maps = {}, unmaps = {}, protects = {};
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t at = place, t0 = ticks();
        enum status status = sys_mem_map(0, memory, &at, 0, PAGE_SIZE, PROT_READ | PROT_WRITE);
        uint64_t t1 = ticks();
        if (status != OK) {
            return report_failure("map_4K", "mem_map", status);
        }
        *(volatile char *)at = 1;
        uint64_t t2 = ticks();
        status = sys_mem_protect(0, at, PAGE_SIZE, PROT_READ);
        uint64_t t3 = ticks();
        if (status != OK) {
            return report_failure("protect_4K", "mem_protect", status);
        }
        sys_mem_unmap(0, at, PAGE_SIZE);
        uint64_t t4 = ticks();
        samples_add(&maps, t1 - t0), samples_add(&protects, t3 - t2), samples_add(&unmaps, t4 - t3);
    }
    samples_report("map_4K", &maps);
    samples_report("protect_4K", &protects);
    samples_report("unmap_4K", &unmaps);
}

// The same page again, by way of another task that has mapped it.
static void map_from(handle_t memory, uint64_t place)
{
    static const char name[NAME_SIZE] = "predecessor";
    struct samples maps = {};
    handle_t task;
    uint64_t there = 0;
    if (sys_task_create(CHILD_QUOTA, 0, name, &task) != OK ||
        sys_mem_map(task, memory, &there, 0, PAGE_SIZE, PROT_READ | PROT_WRITE) != OK) {
        return report_failure("map_from_4K", "no task to map from", 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t at = place, t0 = ticks();
        enum status status = sys_mem_map_from(task, there, &at, PROT_READ | PROT_WRITE);
        uint64_t t1 = ticks();
        if (status != OK) {
            return report_failure("map_from_4K", "mem_map_from", status);
        }
        sys_mem_unmap(0, at, PAGE_SIZE);
        samples_add(&maps, t1 - t0);
    }
    samples_report("map_from_4K", &maps);
    (void)sys_task_kill(task);
    sys_handle_close(task);
}

static void create_close(long n, void *)
{
    for (long i = 0; i < n; i++) {
        handle_t memory;
        if (sys_mem_create(PAGE_SIZE, MEM_POPULATE, &memory) == OK) {
            sys_handle_close(memory);
        }
    }
}

// Pages are supplied at the first touch: a fault, a cleared page, a mapping.
MOVE_ADDRESSES static void first_touch(void)
{
    handle_t memory;
    uint64_t at = 0, bytes = (uint64_t)TOUCH_PAGES * PAGE_SIZE;
    if (sys_mem_create(bytes, 0, &memory) != OK || sys_mem_map(0, memory, &at, 0, bytes, PROT_READ | PROT_WRITE) != OK) {
        return report_failure("first_touch", "no memory", 0);
    }
    struct lap begun = lap_begin();
    for (uint64_t i = 0; i < TOUCH_PAGES; i++) {
        *(volatile char *)(at + i * PAGE_SIZE) = 1;
    }
    report_each("page_first_touch", TOUCH_PAGES, lap_end(begun));
    sys_mem_unmap(0, at, bytes);
    sys_handle_close(memory);
}

void bench_memory(void)
{
    handle_t memory;
    uint64_t anchor = 0;
    if (sys_mem_create(4 * PAGE_SIZE, MEM_POPULATE, &memory) != OK ||
        sys_mem_map(0, memory, &anchor, 0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE) != OK) {
        return report_failure("map_4K", "no memory", 0);
    }
    // The page beside the anchor, in the same page table.
    uint64_t place = (anchor & 0x1fffff) ? anchor - PAGE_SIZE : anchor + 2 * PAGE_SIZE;
    map_unmap(memory, place);
    map_from(memory, place);
    sys_mem_unmap(0, anchor, 2 * PAGE_SIZE);
    sys_handle_close(memory);
    measure("mem_create_populated_4K+close", 500, create_close, nullptr);
    first_touch();
}
