// SPDX-License-Identifier: MIT
// Memory objects, the heap on real memory.
#include "lib/test/rttest.h"
#include "lib/rt/movable.h"
#include <string.h>

enum { PAGES = 8, BYTES = PAGES * PAGE_SIZE };

MOVE_ADDRESSES static void test_mappings(handle_t memory)
{
    uint64_t a = 0, b = 0, small = 0;
    struct mem_info info;
    CHECK_STATUS(sys_mem_map(0, memory, &a, 0, BYTES, PROT_READ | PROT_WRITE), OK);
    CHECK_STATUS(sys_mem_map(0, memory, &b, 0, BYTES, PROT_READ), OK);
    CHECK(a != b && a % PAGE_SIZE == 0 && b % PAGE_SIZE == 0);
    volatile uint64_t *writer = (volatile uint64_t *)a, *reader = (volatile uint64_t *)b;
    CHECK(reader[PAGE_SIZE / 8] == 0); // fresh memory is zero
    writer[PAGE_SIZE / 8] = 0x1234567;
    CHECK(reader[PAGE_SIZE / 8] == 0x1234567);
    CHECK_STATUS(sys_mem_map(0, memory, &small, PAGE_SIZE * 7, PAGE_SIZE, PROT_READ), OK);
    CHECK(((volatile uint64_t *)small)[0] == 0);
    CHECK_STATUS(sys_mem_info(memory, &info), OK);
    CHECK(info.bytes == BYTES && info.mappings == 3);
    CHECK_STATUS(sys_mem_unmap(0, a + PAGE_SIZE, PAGE_SIZE), OK); // out of the middle
    writer[0] = 1;
    CHECK(reader[0] == 1);
    CHECK_STATUS(sys_mem_unmap(0, a, PAGE_SIZE), OK);
    CHECK_STATUS(sys_mem_unmap(0, a + 2 * PAGE_SIZE, BYTES - 2 * PAGE_SIZE), OK);
    CHECK_STATUS(sys_mem_unmap(0, b, BYTES), OK);
    CHECK_STATUS(sys_mem_unmap(0, small, PAGE_SIZE), OK);
}

static void test_refusals(handle_t memory)
{
    uint64_t at = 0;
    handle_t weak, none;
    CHECK_STATUS(sys_mem_map(0, memory, &at, 0, BYTES, PROT_WRITE | PROT_EXEC), ERR_ARG);
    CHECK_STATUS(sys_mem_map(0, memory, &at, 0, BYTES, PROT_READ | PROT_EXEC), ERR_STATE); // sealed
    CHECK_STATUS(sys_mem_map(0, memory, &at, 0, BYTES + PAGE_SIZE, PROT_READ), ERR_RANGE);
    CHECK_STATUS(sys_mem_map(0, memory, &at, 1, PAGE_SIZE, PROT_READ), ERR_ALIGN);
    CHECK_STATUS(sys_mem_map(0, H_SERVICE_PORT, &at, 0, PAGE_SIZE, PROT_READ), ERR_TYPE);
    CHECK_STATUS(sys_mem_map(0, 0x12340000 | HANDLE_INDEX_MAX, &at, 0, PAGE_SIZE, PROT_READ),
                 ERR_HANDLE);
    CHECK_STATUS(sys_handle_copy(memory, RIGHT_READ, 0, &weak), OK);
    CHECK_STATUS(sys_mem_map(0, weak, &at, 0, BYTES, PROT_READ | PROT_WRITE), ERR_RIGHTS);
    CHECK_STATUS(sys_handle_copy(weak, RIGHT_READ | RIGHT_WRITE, 0, &none), ERR_RIGHTS);
    CHECK_STATUS(sys_handle_close(weak), OK);
    CHECK_STATUS(sys_handle_close(weak), ERR_HANDLE);
    CHECK_STATUS(sys_mem_create(1ull << 40, 0, &none), ERR_QUOTA);
    CHECK_STATUS(sys_mem_create(100, 0, &none), ERR_ALIGN);
}

void test_memory(void)
{
    handle_t memory;
    struct task_info before, after;
    CHECK_STATUS(sys_task_info(0, &before), OK);
    if (!CHECK_STATUS(sys_mem_create(BYTES, 0, &memory), OK)) {
        return;
    }
    test_mappings(memory);
    test_refusals(memory);
    CHECK_STATUS(sys_handle_close(memory), OK);
    CHECK_STATUS(sys_task_info(0, &after), OK);
    CHECK(after.handles == before.handles);
    // Page tables may stay; the object and its pages must be back.
    CHECK(after.quota_used < before.quota_used + BYTES);
}

// ---- Heap ----

enum { OBJECTS = 200, STEPS = 3000 };

void test_heap(void)
{
    static struct {
        unsigned char *p;
        size_t bytes;
    } live[OBJECTS];
    bool intact = true, placed = true, past_end = true;
    for (int i = 0; i < STEPS; i++) {
        uint32_t at = rt_random_below(OBJECTS);
        if (live[at].p) {
            for (size_t k = 0; k < live[at].bytes; k++) {
                intact = intact && live[at].p[k] == (unsigned char)at;
            }
            struct heap_object found;
            past_end = past_end && rt_heap_find(live[at].p + live[at].bytes, &found) &&
                       found.start == live[at].p;
            rt_free(live[at].p);
            live[at].p = nullptr;
        } else {
            live[at].bytes = rt_random_below(i % 50 == 0 ? 30000 : 400);
            live[at].p = rt_malloc(live[at].bytes);
            placed = placed && live[at].p;
            memset(live[at].p, (int)at, live[at].p ? live[at].bytes : 0);
        }
        rt_progress();
    }
    CHECK(intact);
    CHECK(placed);
    CHECK(past_end);
    for (int i = 0; i < OBJECTS; i++) {
        rt_free(live[i].p);
    }
    struct heap_stats stats;
    rt_heap_stats(&stats);
    CHECK(stats.objects == rt_status->heap_objects);
    CHECK(rt_malloc(1ull << 40) == nullptr);
}
