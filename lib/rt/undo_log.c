// SPDX-License-Identifier: MIT
// The log itself. Compiled without the pass: its own stores are no part of any transaction.
#include "lib/rt/undo_log.h"
#include <string.h>

enum { WORD = 8 };

// Before undo_init there is no transaction, but start-up code stores already: the log is a small one
// that overflows again and again, which costs little and says that nothing can be undone.
// Both belong to one incarnation: an heir has a log of its own (RT_OWN in lib/rt/internal.h).
__attribute__((section(".bss.own"))) static uint8_t early[4 * UNDO_SLACK]
    __attribute__((aligned(WORD)));
__attribute__((section(".data.own"))) struct undo_log undo_log = {.cursor = early,
                            .limit = early + sizeof(early) - UNDO_SLACK,
                            .base = early,
                            .start = early,
                            .end = early + sizeof(early),
                            .lap_max = UNDO_SLACK};

// Of a log that holds nothing.
static void open_halves(struct undo_log *log)
{
    log->apart_end = log->apart;
    log->limit = (log->apart ? log->apart : log->end) - UNDO_SLACK;
}

void undo_init(void *memory, size_t bytes, uintptr_t stack_low, uintptr_t stack_high,
               bool (*on_overflow)(size_t bytes))
{
    uint8_t *base = memory;
    size_t half = bytes / 2 & ~(size_t)(WORD - 1);
    bool halves = bytes >= UNDO_APART_LOG;
    size_t lap = halves ? half - 4 * UNDO_SLACK : (bytes - UNDO_SLACK) / 2;
    undo_log = (struct undo_log){.cursor = base,
                                 .base = base,
                                 .start = base,
                                 .end = base + bytes,
                                 .apart = halves ? base + half : nullptr,
                                 .lap_max = lap < UNDO_LAP_MAX ? lap : UNDO_LAP_MAX,
                                 .stack_low = stack_low,
                                 .stack_high = stack_high,
                                 .on_overflow = on_overflow};
    open_halves(&undo_log);
}

void undo_extend(size_t bytes)
{
    undo_log.end += bytes;
    if (!undo_log.apart_end) { // else what lies apart has got more room
        undo_log.limit += bytes;
    }
}

typedef uint64_t word __attribute__((may_alias, aligned(1)));

static inline void store_word(uint8_t *at, uint64_t value)
{
    *(word *)at = value;
}

static inline uint64_t load_word(const uint8_t *at)
{
    return *(const word *)at;
}

