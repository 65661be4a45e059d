// SPDX-License-Identifier: MIT
// The log itself. Compiled without the pass: its own stores are no part of any transaction.
#include "lib/rt/undo_log.h"
#include <string.h>

enum { WORD = 8 };

// Before undo_init there is no transaction, but start-up code stores already: the log is a small one
// that overflows again and again, which costs little and says that nothing can be undone.
static uint8_t early[8 * UNDO_GROUP_MAX] __attribute__((aligned(WORD)));
struct undo_log undo_log = {.cursor = early,
                            .limit = early + sizeof(early) - UNDO_GROUP_MAX,
                            .base = early,
                            .end = early + sizeof(early)};

void undo_init(void *memory, size_t bytes, uintptr_t stack_low, uintptr_t stack_high,
               void (*on_overflow)(size_t bytes))
{
    uint8_t *base = memory;
    undo_log = (struct undo_log){.cursor = base,
                                 .limit = base + bytes - UNDO_GROUP_MAX,
                                 .base = base,
                                 .end = base + bytes,
                                 .stack_low = stack_low,
                                 .stack_high = stack_high,
                                 .on_overflow = on_overflow};
}

static void overflow(size_t bytes)
{
    struct undo_log *log = &undo_log;
    // What was logged is of no use without what would not fit: begin again at the bottom, so that
    // a transaction that needs no undoing can end well.
    log->cursor = log->base;
    log->overflowed = 1;
    log->overflows++;
    if (log->on_overflow) {
        log->on_overflow(bytes);
    }
}

uint8_t *undo_full(void)
{
    overflow(UNDO_GROUP_MAX);
    return undo_log.cursor;
}

static void store_word(uint8_t *at, uint64_t word)
{
    memcpy(at, &word, WORD);
}

static uint64_t load_word(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, WORD);
    return word;
}

static int holds(const struct undo_held *h, uintptr_t start, size_t bytes)
{
    return start - h->start < h->bytes && bytes <= h->bytes - (start - h->start) &&
           h->transaction == undo_log.transaction;
}

// The same buffers are written again and again in one transaction (a block of inodes).
static struct undo_held *logged_at(uintptr_t start)
{
    return &undo_log.logged[start * 0x9e3779b97f4a7c15 >> (64 - UNDO_LOGGED_BITS)];
}

static int is_fresh(uintptr_t start, size_t bytes)
{
    const struct undo_log *log = &undo_log;
    uint32_t known = log->fresh_next < UNDO_FRESH_RANGES ? log->fresh_next : UNDO_FRESH_RANGES;
    for (uint32_t back = 1; back <= known; back++) { // mostly filled soon after it was made
        if (holds(&log->fresh[(log->fresh_next - back) % UNDO_FRESH_RANGES], start, bytes)) {
            return 1;
        }
    }
    return 0;
}

void undo_range(const void *memory, size_t bytes)
{
    struct undo_log *log = &undo_log;
    uintptr_t start = (uintptr_t)memory;
    if (bytes == 0 || (start >= log->stack_low && start < log->stack_high) ||
        holds(logged_at(start), start, bytes) ||
        (bytes >= UNDO_FRESH_FROM && is_fresh(start, bytes))) {
        return;
    }
    size_t room = (size_t)(log->end - log->cursor);
    if (bytes > room || ((bytes + WORD - 1) & ~(size_t)(WORD - 1)) + 2 * WORD > room) {
        overflow(bytes);
        return;
    }
    size_t padded = (bytes + WORD - 1) & ~(size_t)(WORD - 1);
    uint8_t *at = log->cursor;
    memcpy(at, memory, bytes);
    store_word(at + padded, bytes);
    store_word(at + padded + WORD, start | UNDO_TAG_RANGE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->cursor = at + padded + 2 * WORD;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *logged_at(start) = (struct undo_held){start, bytes, log->transaction};
}

void undo_note_fresh(const void *memory, size_t bytes)
{
    struct undo_log *log = &undo_log;
    if (bytes >= UNDO_FRESH_FROM) {
        log->fresh[log->fresh_next++ % UNDO_FRESH_RANGES] =
            (struct undo_held){(uintptr_t)memory, bytes, log->transaction};
    }
}

// The log is empty and holds nothing: the next transaction begins.
static void reset(void)
{
    struct undo_log *log = &undo_log;
    log->fresh_next = 0;
    log->transaction++;
    log->overflowed = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->cursor = log->base;
}

static void note_length(void)
{
    uint64_t bytes = (uint64_t)(undo_log.cursor - undo_log.base);
    if (bytes > undo_log.largest) {
        undo_log.largest = bytes;
    }
}

void undo_commit(void)
{
    note_length();
    undo_log.commits++;
    reset();
}

static int on_stack(uintptr_t address)
{
    return address >= undo_log.stack_low && address < undo_log.stack_high;
}

enum undo_result undo_rollback(void)
{
    struct undo_log *log = &undo_log;
    note_length();
    if (log->overflowed) {
        reset();
        return UNDO_OVERFLOWED;
    }
    uint8_t *at = log->cursor;
    while (at > log->base) {
        uint64_t tag = load_word(at - WORD);
        uintptr_t address = tag & UNDO_ADDRESS;
        size_t bytes = WORD;
        const uint8_t *old = at - 2 * WORD;
        if (tag & UNDO_TAG_RANGE) {
            bytes = load_word(at - 2 * WORD);
            old -= (bytes + WORD - 1) & ~(size_t)(WORD - 1);
        } else if (tag & ~UNDO_ADDRESS) {
            bytes = (tag & UNDO_TAG_1) ? 1 : (tag & UNDO_TAG_2) ? 2 : 4;
        }
        if (!on_stack(address)) {
            memcpy((void *)address, old, bytes);
        }
        at = (uint8_t *)old;
    }
    log->rollbacks++;
    reset();
    return UNDO_DONE;
}

void *undo_memcpy(void *to, const void *from, size_t bytes)
{
    undo_range(to, bytes);
    return memcpy(to, from, bytes);
}

void *undo_memmove(void *to, const void *from, size_t bytes)
{
    undo_range(to, bytes);
    return memmove(to, from, bytes);
}

void *undo_memset(void *to, int byte, size_t bytes)
{
    undo_range(to, bytes);
    return memset(to, byte, bytes);
}
