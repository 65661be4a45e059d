// SPDX-License-Identifier: MIT
// Spares: newborns that are linked ahead of time, so that a rebirth pays only for moving the state.
//
// A spare links itself at the lowest priority, touches nothing that is shared with the living, and
// stops its own thread. It belongs to the service's account, whose limit is raised for it.
//
// While there is time it also copies the living one's state ahead, and brings the copy up to date
// now and then: then the move itself has only to look after what has changed since.
#include "rs/events.h"
#include <stdio.h>

enum {
    SPARE_PRIORITY = 1, // above nothing but the idle loop
    STALE_WORK = 500,   // requests after which a copy is brought up to date
    AHEAD_FAILURES = 3,
};
enum : uint64_t {
    SLACK = 512 << 10, // page tables, handle table, tables of the linker
    CALM_NS = 20000000, // after a rebirth, others have waited and shall have the processor first
};

// Image and staging area at once, the zeroed data, the undo log (from the start, because memory is paid when it is promised),
// the stack that the heir will use.
uint64_t spare_bytes(const struct service *s)
{
    const struct module_file *m = s->spare->module;
    uint64_t bytes = 2 * m->size + m->zeroed + s->entry->undo + s->entry->stack + SLACK;
    return (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

// The copy of the state, its tables, the page tables of a view of all that the living one has.
uint64_t spare_copy_bytes(const struct service *s)
{
    uint64_t bytes = 2 * s->status->heap_bytes + s->status->heap_objects * 128 + (2 << 20);
    return (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

// Stopped by itself, and with no handles that it should not have.
bool spare_is_linked(const struct service *s)
{
    struct task_info info;
    return s->spare != nullptr && sys_task_info(s->spare->task, &info) == OK &&
           info.state == TASK_RUNNING && info.wait_kind == WAIT_STOPPED &&
           info.handles <= s->spare->handles;
}

bool spare_has_copied(const struct service *s)
{
    return spare_is_linked(s) && s->living != nullptr && s->spare->ahead_of == s->living->serial;
}

void spare_drop(struct service *s)
{
    body_leave(s, &s->spare);
    (void)account_fit(s);
}

static void begin(void *arg)
{
    const struct service *s = arg;
    if (s->spare != nullptr) {
        (void)sys_thread_start(s->spare->thread); // ERR_STATE: it runs already
    }
}

bool spare_make(struct service *s)
{
    struct failure why;
    struct body *b = nullptr;
    if (s->spare_failures < SPARE_FAILURES) {
        b = body_make(s, s->next_module ? s->next_module : s->module, SPARE_PRIORITY, &why);
    }
    if (b == nullptr) {
        s->spare_failures++;
        return false;
    }
    b->startup->incarnation = s->incarnation + 1;
    b->startup->cause = BIRTH_CRASH;
    b->startup->flags = STARTUP_SPARE;
    s->spare = b;
    // All bodies draw on one account: what there is no room for, the living one would have to do without.
    if (!account_fit(s)) {
        if (s->spare_failures++ == 0) {
            log_warn("%s: no memory for a spare", s->name);
        }
        spare_drop(s);
        return false;
    }
    at_commit(begin, s);
    return true;
}

// ---- Copying ahead ----

static void look_at_the_living(void *arg)
{
    const struct service *s = arg;
    if (s->spare != nullptr && s->spare->ahead_of != 0) {
        (void)sys_thread_start(s->spare->thread); // ERR_STATE: it runs already
    }
}

bool spare_is_ahead(const struct service *s, uint64_t since_ns)
{
    return s->spare->ahead_of == s->living->serial && s->spare->ahead_ns >= since_ns;
}

// Takes room on the account for the copy; from here on it counts.
static bool copy_fits(struct service *s)
{
    s->spare->ahead_of = s->living->serial;
    return account_fit(s);
}

bool spare_go_ahead(struct service *s)
{
    struct body *b = s->spare;
    struct failure why;
    if (b->module != s->living->module || s->ahead_failures >= AHEAD_FAILURES ||
        (b->ahead_of != 0 && b->ahead_of != s->living->serial)) {
        return false;
    }
    if (b->ahead_of == 0) {
        if (!copy_fits(s) || estate_open(s, s->living, b, &why) != OK) {
            b->ahead_of = 0;
            s->ahead_failures++;
            (void)account_fit(s);
            return false;
        }
        b->handles++;
        b->startup->flags = STARTUP_SPARE | STARTUP_AHEAD;
    }
    b->ahead_work = s->status->work;
    b->ahead_ns = rt_now_ns();
    (void)account_fit(s);
    at_commit(look_at_the_living, s);
    return true;
}

static bool is_stale(const struct service *s)
{
    const struct body *b = s->spare;
    return b->ahead_of == 0 || s->status->work - b->ahead_work > STALE_WORK;
}

void spare_hurry(struct service *s)
{
    const struct manifest_service *e = s->entry;
    if (s->spare != nullptr) {
        (void)sys_thread_set_sched(s->spare->thread, e->priority, e->budget_us, e->period_us);
    }
}

// On a small machine the spares of the first would take the room of the last. One that waits for what
// never comes must not keep the others from having any.
static bool first_births_are_due(void)
{
    enum : uint64_t { PATIENCE_NS = 10000000000 };
    for (uint32_t i = 0; i < service_count; i++) {
        if (services[i].state == RS_WAITING && services[i].prepared) {
            return rt_now_ns() < PATIENCE_NS;
        }
    }
    return false;
}

void spare_tend(struct service *s, bool idle)
{
    bool wanted = s->entry->flags & MANIFEST_SPARE && s->module->moves && service_says(s, s->status->movable);
    bool calm = s->state == RS_READY && s->corpse == nullptr && s->holder == nullptr &&
                rt_now_ns() - s->ready_ns > CALM_NS;
    bool room = s->spare == nullptr && !first_births_are_due();
    if (wanted && calm && idle && room && s->spare_failures < SPARE_FAILURES) {
        (void)spare_make(s);
    } else if (wanted && calm && s->spare != nullptr && spare_is_linked(s) && is_stale(s)) {
        (void)spare_go_ahead(s);
    }
}

// A module that cannot be linked today cannot be tomorrow; lack of memory may pass.
void spare_died(struct service *s, const struct death_facts *facts)
{
    char text[RS_TEXT_BYTES];
    if (s->spare->ahead_of != 0) {
        s->ahead_failures++; // linking works: the next one only links
    } else {
        s->spare_failures++;
    }
    describe_end(text, sizeof(text), facts);
    log_warn("%s: its spare died: %s", s->name, text);
    spare_drop(s);
    move_spare_died(s, text);
}
