// SPDX-License-Identifier: MIT
// The course of a move.
#include "lib/rt/shadow.h"
#include "randomizer/mover/internal.h"
#include <stdarg.h>
#include <stdio.h>

enum : uint64_t { ARENA = 256 << 10 };

__attribute__((weak)) const uint32_t rt_scan_step = 8;

// One for the whole life: passes ahead of the move leave here what they have found.
RT_OWN static struct mover mover;
RT_OWN static struct move_report own_report;

const char *move_error_text(enum move_error error)
{
    static const char *const text[] = {
#define X(name, text) text,
        MOVE_ERROR(X)
#undef X
    };
    return error < MOVE_ERRORS ? text[error] : "unknown";
}

// What a predecessor that is still at work may look like for a moment.
static bool is_fleeting(enum move_error error)
{
    return error == MOVE_HEAP || error == MOVE_TAG || error == MOVE_TYPE || error == MOVE_STALE;
}

// The first failure counts.
void move_fail(struct mover *m, enum move_error error, const char *format, ...)
{
    if (m->error == MOVE_OK && !(m->live && is_fleeting(error))) {
        va_list args;
        va_start(args, format);
        vsnprintf(m->report->where, sizeof(m->report->where), format, args);
        va_end(args);
        m->error = error;
    }
}

