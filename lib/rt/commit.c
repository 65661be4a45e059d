// SPDX-License-Identifier: MIT
// Commit and rollback of a transaction, and of what the kernel did for it. Compiled without the
// undo log: what is stored here is never undone.
#include "lib/rt/internal.h"
#include "lib/rt/shadow.h"
#include "lib/rt/undo_log.h"

// Mappings that come and go with the heap. More than these in one transaction stay mapped until
// the next incarnation, which starts with none.
enum { MADE = 512, GONE = 2048 };

struct span {
    uint64_t address, bytes;
};

RT_OWN static struct tx {
    bool running;
    uint32_t made, gone;
    uint32_t closings; // so many mappings were given up since the birth
    struct span made_span[MADE], gone_span[GONE];
} tx;

bool tx_running(void)
{
    return tx.running;
}

static void unmap(const struct span *s)
{
    enum status status = sys_mem_unmap(0, s->address, s->bytes);
    rt_assert(status == OK);
    undo_skip_remove(s->address); // if rt_map added it
}

void tx_mapped(uint64_t address, uint64_t bytes)
{
    if (tx.running && tx.made < MADE) {
        tx.made_span[tx.made++] = (struct span){address, bytes};
    }
}

void tx_unmap(uint64_t address, uint64_t bytes)
{
    struct span s = {address, bytes};
    tx.closings++;
    if (!tx.running) {
        unmap(&s);
    } else if (tx.gone < GONE) {
        tx.gone_span[tx.gone++] = s;
    } else {
        (void)NEVER(tx.gone == GONE);
    }
}

struct tx_closed tx_closed(const struct tx *their)
{
    return (struct tx_closed){their->gone, their->closings};
}

const struct tx *tx_of_mine(void)
{
    return &tx;
}

// ---- The undo log's memory ----

enum : uint64_t {
    UNDO_BYTES = 256 << 10,     // unless the manifest says otherwise
    UNDO_EXTENSION = 256 << 10, // for work that no request can be failed for
    UNDO_MAX = 64 << 20,
};

enum status map_apart(uint64_t bytes, uint32_t prot, uint64_t *at)
{
    handle_t memory;
    enum status status = sys_mem_create(bytes, 0, &memory);
    if (status == OK) {
        status = sys_mem_map(HANDLE_NONE, memory, at, 0, bytes, prot);
        (void)sys_handle_close(memory);
    }
    return status;
}

static uint64_t log_map(uint64_t at, uint64_t bytes)
{
    return map_apart(bytes, PROT_READ | PROT_WRITE, &at) == OK ? at : 0;
}

// The log is full. A request is undone and answered with an error. Work that belongs to no request
// (timers, notifications), or that commits on the way, gets a longer log: it lies in the middle of
// nowhere, so what follows it is free.
static bool on_overflow(size_t bytes)
{
    if (!tx.running) {
        return false; // start-up, or a program without an event loop: nothing is ever undone
    }
    if (rt_may_await()) {
        loop_restart(LOOP_OVERFLOW);
    }
    uint64_t end = (uint64_t)undo_log.end, more = UNDO_EXTENSION;
    while (more < bytes + UNDO_SLACK) {
        more *= 2;
    }
    if (end - (uint64_t)undo_log.start + more > UNDO_MAX || log_map(end, more) == 0) {
        rt_die("the undo log is full, and cannot grow at %llu bytes",
               (unsigned long long)(end - (uint64_t)undo_log.start));
    }
    undo_extend(more);
    return true;
}

static void stack_range(uintptr_t *low, uintptr_t *high)
{
    const struct layout_record *layout = (const struct layout_record *)rt_startup->layout;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    *low = layout ? layout->stack_low : here - (1 << 20);
    *high = layout ? layout->stack_high : here + (1 << 20);
}

void tx_init(void)
{
    uint64_t bytes = rt_startup->undo_bytes ? rt_startup->undo_bytes : UNDO_BYTES;
    uintptr_t low, high;
    tx.running = false;
    tx.made = tx.gone = 0;
    stack_range(&low, &high);
    uint64_t at = log_map(0, bytes);
    if (at == 0) {
        struct task_info self = {0};
        (void)sys_task_info(HANDLE_NONE, &self);
        rt_die("no memory for the undo log: %llu of %llu bytes are used",
               (unsigned long long)self.quota_used, (unsigned long long)self.quota_limit);
    }
    undo_init((void *)at, bytes, low, high, on_overflow);
    undo_skip_add((uintptr_t)rt_status, (uintptr_t)rt_status + sizeof(*rt_status));
    shadow_init();
}

// ---- Transactions ----

void tx_begin(void)
{
    tx.running = true;
}

static void after_commit(void)
{
    while (tx.gone > 0) {
        unmap(&tx.gone_span[--tx.gone]);
    }
    tx.made = 0;
}

// Each deferred action is a transaction of its own, and so is taking it off the list.
static void finish(void)
{
    defer_notify();
    while (defer_next()) {
        undo_commit();
        after_commit();
        defer_notify();
    }
}

void tx_commit(void)
{
    if (shadow_wanted()) {
        state_check_at_commit();
    }
    undo_commit();
    if (__builtin_expect((tx.gone | tx.made) != 0, 0)) {
        after_commit();
    }
    if (__builtin_expect(defer_pending(), 0)) {
        finish();
    }
    tx.running = false;
}

void tx_rollback(void)
{
    rt_status->aborts++;
    if (undo_rollback() == UNDO_OVERFLOWED) {
        rt_die("an overflowed undo log cannot be played back");
    }
    struct shadow_difference d;
    if (shadow_wanted() && shadow.transaction + 1 == undo_log.transaction && shadow_differs(&shadow, nullptr, nullptr, &d)) {
        rt_die("not undone: %#llx has %#llx, not %#llx", (unsigned long long)d.address, (unsigned long long)d.is,
               (unsigned long long)d.was);
    }
    while (tx.made > 0) {
        unmap(&tx.made_span[--tx.made]);
    }
    tx.gone = 0;
    timers_restore();
}

void rt_commit(void)
{
    if (!tx.running) {
        return;
    }
    serve_committed_on();
    undo_commit();
    after_commit();
    finish();
}
