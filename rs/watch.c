// SPDX-License-Identifier: MIT
// Watching the living: pings, progress, readiness, healing; and those who want to know of rebirths.
// Everything is read from the status page and the kernel; no message is ever sent to a service.
#include "rs/events.h"
#include "rs/letters.h"
#include "rs/record.h"
#include <stdio.h>
#include <string.h>

enum : uint64_t {
    LOOK_NS = 100000000, // at services that are not pinged
    DRAIN_NS = 50000000, // at the ports of the given-up
};
enum { DRAIN_MAX = 64 }; // callers answered in one go, so that nobody can keep the supervisor busy

static uint64_t look_period(const struct service *s)
{
    return s->rules.heartbeat_ns ? s->rules.heartbeat_ns : LOOK_NS;
}

static bool any_dependency_down(const struct service *s)
{
    for (uint32_t i = 0; i < service_count; i++) {
        const struct service *other = &services[i];
        if ((s->calls & 1ull << i) && other != s &&
            (other->state != RS_READY || other->ready_ns >= s->looked_ns)) {
            return true;
        }
    }
    return false;
}

static struct policy_sight look(struct service *s, uint64_t now)
{
    const struct status_page *p = s->status;
    struct task_info info = {0};
    struct port_info port = {0};
    (void)sys_task_info(s->living->task, &info); // ours: cannot fail; zeros would only look idle
    (void)sys_port_info(s->port, &port);
    struct policy_sight sight = {
        .now_ns = now,
        .born_ns = s->born_ns,
        .heir = s->heir,
        .cpu_ns = info.cpu_ns - s->born_cpu_ns,
        .ready = s->ready_ns != 0,
        .gone = info.state == TASK_DEAD || info.threads == 0,
        .suspended = s->state == RS_HELD, // who suspends itself is no better than silent
        .stopped = info.wait_kind == WAIT_STOPPED,
        .starved = info.state == TASK_RUNNING && info.wait_kind == WAIT_NONE &&
                   info.cpu_ns == s->looked_cpu_ns,
        .computing = info.wait_kind == WAIT_NONE && info.cpu_ns != s->looked_cpu_ns,
        .calling = info.wait_kind == WAIT_CALL || info.wait_kind == WAIT_REPLY,
        .dependency_down = any_dependency_down(s),
        .beats = p->beats,
        .work = p->work,
        .queue = port.waiting,
        .request_since = p->request_since,
    };
    s->looked_cpu_ns = info.cpu_ns;
    s->looked_ns = now;
    return sight;
}

// ---- Readiness and recovery ----

static uint64_t first_redelivery(const struct status_page *p, uint64_t after)
{
    uint64_t first = 0;
    for (uint32_t i = 0; i < STATUS_MESSAGES; i++) {
        const struct message_trace *m = &p->messages[i];
        if (m->delivery != 0 && m->time_ns >= after && (first == 0 || m->time_ns < first)) {
            first = m->time_ns;
        }
    }
    return first;
}

// What the heir says of itself, into the record of the death that it follows.
static void note_heir(struct rs_death *d, const struct service *s)
{
    const struct status_page *p = s->status;
    if (d->moved_ns == 0 && s->heir && p->moved != 0) {
        d->moved_ns = p->moved;
        d->move_ns = p->move_ns;
        d->move_objects = p->move_objects;
        d->move_bytes = p->move_bytes;
    }
    if (d->redelivered_ns == 0) {
        d->redelivered_ns = first_redelivery(p, d->newborn_ns);
    }
}

