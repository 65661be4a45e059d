// SPDX-License-Identifier: MIT
// Memory from the kernel for the heap, at random addresses.
//
// Spans lie in windows of 1 GiB, each at a random place of the 47-bit space, and at a random
// granule in their window: 17 + 16 bits for a slab. One window for all would be cheaper in page
// tables, one for each span dearer (12 KiB of tables for a slab of 16 KiB); at a quarter full the
// next one is opened.
#include "lib/rt/heap_internal.h"
#include "lib/rt/movable.h"

enum : uint64_t {
    WINDOW = 1ull << HEAP_WINDOW_SHIFT,
    WINDOW_FILL = WINDOW / 4,
    RECORD_CHUNK = 64 << 10, // records are carved out of chunks of this size
};
enum { TRIES = 64, RECORD_MIN_SHIFT = 5 };

struct free_record {
    struct free_record *next;
};

// Not undone: another place is as good as the one of a request that was given up.
RT_OWN static uint64_t random_state;

uint64_t heap_random(void)
{
    // The splitmix64 generator.
    uint64_t z = *UNDO_DEVICE_AT(&random_state) += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void pages_init(uint64_t limit_bytes)
{
    heap.limit = limit_bytes;
    random_state = rt_random64();
    heap.window = 0;
}

uint64_t pages_mapped(void)
{
    return heap.mapped;
}

uint64_t pages_limit(void)
{
    return heap.limit;
}

static uint64_t draw(uint64_t low, uint64_t high, uint64_t step)
{
    uint64_t places = (high - low) / step;
    return low + (uint64_t)(((unsigned __int128)rt_random64() * places) >> 64) * step;
}

RT_OWN struct heap_numbers heap_numbers;

// Whether no address in there has a zero among the bytes of its number, the lowest one not counted: what is left of a
// pointer when the beginning of its word was overwritten by a text, with the zero at its end, or by a small number
// (docs/decisions/0015). Too much for that at once does without.
static bool is_clear(uint64_t address, uint64_t bytes)
{
    for (int shift = 8; shift <= 40; shift += 8) {
        bool fits = bytes <= 3ull << (shift + 6);
        bool within = address >> (shift + 8) == (address + bytes - 1) >> (shift + 8);
        if (fits && ((address >> shift & 255) == 0 || !within)) {
            return false;
        }
    }
    return true;
}

// Where no number leads to, if there is such a window.
static uint64_t draw_window(void)
{
    uint64_t window = 0;
    for (int i = 0; i < TRIES; i++) {
        window = draw(WINDOW, USER_MAX - WINDOW, WINDOW);
        uint64_t at = window >> HEAP_WINDOW_SHIFT;
        bool avoided = (heap_numbers.found[at / 64] | heap_numbers.before[at / 64]) >> (at % 64) & 1;
        bool clear = (window >> 32 & 255) != 0 && window >> 40 != 0; // of the lower bytes, each span sees to it
        if (!avoided && clear) {
            break;
        }
    }
    return window;
}

static uint64_t draw_address(uint64_t bytes)
{
    if (bytes > WINDOW_FILL) {
        return draw(GRANULE * 4, USER_MAX - bytes, GRANULE);
    }
    if (heap.window == 0 || heap.window_used + bytes > WINDOW_FILL) {
        heap.window = draw_window();
        heap.window_used = 0;
    }
    uint64_t address = 0;
    for (int i = 0; i < TRIES; i++) {
        address = draw(heap.window, heap.window + WINDOW - bytes, GRANULE);
        if (is_clear(address, bytes)) {
            break;
        }
    }
    return address;
}

static enum status map_somewhere(handle_t memory, uint64_t bytes, uint64_t *address)
{
    enum status status = ERR_EXISTS;
    for (int i = 0; i < TRIES && status == ERR_EXISTS; i++) {
        *address = draw_address(bytes);
        status = sys_mem_map(0, memory, address, 0, bytes, PROT_READ | PROT_WRITE);
        if (status == ERR_EXISTS && i % 8 == 7) {
            heap.window = 0; // crowded: another one
        }
    }
    return status;
}

uint64_t pages_map(uint64_t bytes, uint32_t flags)
{
    handle_t memory;
    uint64_t address;
    if ((heap.limit != 0 && bytes > heap.limit - heap.mapped) || sys_mem_create(bytes, flags, &memory) != OK) {
        return 0;
    }
    enum status status = map_somewhere(memory, bytes, &address);
    (void)sys_handle_close(memory); // the mapping holds it
    if (status != OK) {
        return 0;
    }
    tx_mapped(address, bytes);
    heap.mapped += bytes;
    heap.window_used += bytes;
    return address;
}

void pages_unmap(uint64_t address, uint64_t bytes)
{
    tx_unmap(address, bytes);
    heap.mapped -= bytes;
    heap.window_used = heap.window_used > bytes ? heap.window_used - bytes : 0;
}

// ---- Records ----

static int record_shift(size_t bytes)
{
    int shift = 64 - __builtin_clzll(bytes - 1);
    return shift < RECORD_MIN_SHIFT ? RECORD_MIN_SHIFT : shift;
}

MOVE_ADDRESSES static void *carve(uint64_t bytes)
{
    if (bytes >= RECORD_CHUNK) {
        return (void *)pages_map(bytes, 0);
    }
    if (heap.chunk_end - heap.chunk < bytes) {
        uint64_t fresh = pages_map(RECORD_CHUNK, 0);
        if (fresh == 0) {
            return nullptr;
        }
        heap.chunk = fresh;
        heap.chunk_end = fresh + RECORD_CHUNK;
    }
    void *record = (void *)heap.chunk;
    heap.chunk += bytes;
    return record;
}

void *record_alloc(size_t bytes)
{
    int shift = record_shift(bytes);
    struct free_record *record = heap.free_records[shift];
    if (record) {
        heap.free_records[shift] = record->next;
    } else {
        record = carve(1ull << shift);
    }
    return record;
}

void record_free(void *record, size_t bytes)
{
    int shift = record_shift(bytes);
    if (1ull << shift >= RECORD_CHUNK) {
        pages_unmap((uint64_t)record, 1ull << shift);
        return;
    }
    struct free_record *freed = record;
    freed->next = heap.free_records[shift];
    heap.free_records[shift] = freed;
}
