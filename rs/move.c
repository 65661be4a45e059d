// SPDX-License-Identifier: MIT
// Planned moves: a service that is well gets another layout.
//
// The newborn is linked before anything is stopped. Then the old one is killed wherever it is; what
// it was just doing is undone by its heir, and done again. From there on it is as after a death,
// but for the counting.
#include "rs/events.h"

enum : uint64_t {
    LINK_LOOK_NS = 1000000,     // between looks whether the newborn is linked, if it does not say so
    PATIENCE_NS = 10000000000,  // for that
};

static void on_look(void *arg);

static void come_to_nothing(struct service *s, const char *why)
{
    s->move = (struct planned_move){.count = s->move.count, .pause_ns = s->move.pause_ns};
    rt_timer_cancel(&s->link_timer);
    struct rs_event *e = event_add(RS_MOVE_GAVE_UP, s);
    copy_name(e->text, sizeof(e->text), why);
    if (s->next_module != nullptr) {
        s->next_module = nullptr;
        spare_drop(s);
        modules_sweep();
    }
    move_schedule(s);
}

// A move makes another one. Of an update, it shows that the module cannot be linked.
void move_spare_died(struct service *s, const char *why)
{
    if (s->next_module != nullptr) {
        come_to_nothing(s, why);
    }
}

// Of one that stands still. A message may still come to it, but it does not begin with it.
static bool is_between_requests(const struct service *s)
{
    struct task_info info;
    return sys_task_info(s->living->task, &info) == OK && info.wait_kind == WAIT_RECV &&
           s->status->request_since == 0;
}

static void replace(struct service *s)
{
    watch_note_recovery(s);
    s->move.stopped_ns = rt_now_ns();
    body_condemn(s->living);
    bool between = is_between_requests(s);
    watch_end(s);
    s->plan = (struct birth_plan){
        .cause = s->move.cause, .rung = POLICY_STATE, .between_requests = between};
    s->move.wanted = false;
    s->move.under_way = true;
    rt_timer_cancel(&s->link_timer);
    checkpoint_cancel(s);
    service_lay_out(s, 0);
    update_switch(s);
    service_birth(s);
    corpses_settle_later();
}

// To copy what is soon copied, and then to look for what has changed, takes longer than to copy it
// once while the service stands still.
static bool has_little(const struct service *s)
{
    enum : uint64_t { LITTLE_BYTES = 64 << 10, LITTLE_OBJECTS = 1000 };
    return s->status->heap_bytes < LITTLE_BYTES && s->status->heap_objects < LITTLE_OBJECTS;
}

static bool is_ahead(struct service *s)
{
    return has_little(s) || spare_is_ahead(s, s->move.since_ns) || !spare_go_ahead(s);
}

static void look_again(struct service *s)
{
    rt_timer(&s->link_timer, rt_now_ns() + LINK_LOOK_NS, on_look, s);
}

static void on_look(void *arg)
{
    struct service *s = arg;
    if (!s->move.wanted) {
        return;
    }
    bool about_to_die = s->asked != 0; // by an order, which a move would make void
    if (rt_now_ns() - s->move.since_ns > PATIENCE_NS) {
        come_to_nothing(s, "no newborn was linked in time");
    } else if (s->state == RS_READY && s->spare == nullptr && !spare_make(s)) {
        come_to_nothing(s, "no newborn could be made");
    } else if (s->state == RS_READY && !about_to_die && s->holder == nullptr && spare_is_linked(s) &&
               is_ahead(s)) {
        replace(s);
    } else {
        spare_hurry(s);
        look_again(s);
    }
}

// A bit does not tell whose newborn it was.
void move_news(void)
{
    for (uint32_t i = 0; i < service_count; i++) {
        struct service *s = &services[i];
        if (s->move.wanted && spare_is_linked(s)) {
            on_look(s);
        }
    }
}

enum status move_begin(struct service *s, enum birth_cause cause)
{
    if (!s->module->moves || (s->state == RS_READY && !service_says(s, s->status->movable))) {
        return ERR_UNSUPPORTED; // the latter: a program with a loop of its own
    }
    if (s->state != RS_READY || s->move.wanted || s->move.under_way || s->trial.old != nullptr) {
        return ERR_STATE;
    }
    s->move.wanted = true;
    s->move.cause = cause;
    s->move.since_ns = rt_now_ns();
    s->spare_failures = 0;
    on_look(s);
    return OK;
}

// ---- How it went ----

void move_note_done(struct service *s, uint64_t now)
{
    const struct status_page *p = s->status;
    s->move.under_way = false;
    s->move.failed_once = false;
    s->move.count++;
    s->move.pause_ns = now - s->move.stopped_ns;
    struct rs_event *e = event_add(RS_MOVED, s);
    e->value = s->move.pause_ns;
    e->birth = s->plan.cause;
    e->rung = s->plan.rung;
    event_tell_move(e, p);
    __builtin_memcpy(e->seed, s->living->seed, sizeof(e->seed));
}

// Its predecessor's state is as good as it was, so that the first failure is held against nobody.
bool move_failed_first(struct service *s)
{
    bool first = s->move.under_way && !s->move.failed_once;
    s->move.under_way = s->move.under_way && first;
    s->move.failed_once = first;
    return first;
}

// ---- When ----

static void on_period(void *arg)
{
    struct service *s = arg;
    if (move_begin(s, BIRTH_MOVED) != OK) {
        move_schedule(s);
    }
}

// The phase is random, and drawn where nobody can compute it: who could foretell the next move
// could use the layout until then.
void move_schedule(struct service *s)
{
    const struct manifest_care *care = &s->entry->care;
    uint64_t draw = 0;
    if (care->move_ms == 0 || !s->module->moves) {
        return;
    }
    if (care->move_jitter_ms != 0 && sys_random(&draw, sizeof(draw)) == OK) {
        draw %= care->move_jitter_ms + 1ull;
    } else {
        draw = 0;
    }
    rt_timer(&s->move_timer, rt_now_ns() + (care->move_ms + draw) * 1000000, on_period, s);
}

void move_after_work(struct service *s)
{
    uint64_t enough = s->entry->care.move_every_requests;
    if (enough != 0 && s->status->work - s->born_work >= enough) {
        (void)move_begin(s, BIRTH_MOVED);
    }
}

void move_cancel(struct service *s)
{
    rt_timer_cancel(&s->move_timer);
    if (s->move.wanted) {
        come_to_nothing(s, "it died before");
    }
    rt_timer_cancel(&s->move_timer);
}