static void note_ready(struct service *s, uint64_t now)
{
    s->ready_ns = now;
    s->state = s->state == RS_BORN ? RS_READY : s->state;
    ready_mask |= 1ull << s->index;
    if (s->move.under_way) {
        move_note_done(s, now);
    } else {
        policy_well_from(&s->history, now);
        struct rs_event *e = event_add(RS_READY_TO_WORK, s);
        e->value = now - s->born_ns;
        event_tell_move(e, s->status);
    }
    update_note_ready(s, now);
    move_schedule(s);
    struct rs_death *d = record_find(s->last_record);
    if (d != nullptr && d->ready_ns == 0) {
        d->ready_ns = now;
        note_heir(d, s);
    }
    if (s->incarnation > 1 && !s->heir) {
        service_tell_subscribers(s);
    }
}

void watch_note_recovery(struct service *s)
{
    uint64_t first_work_ns = s->status->first_work_ns;
    if (!s->recovering || s->page_is_old || first_work_ns <= s->detected_ns) {
        return;
    }
    s->recovering = false;
    s->recovery_ns = first_work_ns - s->detected_ns;
    event_add(RS_RECOVERED, s)->value = s->recovery_ns;
    struct rs_death *d = record_find(s->last_record);
    if (d != nullptr) {
        d->first_work_ns = first_work_ns;
        note_heir(d, s);
        record_changed(d);
    }
}

// A notification says only that somebody became ready: all pages are looked at, which costs less
// than a message.
void watch_news(uint64_t, void *)
{
    for (uint32_t i = 0; i < service_count; i++) {
        struct service *s = &services[i];
        if (s->state == RS_BORN && service_says(s, s->status->ready)) {
            note_ready(s, rt_now_ns());
        }
    }
    services_start();
    move_news();
    if (!corpses_pending()) {
        events_wake();
    }
}

// ---- Looking ----

static const char *verdict_text(enum policy_verdict verdict, const struct service *s, char *text,
                             size_t size)
{
    unsigned long long budget = s->rules.request_ns / 1000000;
    if (verdict == POLICY_SILENT) {
        snprintf(text, size, "%u pings in a row were not answered", s->rules.missed);
    } else if (verdict == POLICY_STUCK) {
        snprintf(text, size, "no work completed for %llu ms although there was some", budget);
    } else if (verdict == POLICY_ENDLESS) {
        snprintf(text, size, "more than %llu ms computed at one request",
                 (unsigned long long)policy_request_cpu_ns(&s->rules) / 1000000);
    } else if (verdict == POLICY_GONE) {
        snprintf(text, size, "no thread is left, and no fault was reported");
    } else {
        snprintf(text, size, "not ready after %llu ms, %llu ms of them at work",
                 (unsigned long long)((s->looked_ns - s->born_ns) / 1000000),
                 (unsigned long long)((s->looked_cpu_ns - s->born_cpu_ns) / 1000000));
    }
    return text;
}

static void die_of(struct service *s, enum policy_verdict verdict)
{
    char text[RS_TEXT_BYTES];
    uint64_t last_sign = s->beat_ns > s->watch.work_ns ? s->beat_ns : s->watch.work_ns;
    const struct death_facts f = {
        .cause = verdict == POLICY_UNBORN ? RS_BIRTH_TIMEOUT
                 : verdict == POLICY_GONE ? RS_EXIT
                                          : RS_HANG,
        .death_ns = last_sign,
        .text = verdict_text(verdict, s, text, sizeof(text)),
    };
    service_died(s, &f);
}

static void ping(struct service *s)
{
    if (s->rules.heartbeat_ns != 0 && s->ready_ns != 0) {
        s->watch.pinged = ipc_notify(s->ping) == OK;
    }
}

static void heal(struct service *s, uint64_t now)
{
    if (s->state == RS_READY && policy_heal(&s->rules, &s->history, now)) {
        event_add(RS_HEALED, s)->value = s->history.fruitless;
    }
}

