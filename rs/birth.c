// SPDX-License-Identifier: MIT
// Birth: the next incarnation of a service, from its spare or from nothing; with its predecessor's
// state, with nothing but its handles, or afresh.
//
// Everything that can fail happens before the two steps that cannot be taken back: the dead one's
// handles are inherited, and the newborn starts. Until then the corpse keeps what its heir shall
// have, and a half-made newborn is simply ended.
#include "rs/events.h"
#include "rs/record.h"
#include <string.h>

// At commit only: others see the page, so a rollback would not bring back what it says of the dead
// one, such as whether that has state to take over. Nothing has happened yet if it runs again.
static void clear_status(void *arg)
{
    struct service *s = arg;
    struct status_page *p = s->status;
    p->ready = 0;
    p->first_work_ns = 0;
    p->request_since = 0;
    p->waiting_since = 0;
    p->assert_line = 0;
    p->moved = 0;
    p->movable = 0;
    p->move_ns = p->move_bytes = p->move_objects = p->move_pointers = p->move_leaks = 0;
    p->move_tried = p->move_found = p->move_doubtful = 0;
    p->move_error = 0;
    p->letter.call = 0;
    s->page_is_old = false;
}

// ---- The predecessor's estate ----

static enum status show(const struct body *to, handle_t memory, uint64_t offset, uint64_t bytes,
                        uint64_t *address)
{
    uint64_t whole = (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    *address = 0;
    return sys_mem_map(to->task, memory, address, offset, whole, PROT_READ);
}

// The heir reads its predecessor's memory through the handle, and finds its way there with the
// layout record and, after an update, the other module.
enum status estate_open(const struct service *s, const struct body *holder, struct body *heir,
                        struct failure *why)
{
    struct startup *at = heir->startup;
    handle_t there;
    why->step = "hand over the predecessor";
    enum status status = sys_handle_install(heir->task, H_PREDECESSOR, holder->task,
                                            RIGHT_READ | RIGHT_WRITE, 0, &there);
    if (status == OK) {
        why->step = "show the old layout";
        at->old_layout_bytes = s->layout_bytes;
        status = show(heir, s->pages_to_read, holder->layout_offset, s->layout_bytes,
                      &at->old_layout);
    }
    if (status == OK && holder->module != heir->module) {
        why->step = "show the old module";
        at->old_module_bytes = holder->module->size;
        status = show(heir, holder->module->memory, 0, holder->module->size, &at->old_module);
    }
    return status;
}

// A changed environment moves what the service may depend on by mistake.
static void change_environment(struct startup *at, bool change)
{
    at->heap_pad = change ? 64 : 0;
    at->heap_zero = change;
    at->heap_delay = change ? 64 : 0;
}

static void fill_startup(const struct service *s, const struct body *b)
{
    struct startup *at = b->startup;
    bool planned = s->plan.cause == BIRTH_MOVED || s->plan.cause == BIRTH_UPDATED;
    at->incarnation = s->incarnation;
    at->cause = s->plan.cause;
    at->flags = s->heir ? STARTUP_HEIR : s->plan.rung == POLICY_CHECKPOINT ? STARTUP_RESTORE : 0;
    at->flags |= s->heir && !(planned && s->plan.between_requests) ? STARTUP_AFTER_CRASH : 0;
    at->flags |= s->entry->flags & MANIFEST_CHECK ? STARTUP_CHECK : 0;
    at->poison_call = s->poison_call;
    change_environment(at, s->plan.rung == POLICY_CHANGED);
}

// ---- From a spare, or from nothing ----

static struct body *take_spare(struct service *s)
{
    struct body *b = s->spare;
    const struct manifest_service *e = s->entry;
    struct failure why;
    // One that has copied ahead knows its predecessor already, and can follow no other.
    bool usable = spare_is_linked(s) && b->module == s->module && s->heir &&
                  (b->ahead_of == 0 ? estate_open(s, s->holder, b, &why) == OK
                                    : b->ahead_of == s->holder->serial &&
                                          s->plan.rung != POLICY_CHANGED) &&
                  sys_thread_set_sched(b->thread, e->priority, e->budget_us, e->period_us) == OK;
    if (!usable) {
        body_leave(s, &s->spare);
        return nullptr;
    }
    s->spare = nullptr;
    return b;
}

static struct body *from_nothing(struct service *s, struct failure *why)
{
    struct body *b = body_make(s, s->module, s->entry->priority, why);
    if (b == nullptr) {
        return nullptr;
    }
    why->status = OK;
    if (s->heir) {
        why->status = estate_open(s, s->holder, b, why);
    } else if (s->plan.rung == POLICY_CHECKPOINT) {
        why->status = checkpoint_give(s, b, why);
    }
    if (why->status != OK) {
        body_end(b);
        return nullptr;
    }
    return b;
}

// ---- Beginning ----

static void begin_life(struct service *s, struct body *b)
{
    s->living = b;
    s->state = RS_BORN;
    s->asked = 0;
    s->ready_ns = 0;
    s->spare_failures = 0;
    s->watch = (struct policy_watch){.beats = s->status->beats, .work = s->status->work};
}

static bool refused(struct failure *why, enum status status, const char *step)
{
    *why = (struct failure){status, step};
    return status != OK;
}

static enum status start_once(handle_t thread)
{
    enum status status = sys_thread_start(thread);
    return status == ERR_STATE ? OK : status; // it runs already
}

static void add_birth_event(const struct service *s)
{
    struct rs_event *e = event_add(RS_BIRTH, s);
    e->birth = s->plan.cause;
    memcpy(e->seed, s->living->seed, sizeof(e->seed));
}

// May be run again after a death in the middle.
static void release(void *arg)
{
    struct service *s = arg;
    struct failure why;
    struct body *corpse = s->corpse;
    if (corpse != nullptr && !corpse->passed_on) {
        if (refused(&why, sys_task_inherit(s->living->task, corpse->task), "inherit")) {
            service_stillborn(s, &why);
            return;
        }
        corpse->passed_on = true;
    }
    if (refused(&why, start_once(s->living->thread), "start")) {
        service_stillborn(s, &why);
        return;
    }
    s->born_ns = rt_now_ns();
    struct rs_death *before = record_find(s->last_record);
    if (before != nullptr && before->newborn_ns == 0) {
        before->newborn_ns = s->born_ns;
        before->from_spare = s->from_spare;
    }
    if (!s->move.under_way) { // that one's event comes when it is done
        add_birth_event(s);
    }
    watch_begin(s);
}

void service_birth(struct service *s)
{
    struct failure why;
    s->incarnation++;
    s->heir = service_has_state(s) && s->plan.rung <= POLICY_POISON;
    s->page_is_old = true;
    s->born_ns = s->beat_ns = rt_now_ns();
    // Whoever is only moved goes on with the life that it had: what was done in it speaks for its state.
    s->work_before = s->plan.cause == BIRTH_MOVED ? s->work_before + s->status->work - s->born_work : 0;
    s->born_work = s->status->work;
    (void)account_fit(s);
    struct body *b = s->spare ? take_spare(s) : nullptr;
    s->from_spare = b != nullptr;
    b = b ? b : from_nothing(s, &why);
    if (b == nullptr) {
        service_stillborn(s, &why);
        return;
    }
    fill_startup(s, b);
    begin_life(s, b);
    at_commit(clear_status, s);
    at_commit(release, s);
}

static void start_waiting(uint32_t flags)
{
    for (uint32_t i = 0; i < service_count; i++) {
        struct service *s = &services[i];
        if (s->state == RS_WAITING && (s->entry->flags & MANIFEST_LATE) == flags &&
            policy_may_start(s->entry->needs, ready_mask)) {
            s->plan = (struct birth_plan){.cause = BIRTH_FIRST, .rung = POLICY_AFRESH};
            service_birth(s);
        }
    }
}

void services_start(void)
{
    start_waiting(0);
}

// Who is ready goes on with what it was started for, and shall have the processor for that first.
// Nobody is waited for who does not come in a long time.
static bool is_starting(const struct service *s, uint64_t now)
{
    enum : uint64_t { CALM_NS = 20000000, PATIENCE_NS = 10000000000 };
    bool first = (s->state == RS_WAITING && s->prepared) || (s->state == RS_BORN && s->incarnation == 1);
    return first ? now < PATIENCE_NS : s->state == RS_READY && now - s->ready_ns < CALM_NS;
}

void services_start_late(void)
{
    uint64_t now = rt_now_ns();
    bool some = false;
    for (uint32_t i = 0; i < service_count; i++) {
        const struct service *s = &services[i];
        if (!(s->entry->flags & MANIFEST_LATE)) {
            if (is_starting(s, now)) {
                return;
            }
        } else if (s->state == RS_WAITING) {
            some = true;
        }
    }
    if (some) {
        start_waiting(MANIFEST_LATE);
    }
}
