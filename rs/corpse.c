// SPDX-License-Identifier: MIT
// The second half of a death: reading the stack, finding names, telling the watchers, closing the
// task. None of it is needed for the rebirth, so it waits until the newborn has had time to begin.
#include "interfaces/trace.h"
#include "rs/events.h"
#include "rs/record.h"
#include <stdio.h>
#include <string.h>

// Longer than most rebirths take. Watchers hear of a death so much later.
enum : uint64_t { SETTLE_NS = 8000000 };

static struct rt_timer settle_timer;

// ---- The stack ----

struct walk {
    const struct service *s;
    const struct body *b;
    struct rs_death *d;
};

static bool find(const struct walk *w, uint64_t address, struct symbol_place *place)
{
    return symbolise(&w->b->module->elf, w->b->layout, w->s->layout_bytes, address, place);
}

// `back` is 1 for return addresses: the byte before belongs to the call, also when that was the
// last instruction of a function. false: there is no code.
static bool add_frame(struct walk *w, uint64_t address, uint64_t back)
{
    struct rs_frame *f = &w->d->frames[w->d->frame_count++];
    struct symbol_place place;
    f->address = address;
    if (!find(w, address - back, &place)) {
        return false;
    }
    f->offset = (uint32_t)(place.offset + back);
    copy_name(f->function, sizeof(f->function), place.name);
    return (w->b->module->elf.sections[place.section].flags & SHF_EXEC) != 0;
}

static bool read_words(const struct walk *w, uint64_t address, uint64_t *to, size_t words)
{
    return address % 8 == 0 && address >= USER_MIN && address < USER_MAX &&
           sys_task_read(w->b->task, address, to, words * 8) == OK;
}

// After a jump to where no code is, the instruction pointer names nothing, or a datum; but the call
// has pushed where it came from.
static void add_caller(struct walk *w, uint64_t sp)
{
    uint64_t back;
    struct symbol_place place;
    if (read_words(w, sp, &back, 1) && find(w, back - 1, &place)) {
        add_frame(w, back, 1);
    }
}

// Frame pointers: each frame holds the one above it and the return address. They must grow, so that
// a damaged stack cannot make this go in circles.
static void walk_stack(struct walk *w)
{
    uint64_t rip = w->d->registers[16], rsp = w->d->registers[7], rbp = w->d->registers[6];
    if (rip == 0) {
        return;
    }
    if (!add_frame(w, rip, 0)) {
        add_caller(w, rsp);
    }
    uint64_t frame[2];
    while (w->d->frame_count < RS_FRAMES && read_words(w, rbp, frame, 2) && frame[1] != 0) {
        add_frame(w, frame[1], 1);
        if (frame[0] <= rbp) {
            break;
        }
        rbp = frame[0];
    }
}

// ---- The place ----

// Functions of the runtime in which a service dies on purpose: the place of interest is their
// caller.
static bool is_last_words(const char *function)
{
    return strncmp(function, "rt_die", 6) == 0 || strncmp(function, "rt_assert", 9) == 0 ||
           strcmp(function, "last_words") == 0;
}

static void name_place(struct service *s, const struct rs_death *d)
{
    uint32_t i = 0;
    while (i + 1 < d->frame_count &&
           (d->frames[i].function[0] == '\0' || is_last_words(d->frames[i].function))) {
        i++;
    }
    const struct rs_frame *f = &d->frames[i];
    if (d->frame_count == 0) {
        s->place[0] = '\0';
    } else if (f->function[0] != '\0') {
        snprintf(s->place, sizeof(s->place), "%s+%#x", f->function, f->offset);
    } else {
        snprintf(s->place, sizeof(s->place), "%#llx", (unsigned long long)f->address);
    }
}

static void complete_event(struct service *s, const struct rs_death *d)
{
    struct rs_event *e = event_find(s->corpse->event);
    if (e == nullptr) {
        return;
    }
    event_changed(e);
    copy_name(e->text, sizeof(e->text), d->text);
    memcpy(e->place, s->place, sizeof(e->place));
    if (d->request_since != 0) {
        trace_label(e->request, sizeof(e->request), d->request_label);
    }
}

static void log_death(const struct service *s, const struct rs_death *d)
{
    log_warn("%s[%u] died: %s%s: %s at %s; %s", s->name, d->incarnation, cause_text(d->cause),
             d->asked ? " (by command)" : "", d->text, s->place[0] ? s->place : "?",
             d->decision == POLICY_GIVE_UP ? "given up"
             : d->decision == POLICY_REBIRTH_LATER ? "rebirth later" : "reborn");
}

void corpse_describe(struct service *s)
{
    struct body *b = s->corpse;
    if (b == nullptr || b->described) {
        return;
    }
    b->described = true;
    struct rs_death *d = record_find(b->record);
    if (d == nullptr) {
        return; // so many deaths since that the ring has dropped it
    }
    record_changed(d);
    walk_stack(&(struct walk){s, b, d});
    name_place(s, d);
    complete_event(s, d);
    log_death(s, d);
}

bool corpses_pending(void)
{
    for (uint32_t i = 0; i < service_count; i++) {
        if (services[i].corpse != nullptr && !services[i].corpse->described) {
            return true;
        }
    }
    return false;
}

// The corpse is needed until its handles have been inherited, the holder until its state has been
// taken over; and both at the latest until the newborn is ready without them.
void corpses_let_go(struct service *s)
{
    if (!service_lives(s)) {
        return;
    }
    bool ready = service_says(s, s->status->ready);
    if (s->corpse != nullptr && s->corpse->described && (s->corpse->passed_on || ready)) {
        body_leave(s, &s->corpse);
    }
    if (s->holder != nullptr && (s->heir ? service_says(s, s->status->moved) : ready) &&
        !update_needs_holder(s)) {
        body_leave(s, &s->holder);
    }
    (void)account_fit(s);
}

void corpses_settle(void)
{
    rt_timer_cancel(&settle_timer);
    for (uint32_t i = 0; i < service_count; i++) {
        corpse_describe(&services[i]);
        corpses_let_go(&services[i]);
    }
    events_wake();
}

static void settle(void *)
{
    corpses_settle();
}

void corpses_settle_later(void)
{
    if (!settle_timer.armed) {
        rt_timer(&settle_timer, rt_now_ns() + SETTLE_NS, settle, nullptr);
    }
}