void watch_tick(struct service *s)
{
    uint64_t now = rt_now_ns();
    if (s->state == RS_BORN && service_says(s, s->status->ready)) {
        watch_news(0, nullptr);
    }
    uint64_t beats = s->watch.beats;
    struct policy_sight sight = look(s, now);
    enum policy_verdict verdict = policy_look(&s->rules, &s->watch, &sight);
    if (sight.beats != beats) {
        s->beat_ns = now;
    }
    if (verdict == POLICY_STARVED) {
        const struct manifest_service *e = s->entry;
        (void)sys_thread_set_sched(s->living->thread, e->priority, e->budget_us, e->period_us);
    } else if (verdict != POLICY_ALIVE) {
        die_of(s, verdict);
        return;
    }
    ping(s);
    watch_note_recovery(s);
    heal(s, now);
    update_tend(s, now);
    corpses_let_go(s);
    letter_collect(s);
    checkpoint_tend(s, now);
    spare_tend(s, sight.request_since == 0 && sight.queue == 0);
    move_after_work(s);
}

static void on_look(void *arg)
{
    struct service *s = arg;
    rt_timer(&s->look_timer, rt_now_ns() + look_period(s), on_look, s);
    watch_tick(s);
    services_start_late();
    if (!corpses_pending()) {
        events_wake();
    }
}

void watch_begin(struct service *s)
{
    struct task_info info = {0};
    (void)sys_task_info(s->living->task, &info);
    s->born_cpu_ns = s->looked_cpu_ns = info.cpu_ns;
    s->looked_ns = s->born_ns;
    rt_timer(&s->look_timer, s->born_ns + look_period(s), on_look, s);
}

void watch_end(struct service *s)
{
    ready_mask &= ~(1ull << s->index);
    rt_timer_cancel(&s->look_timer);
}

void watch_again(struct service *s)
{
    struct task_info info = {0};
    if (!service_lives(s)) {
        return;
    }
    if (s->state != RS_HELD) {
        (void)sys_task_resume(s->living->task); // suspended for a move or a death that was undone
    }
    (void)sys_task_info(s->living->task, &info);
    if (info.state == TASK_DEAD || info.threads == 0) {
        die_of(s, POLICY_GONE);
        return;
    }
    s->watch.pinged = false;
    s->watch.excused_ns = rt_now_ns();
}

// ---- Holding ----

void service_hold(struct service *s)
{
    if (sys_task_suspend(s->living->task) == OK) {
        s->state = RS_HELD;
    }
}

void service_release(struct service *s)
{
    s->state = s->ready_ns ? RS_READY : RS_BORN;
    policy_well_from(&s->history, rt_now_ns());
    s->watch = (struct policy_watch){.beats = s->status->beats, .work = s->status->work,
                                     .excused_ns = rt_now_ns()};
    (void)sys_task_resume(s->living->task);
}

// ---- Those who depend on it ----

void service_tell_subscribers(struct service *s)
{
    for (uint32_t i = 0; i < service_count; i++) {
        if (s->subscribers[i] != HANDLE_NONE) {
            (void)ipc_notify(s->subscribers[i]);
        }
    }
}

static void drain(void *arg)
{
    answer_for_the_dead(arg);
}

// A caller must not wait for ever for somebody who will not come back.
void answer_for_the_dead(struct service *s)
{
    static handle_t reply;
    if (s->state != RS_GIVEN_UP) {
        return;
    }
    if (reply == HANDLE_NONE && sys_reply_create(&reply) != OK) {
        reply = HANDLE_NONE;
    }
    struct ipc_message m = {0};
    for (int i = 0; reply != HANDLE_NONE && i < DRAIN_MAX; i++) {
        if (ipc_recv(s->port, reply, &m, RECV_NONBLOCK) != OK) {
            break;
        }
        if (m.tag & TAG_HANDLE) {
            (void)sys_handle_close(m.handle);
        }
        if (!(m.tag & TAG_NOTIFY)) {
            m = (struct ipc_message){.tag = ERR_DEAD};
            (void)ipc_reply(reply, &m);
        }
    }
    rt_timer(&s->birth_timer, rt_now_ns() + DRAIN_NS, drain, s);
}