// The records have come to what lies apart: they step over it. Until the commit, all goes where they go.
static bool go_on_behind(struct undo_log *log)
{
    uint8_t *at = log->apart_end;
    if (!at || (size_t)(log->end - at) < 2 * WORD + UNDO_SLACK) {
        return false;
    }
    store_word(at, (uint64_t)(at - log->cursor));
    store_word(at + WORD, UNDO_TAG_PASSED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->cursor = at + 2 * WORD;
    log->apart_end = nullptr;
    log->limit = log->end - UNDO_SLACK;
    return true;
}

// true: there is more room now than there was.
static bool overflow(size_t bytes)
{
    struct undo_log *log = &undo_log;
    if (go_on_behind(log)) {
        return true;
    }
    if (log->on_overflow && log->on_overflow(bytes)) {
        (void)go_on_behind(log);
        return true;
    }
    // What was logged is of no use without what would not fit: begin again at the bottom, so that
    // a transaction that needs no undoing can end well.
    log->overflowed = 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->cursor = log->base;
    open_halves(log);
    log->overflows++;
    log->lap += 4; // nobody can tell what has changed
    return false;
}

uint8_t *undo_full(void)
{
    (void)overflow(UNDO_SLACK);
    return undo_log.cursor;
}

// As memcpy does it for what is long, which most ranges are; the last bytes by a word that overlaps.
static inline void copy_range(uint8_t *to, const uint8_t *from, size_t bytes)
{
    if (bytes < WORD) {
        for (size_t i = 0; i < bytes; i++) {
            to[i] = from[i];
        }
        return;
    }
    uint64_t last = load_word(from + bytes - WORD);
    uint8_t *end = to + bytes - WORD;
    size_t words = bytes / WORD;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    store_word(end, last);
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

static int is_known(uintptr_t start, size_t bytes)
{
    return holds(logged_at(start), start, bytes) ||
           (bytes >= UNDO_FRESH_FROM && is_fresh(start, bytes));
}

// false: there is no room for it.
static bool log_apart(struct undo_log *log, const void *memory, size_t bytes)
{
    uint8_t *old = log->apart_end, *at = log->cursor;
    if (!old || bytes > (size_t)(log->end - old) || at + 3 * WORD > log->limit) {
        return false;
    }
    copy_range(old, memory, bytes);
    store_word(at, (uint64_t)old);
    store_word(at + WORD, bytes);
    store_word(at + 2 * WORD, (uintptr_t)memory | UNDO_TAG_APART);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->apart_end = old + ((bytes + WORD - 1) & ~(size_t)(WORD - 1));
    log->cursor = at + 3 * WORD;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return true;
}

void undo_range(const void *memory, size_t bytes)
{
    struct undo_log *log = &undo_log;
    uintptr_t start = (uintptr_t)memory;
    if (bytes == 0 || (start >= log->stack_low && start < log->stack_high) ||
        (bytes >= UNDO_LOGGED_FROM && is_known(start, bytes))) {
        return;
    }
    size_t padded = (bytes + WORD - 1) & ~(size_t)(WORD - 1);
    if (bytes >= UNDO_APART_FROM && log_apart(log, memory, bytes)) {
        *logged_at(start) = (struct undo_held){start, bytes, log->transaction};
        return;
    }
    while (bytes > SIZE_MAX - 4 * WORD || log->cursor > log->limit ||
           padded + 2 * WORD > (size_t)(log->limit - log->cursor)) { // and as much room is left as was
        if (!overflow(bytes)) {
            return;
        }
    }
    uint8_t *at = log->cursor;
    log->reach = at + padded + 2 * WORD;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    copy_range(at, memory, bytes);
    store_word(at + padded, bytes);
    store_word(at + padded + WORD, start | UNDO_TAG_RANGE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->cursor = at + padded + 2 * WORD;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (bytes >= UNDO_LOGGED_FROM) {
        *logged_at(start) = (struct undo_held){start, bytes, log->transaction};
    }
}

void undo_note_fresh(const void *memory, size_t bytes)
{
    struct undo_log *log = &undo_log;
    if (bytes >= UNDO_FRESH_FROM) {
        log->fresh[log->fresh_next++ % UNDO_FRESH_RANGES] =
            (struct undo_held){(uintptr_t)memory, bytes, log->transaction};
    }
}

void undo_note_change(const void *memory, size_t bytes)
{
    struct undo_log *log = &undo_log;
    uint8_t *at = log->cursor > log->limit ? undo_full() : log->cursor;
    store_word(at, bytes);
    store_word(at + WORD, (uintptr_t)memory | UNDO_TAG_FRESH);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->cursor = at + 2 * WORD;
}

static void begin_lap(struct undo_log *log)
{
    log->lap++;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->lap_end = log->cursor;
    log->reach = log->start;
    log->cursor = log->base = log->start;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->lap++;
}

// Ends the transaction: the first store makes void what the log holds, the rest prepares the next.
static void reset(struct undo_log *log)
{
    log->transaction++;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->fresh_next = 0;
    log->overflowed = 0;
    log->base = log->cursor;
    if ((uint64_t)(log->cursor - log->start) > log->lap_max) {
        begin_lap(log);
    }
    if (log->apart_end != log->apart) {
        open_halves(log);
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->opened = log->transaction;
}

static void note_length(struct undo_log *log)
{
    uint64_t bytes = (uint64_t)(log->cursor - log->base) + (uint64_t)(log->apart_end ? log->apart_end - log->apart : 0);
    if (bytes > log->largest) {
        log->largest = bytes;
    }
}

void undo_commit(void)
{
    note_length(&undo_log);
    undo_log.commits++;
    reset(&undo_log);
}

// ---- Records ----

struct entry {
    uintptr_t address;
    size_t bytes;
    const uint8_t *old;
    const uint8_t *record; // where it begins
};

static bool is_apart(uint64_t tag)
{
    return (tag & ~UNDO_ADDRESS) == UNDO_TAG_APART;
}

static bool is_passed(uint64_t tag)
{
    return (tag & ~UNDO_ADDRESS) == UNDO_TAG_PASSED;
}

static bool is_without_old(uint64_t tag)
{
    return (tag & ~UNDO_ADDRESS) == UNDO_TAG_FRESH || is_passed(tag);
}

// The record that ends at `at`.
static struct entry read_back(const uint8_t *at)
{
    uint64_t tag = load_word(at - WORD);
    struct entry e = {.address = tag & UNDO_ADDRESS, .bytes = WORD, .record = at - 2 * WORD};
    if (tag & UNDO_TAG_RANGE) {
        e.bytes = load_word(at - 2 * WORD);
        e.record -= (e.bytes + WORD - 1) & ~(size_t)(WORD - 1);
    } else if (tag >= UNDO_TAG_WORD) {
        e.bytes = tag / UNDO_TAG_WORD * WORD;
        e.record = at - WORD - e.bytes;
    } else if (is_apart(tag)) {
        e.bytes = load_word(at - 2 * WORD);
        e.record = at - 3 * WORD;
    } else if (is_without_old(tag)) {
        e.bytes = load_word(at - 2 * WORD);
    } else if (tag & ~UNDO_ADDRESS) {
        e.bytes = (tag & UNDO_TAG_1) ? 1 : (tag & UNDO_TAG_2) ? 2 : 4;
    }
    e.old = is_apart(tag) ? (const uint8_t *)load_word(e.record) : e.record;
    return e;
}

static void put_back(const struct entry *e, uint64_t tag)
{
    if (is_without_old(tag)) {
        return;
    }
    if (e->bytes == WORD) {
        store_word((uint8_t *)e->address, load_word(e->old));
    } else {
        memcpy((void *)e->address, e->old, e->bytes);
    }
}

static int skipped(const struct undo_log *log, uintptr_t address)
{
    if (address >= log->stack_low && address < log->stack_high) {
        return 1;
    }
    for (uint32_t i = 0; i < log->skips && i < UNDO_SKIPS; i++) {
        if (address >= log->skip[i].low && address < log->skip[i].high) {
            return 1;
        }
    }
    return 0;
}

enum undo_result undo_rollback_of(struct undo_log *log,
                                  bool (*is_there)(const void *context, uintptr_t address,
                                                   size_t bytes),
                                  const void *context)
{
    // Else it died while committing: all that is there is to stay.
    bool open = log->opened == log->transaction;
    if (open && log->overflowed) {
        return UNDO_OVERFLOWED;
    }
    note_length(log);
    for (const uint8_t *at = log->cursor; open && at > log->base;) {
        struct entry e = read_back(at);
        if (!skipped(log, e.address) && (!is_there || is_there(context, e.address, e.bytes))) {
            put_back(&e, load_word(at - WORD));
        }
        at = e.record;
    }
    return UNDO_DONE;
}

enum undo_result undo_rollback(void)
{
    enum undo_result result = undo_rollback_of(&undo_log, nullptr, nullptr);
    undo_log.rollbacks += result == UNDO_DONE;
    reset(&undo_log);
    return result;
}

// ---- What has changed ----

static struct undo_mark mark_at(const struct undo_log *log, uint8_t *const volatile *place)
{
    const volatile struct undo_log *l = log;
    struct undo_mark mark = {.lap = l->lap};
    mark.at = (uint64_t)(*place - l->start);
    mark.lap |= l->lap != mark.lap; // odd: a mark since when nothing is known
    return mark;
}

struct undo_mark undo_mark_of(const struct undo_log *log)
{
    return mark_at(log, &log->base);
}

struct undo_mark undo_mark_here(const struct undo_log *log)
{
    return mark_at(log, &log->cursor);
}

// Whether a record can end at `from`, where overwritten ones may be.
static bool ends_record(const uint8_t *from, const uint8_t *to)
{
    size_t room = (size_t)(from - to);
    if (room < 2 * WORD) {
        return false;
    }
    uint64_t tag = load_word(from - WORD);
    if (tag & UNDO_TAG_RANGE) {
        return load_word(from - 2 * WORD) <= (room - 2 * WORD) / WORD * WORD;
    }
    return tag / UNDO_TAG_WORD * WORD + WORD <= room && (!is_apart(tag) || room >= 3 * WORD);
}

// Most records are of one word: their tag is the address and nothing else.
static bool visit_back(const uint8_t *from, const uint8_t *to,
                       void (*visit)(void *context, uintptr_t address, size_t bytes), void *context)
{
    while (from > to) {
        uint64_t tag = (size_t)(from - to) >= 2 * WORD ? load_word(from - WORD) : UINT64_MAX;
        if (tag <= UNDO_ADDRESS) {
            visit(context, tag, WORD);
            from -= 2 * WORD;
        } else if (ends_record(from, to)) {
            struct entry e = read_back(from);
            if (!is_passed(load_word(from - WORD))) {
                visit(context, e.address, e.bytes);
            }
            from = e.record;
        } else {
            return false;
        }
    }
    return true;
}

// Beyond this, nothing of the lap before has been overwritten.
static const uint8_t *written(const volatile struct undo_log *log)
{
    const uint8_t *group = log->cursor + UNDO_GROUP_MAX, *range = log->reach;
    return range > group ? range : group;
}

// What the lap before left may have been overwritten by what lies apart.
static bool is_lap_before_there(const volatile struct undo_log *l)
{
    return !l->apart || l->lap_end <= l->apart;
}

// How many laps ago the mark was made: 0, 1; -1: not all that was logged since is there.
static int laps_since(const volatile struct undo_log *l, struct undo_mark mark)
{
    uint64_t lap = l->lap;
    if ((lap | mark.lap) % 2 != 0) {
        return -1;
    }
    bool before = lap == mark.lap + 2 && written(l) <= l->start + mark.at && is_lap_before_there(l);
    return lap == mark.lap ? 0 : before ? 1 : -1;
}

uint64_t undo_bytes_since(const struct undo_log *log, struct undo_mark mark)
{
    const volatile struct undo_log *l = log;
    int laps = laps_since(l, mark);
    uint64_t before = laps == 1 ? (uint64_t)(l->lap_end - l->start) : 0;
    return laps < 0 ? UINT64_MAX : before + (uint64_t)(l->cursor - l->start) - mark.at;
}

bool undo_since(const struct undo_log *log, struct undo_mark mark,
                void (*visit)(void *context, uintptr_t address, size_t bytes), void *context)
{
    const volatile struct undo_log *l = log;
    int laps = laps_since(l, mark);
    const uint8_t *from = l->start + mark.at, *cursor = l->cursor, *lap_end = l->lap_end;
    bool known = false;
    if (laps == 0) {
        known = visit_back(cursor, from, visit, context);
    } else if (laps == 1) {
        known = visit_back(cursor, l->start, visit, context) &&
                visit_back(lap_end, from, visit, context) && written(l) <= from;
    }
    return known && l->lap == mark.lap + (laps == 1 ? 2 : 0);
}

int undo_skip_add(uintptr_t low, uintptr_t high)
{
    struct undo_log *log = &undo_log;
    if (log->skips == UNDO_SKIPS) {
        return 0;
    }
    log->skip[log->skips] = (struct undo_skip){low, high};
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    log->skips++;
    return 1;
}

void undo_skip_remove(uintptr_t low)
{
    struct undo_log *log = &undo_log;
    for (uint32_t i = 0; i < log->skips; i++) {
        if (log->skip[i].low == low) {
            log->skip[i] = log->skip[log->skips - 1];
            log->skips--;
            return;
        }
    }
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