static bool more_arena(struct mover *m, uint64_t bytes)
{
    uint64_t at = 0;
    bytes = bytes < ARENA ? ARENA : (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    enum status status = m->arenas < MOVE_ARENAS ? map_apart(bytes, PROT_READ | PROT_WRITE, &at) : ERR_RANGE;
    if (status != OK) {
        move_fail(m, MOVE_NO_MEMORY, "%s", rt_status_text(status));
        return false;
    }
    m->arena_region[m->arenas++] = (struct region){at, at, bytes, 0};
    m->arena = (uint8_t *)at;
    m->arena_end = m->arena + bytes;
    return true;
}

void *move_alloc(struct mover *m, size_t bytes)
{
    bytes = (bytes + 15) & ~(size_t)15;
    if ((size_t)(m->arena_end - m->arena) < bytes && !more_arena(m, bytes)) {
        return nullptr;
    }
    void *p = m->arena;
    m->arena += bytes;
    return p;
}

static bool is_there(const void *m, uintptr_t address, size_t bytes)
{
    return view_has((struct mover *)(uintptr_t)m, address, bytes); // which only remembers where it looked
}

// For tests: what a transaction began with is what its rollback has left.
static void check_undone(struct mover *m, const struct undo_log *log)
{
    const struct shadow *their = address_old(m, &shadow);
    struct shadow_difference d;
    bool known = their && their->at != 0 && their->transaction == log->transaction && log->opened == log->transaction;
    if (known && shadow_differs(their, is_there, m, &d)) {
        uint64_t offset;
        const char *where = address_describe(m, d.address, &offset);
        move_fail(m, MOVE_UNDONE, "%s+%llu has %#llx, not %#llx", where, (unsigned long long)offset, (unsigned long long)d.is,
                  (unsigned long long)d.was);
    }
}

static void undo_unfinished(struct mover *m)
{
    struct undo_log *log = address_old(m, &undo_log);
    if (!log || log->cursor < log->base || log->base < log->start || log->cursor > log->end ||
        undo_rollback_of(log, is_there, m) != UNDO_DONE) {
        move_fail(m, MOVE_LOG, "%s", log && log->overflowed ? "overflowed" : "damaged");
    } else if (m->check) {
        check_undone(m, log);
    }
}

static bool is_mapped(const struct mover *m, const struct rt_mapping *old)
{
    for (uint32_t i = 0; i < m->mapping_count; i++) {
        if (m->mappings[i].from == (uint64_t)old->address && m->mappings[i].bytes == old->bytes) {
            return true;
        }
    }
    return false;
}

static void map_one(struct mover *m, const struct rt_mapping *old)
{
    uint64_t to = 0;
    bool room = m->mapping_count < sizeof(m->mappings) / sizeof(m->mappings[0]);
    enum status status =
        room ? sys_mem_map_from(m->predecessor, (uint64_t)old->address, &to, old->prot) : ERR_QUOTA;
    if (m->live && status == ERR_NOT_FOUND) {
        return; // it has just gone
    }
    if (status != OK || (old->kind == RT_SHARED && !undo_skip_add(to, to + old->bytes))) {
        move_fail(m, MOVE_MAPPING, "%p: %s", old->address, rt_status_text(status));
    } else {
        m->mappings[m->mapping_count++] = (struct region){(uint64_t)old->address, to, old->bytes, 0};
    }
}

static bool is_registered(const struct rt_mapping *old, const struct region *r)
{
    for (int i = 0; i < RT_MAPS; i++) {
        if ((uint64_t)old[i].address == r->from && old[i].bytes == r->bytes) {
            return true;
        }
    }
    return false;
}

// Those that were there in a pass ahead, and are not any more. Not before the last pass: a rollback
// may bring one back, and objects that did not change since would lead to where it was here.
static void drop_mappings(struct mover *m, const struct rt_mapping *old)
{
    for (uint32_t i = m->mapping_count; i-- > 0;) {
        struct region r = m->mappings[i];
        if (!is_registered(old, &r)) {
            (void)sys_mem_unmap(HANDLE_NONE, r.to, r.bytes);
            undo_skip_remove(r.to);
            m->mappings[i] = m->mappings[--m->mapping_count];
        }
    }
}

// Registered mappings: here they are made anew, wherever the kernel likes. In passes ahead, too:
// what leads into them and does not change any more is copied only then.
static void map_again(struct mover *m)
{
    const struct rt_mapping *old = address_old(m, rt_mappings);
    for (int i = 0; old && m->error == MOVE_OK && i < RT_MAPS; i++) {
        if (old[i].address && old[i].bytes && !is_mapped(m, &old[i])) {
            map_one(m, &old[i]);
        }
    }
    if (old && !m->live) {
        drop_mappings(m, old);
    }
}

// What the predecessor had answered and may not have sent, see struct answer_note.
static void keep_answer(struct mover *m)
{
    const struct undo_log *log = address_old(m, &undo_log);
    bool committed = answer_last.call != 0 && answer_last.transaction < log->transaction;
    for (int i = 0; committed && i < ANSWERS_GIVEN; i++) {
        if (answers_given[i].call == 0 || i == ANSWERS_GIVEN - 1) {
            answers_given[i] = answer_last;
            break;
        }
    }
    answer_last = (struct answer_note){0};
}

// From the mark on, records tell what changes; so it comes before anything of it is looked at, the places of its
// slabs among them.
static struct undo_mark look_around(struct mover *m)
{
    bool first = m->views == 0;
    struct undo_mark mark = {0};
    if (first) {
        view_open(m); // the log can be seen now
    }
    if (m->error == MOVE_OK) {
        mark = undo_mark_of(address_old(m, &undo_log));
    }
    if (m->error == MOVE_OK && (m->live || !first)) {
        view_open(m);
    }
    return mark;
}

// Whether a transaction that gave up mappings can be undone, or was, while a pass looked at them.
struct signs {
    struct tx_closed closed;
    uint64_t rollbacks;
};

static struct signs signs_now(const struct mover *m)
{
    if (m->error != MOVE_OK || !m->live) {
        return (struct signs){0};
    }
    const struct undo_log *log = address_old(m, &undo_log);
    return (struct signs){tx_closed(address_old(m, tx_of_mine())), *(const volatile uint64_t *)&log->rollbacks};
}

static bool is_unsure(const struct signs *before, const struct signs *after)
{
    bool undone = before->rollbacks != after->rollbacks && before->closed.ever != after->closed.ever;
    return undone || before->closed.now != 0 || after->closed.now != 0;
}

static void copy(struct mover *m)
{
    if (m->copied) {
        objects_update(m);
        objects_drain(m);
    }
    if (m->error == MOVE_OK && m->updating) {
        update_globals(m);
    } else if (m->error == MOVE_OK) {
        globals_move(m);
    }
    objects_drain(m);
    m->copied = m->error == MOVE_OK;
}

// One pass over everything, or over what has changed since the pass before. A pass ahead that comes at a bad moment does
// nothing; the next one looks at what has changed since the last that did.
static void pass(struct mover *m)
{
    struct signs before = m->copied ? signs_now(m) : (struct signs){0};
    struct undo_mark now = look_around(m);
    if (m->error == MOVE_OK && !m->live) {
        undo_unfinished(m);
    }
    before = m->copied ? before : signs_now(m); // the first time it can only be seen now
    if (m->error == MOVE_OK) {
        map_again(m);
    }
    // Before anything is looked at: what is found to be doubtful from here on is so in this pass, too.
    m->whole = m->next_whole;
    m->next_whole = false;
    if (m->error == MOVE_OK && objects_open(m)) {
        copy(m);
        m->mark = now;
        struct signs after = signs_now(m);
        m->next_whole = m->next_whole || is_unsure(&before, &after);
    } else {
        m->next_whole = m->whole;
    }
}

const struct mover *move_of(const struct mover *m)
{
    return address_old(m, &mover);
}

static void take_over(struct mover *m)
{
    bool ahead = m->copied;
    pass(m);
    if (ahead && m->check && m->error == MOVE_OK) {
        verify_copies(m);
    }
    objects_rest(m);
    if (m->error == MOVE_OK) {
        keep_answer(m);
        heap_placed(m->report->objects, m->report->bytes);
        handles_sweep(m);
    }
}

struct mover *mover_for(enum mover_mode mode, struct move_report *report)
{
    while (move_clean_up()) { // of an earlier move
    }
    mover = (struct mover){.mode = mode, .report = report, .scan_step = rt_scan_step};
    *report = (struct move_report){0};
    return &mover;
}

static struct mover *begin(const struct startup *startup, handle_t predecessor, bool live)
{
    struct mover *m = &mover;
    m->startup = startup;
    m->predecessor = predecessor;
    m->report = &own_report;
    m->report->pointers = m->report->leaks = m->report->wild = 0;
    m->scan_step = rt_scan_step;
    m->check = (startup->flags & STARTUP_CHECK) != 0;
    m->live = live;
    if (!m->copied) {
        m->random = rt_random64();
        if (startup->old_module != 0) {
            update_open(m);
        } else {
            address_open(m, (const void *)startup->module,
                         (const struct layout_record *)startup->layout,
                         (const struct layout_record *)startup->old_layout);
        }
    }
    return m;
}

enum move_error move_ahead(const struct startup *startup, handle_t predecessor,
                           struct move_report *report)
{
    if (startup->old_module != 0) { // what is converted is converted once
        *report = (struct move_report){0};
        return MOVE_OK;
    }
    struct mover *m = begin(startup, predecessor, true);
    if (m->error == MOVE_OK) {
        pass(m);
    }
    *report = *m->report;
    return m->error;
}

enum move_error move_state(const struct startup *startup, handle_t predecessor,
                           struct move_report *report)
{
    struct mover *m = begin(startup, predecessor, false);
    if (m->error == MOVE_OK) {
        take_over(m);
    }
    *report = *m->report;
    return m->error; // if not OK the task ends, and all of this with it
}

bool move_clean_up(void)
{
    struct mover *m = &mover;
    if (view_close_one(m)) {
        return true;
    }
    if (m->arenas == 0) {
        return false;
    }
    m->arenas--;
    (void)sys_mem_unmap(HANDLE_NONE, m->arena_region[m->arenas].from,
                        m->arena_region[m->arenas].bytes);
    return true;
}
