// SPDX-License-Identifier: MIT
// Deaths: taking note, deciding, rebirth. In that order, and as little as possible before the
// newborn runs: only what the newborn will overwrite (the status page) and what must be read while
// it is still (registers) is saved here. The stack is read and names are found when the newborn is
// at work; see corpse.c.
#include "interfaces/trace.h"
#include "randomizer/linker/error.h"
#include "rs/events.h"
#include "rs/letters.h"
#include "rs/record.h"
#include <stdio.h>
#include <string.h>

enum { MOVE_EXITS = 64 }; // so many exit codes from MOVE_EXIT_BASE on are move errors

static void copy_messages(struct rs_death *d, const struct status_page *p, uint64_t born_ns)
{
    uint32_t next = p->message_next;
    for (uint32_t i = 0; i < STATUS_MESSAGES; i++) {
        const struct message_trace *m = &p->messages[(next + i) % STATUS_MESSAGES];
        if (m->time_ns >= born_ns && d->message_count < RS_MESSAGES) {
            d->messages[d->message_count++] = (struct rs_message){
                .time_ns = m->time_ns, .badge = m->badge, .word0 = m->word0,
                .label = m->label, .delivery = m->delivery};
        }
    }
}

static void copy_status(struct rs_death *d, const struct service *s)
{
    const struct status_page *p = s->status;
    d->work = p->work - s->born_work + s->work_before;
    d->beats = p->beats;
    d->request_since = p->request_since;
    d->request_badge = p->request_badge;
    d->request_label = p->request_label;
    d->request_delivery = p->request_delivery;
    d->request_call = p->request_call;
    if (p->waiting_since != 0) {
        COPY_TEXT(d->waiting_on, p->waiting_on);
    }
    if (d->cause == RS_ASSERT) {
        d->line = p->assert_line;
        COPY_TEXT(d->file, p->assert_file);
        COPY_TEXT(d->assertion, p->assert_text);
    }
    copy_messages(d, p, s->born_ns);
}

// The thread that died may not be the first one, whose handle we have: then only what the fault
// message told is known.
static void copy_registers(struct rs_death *d, const struct service *s, const struct death_facts *f)
{
    struct thread_regs regs;
    static_assert(sizeof(regs) == sizeof(d->registers));
    bool known = sys_thread_get_regs(s->living->thread, &regs) == OK;
    if (known && (f->ip == 0 || f->ip == regs.rip)) {
        memcpy(d->registers, &regs, sizeof(regs));
    } else {
        d->registers[16] = f->ip;
        d->registers[7] = f->sp;
    }
}

static bool died_of_assertion(const struct service *s, const struct death_facts *f)
{
    return f->cause == RS_EXCEPTION && f->vector == 6 && s->status->assert_line != 0 &&
           s->status->assert_incarnation == s->incarnation;
}

static bool cannot_be_linked(const struct death_facts *f)
{
    return f->cause == RS_EXIT && f->detail >= LINK_EXIT_BASE &&
           f->detail < LINK_EXIT_BASE + LINK_ERROR_COUNT;
}

static bool cannot_move(const struct death_facts *f, const struct service *s)
{
    bool took_over = s->heir || s->plan.rung == POLICY_CHECKPOINT;
    return f->cause == RS_EXIT && took_over && f->detail >= MOVE_EXIT_BASE &&
           f->detail < MOVE_EXIT_BASE + MOVE_EXITS;
}

void describe_end(char *to, size_t size, const struct death_facts *f)
{
    if (f->text != nullptr) {
        copy_name(to, size, f->text);
    } else if (f->cause == RS_EXCEPTION) {
        exception_text(to, size, f->vector, f->error, f->detail);
    } else if (cannot_be_linked(f)) {
        snprintf(to, size, "cannot be linked: %s",
                 link_error_text((enum link_error)(f->detail - LINK_EXIT_BASE)));
    } else if (f->cause == RS_EXIT) {
        snprintf(to, size, "ended with code %lld", (long long)f->detail);
    } else if (f->cause == RS_QUOTA) {
        snprintf(to, size, "no memory for the page at %#llx", (unsigned long long)f->detail);
    }
}

static void describe_cause(struct rs_death *d, const struct service *s,
                           const struct death_facts *f)
{
    static const char refused[] = "cannot take the state over: ";
    if (d->cause == RS_ASSERT) {
        snprintf(d->text, sizeof(d->text), "%s:%u: %.90s", d->file, d->line, d->assertion);
    } else if (cannot_move(f, s)) {
        d->cause = RS_MOVE_FAILED;
        memcpy(d->text, refused, sizeof(refused));
        copy_text(d->text + sizeof(refused) - 1, sizeof(d->text) - sizeof(refused) + 1,
                  s->status->assert_text, STATUS_TEXT);
    } else {
        describe_end(d->text, sizeof(d->text), f);
        d->cause = cannot_be_linked(f) ? RS_BIRTH_FAILED : d->cause;
    }
}

static struct rs_death *make_record(struct service *s, const struct death_facts *f, uint64_t now)
{
    struct rs_death *d = record_new();
    d->service = s->number;
    d->incarnation = s->incarnation;
    d->cause = died_of_assertion(s, f) ? RS_ASSERT : f->cause;
    d->how = f->how ? f->how : s->asked;
    d->asked = d->how != 0 || d->cause == RS_REPLACED;
    d->vector = f->vector;
    d->error = f->error;
    d->detail = f->detail;
    d->detected_ns = now;
    d->death_ns = f->death_ns ? f->death_ns : now;
    d->born_ns = s->born_ns;
    if (s->living != nullptr) {
        memcpy(d->seed, s->living->seed, sizeof(d->seed));
    }
    copy_name(d->name, sizeof(d->name), s->name);
    copy_name(d->module, sizeof(d->module), s->living ? s->living->module->name : s->module->name);
    return d;
}

static void add_death_event(struct service *s, const struct rs_death *d)
{
    struct rs_event *e = event_add(RS_DEATH, s);
    e->time_ns = d->detected_ns;
    e->value = d->detected_ns - d->death_ns;
    e->cause = d->cause;
    e->asked = d->asked;
    memcpy(e->seed, d->seed, sizeof(e->seed));
    s->corpse->event = e->sequence;
}

static bool left_no_room(const struct rs_death *d)
{
    bool refused = d->detail == ERR_QUOTA || d->detail >= LINK_EXIT_BASE; // by rs, by the bootstrap
    return d->cause == RS_QUOTA || (d->cause == RS_BIRTH_FAILED && refused);
}

static enum birth_cause birth_cause(const struct rs_death *d)
{
    switch (d->cause) {
    case RS_HANG:
    case RS_BIRTH_TIMEOUT:
        return BIRTH_HANG;
    case RS_EXIT:
        return BIRTH_EXIT;
    case RS_REPLACED:
    case RS_KILLED:
        return BIRTH_ASKED;
    default:
        return BIRTH_CRASH;
    }
}

static struct policy_request request_of(const struct rs_death *d)
{
    return (struct policy_request){.badge = d->request_badge, .label = d->request_label,
                                   .call = d->request_call, .delivery = d->request_delivery};
}

// The state is not to be trusted. Its holder stays until the newborn is ready all the same: devices
// may write into memory that only the dead have mapped, until a driver has reset them. Without room
// for that, everything goes at once.
static void give_state_up(struct service *s, bool make_room)
{
    s->state_given_up = true;
    if (make_room) {
        corpse_describe(s);
        body_leave(s, &s->holder);
        body_leave(s, &s->corpse);
    }
}

// The death's own event, and one for each step up the ladder: beyond plain rebirth, or when state
// is given up.
static void note_rung(struct service *s, const struct rs_death *d, bool state_lost)
{
    struct rs_event *death = s->corpse ? event_find(s->corpse->event) : nullptr;
    if (death != nullptr) {
        death->rung = d->rung;
        death->decision = d->decision;
    }
    bool plain = d->rung <= POLICY_STATE || (d->rung == POLICY_AFRESH && !state_lost);
    if (plain) {
        return;
    }
    struct rs_event *e = event_add(RS_CLIMBED, s);
    e->cause = d->cause;
    e->rung = d->rung;
    e->decision = d->decision;
    e->value = d->sequence;
    memcpy(e->seed, d->seed, sizeof(e->seed));
    if (d->rung == POLICY_REBOOT) {
        snprintf(e->text, sizeof(e->text), "the machine is restarted");
    } else {
        snprintf(e->text, sizeof(e->text), "rebirth%s", rung_text(d->rung));
    }
}

// What the policy says, as far as it can be done at once. true: to be reborn now.
static bool decide(struct service *s, struct rs_death *d, bool ready)
{
    bool second_try = update_roll_back(s, d) || move_failed_first(s); // first: it changes s->module
    const struct policy_death facts = {
        .now_ns = d->detected_ns, .born_ns = d->born_ns,
        .ready = ready, .work = d->work, .asked = d->asked,
        .no_room = left_no_room(d) && !s->supervisor, .group = ladder_has_group(s),
        .state = service_has_state(s) && d->cause != RS_REPLACED,
        .second_try = second_try, .checkpoint = checkpoint_find(s, 0) != nullptr,
        .restored = s->plan.rung == POLICY_CHECKPOINT,
        .working = d->request_since != 0, .request = request_of(d)};
    struct policy_decision decision = policy_decide(&s->rules, &s->history, &facts);
    if (d->cause == RS_REPLACED && s->restore_wanted) {
        decision.rung = POLICY_CHECKPOINT;
    }
    s->restore_wanted = false;
    if (decision.rung == POLICY_CHECKPOINT && !checkpoint_there(s)) { // looked at only now: it takes time
        decision.rung = POLICY_AFRESH;
    }
    if (s->supervisor && decision.rung >= POLICY_CHECKPOINT) {
        // Without its state it would know of nobody who is there.
        decision = (struct policy_decision){.action = POLICY_RESTART_MACHINE, .rung = POLICY_REBOOT};
    }
    if (decision.make_room && decision.action == POLICY_REBIRTH) {
        decision.action = POLICY_REBIRTH_LATER; // the room is there when this has committed
    }
    d->decision = decision.action;
    d->rung = decision.rung;
    d->delay_ns = decision.delay_ns;
    d->fruitless = s->history.fruitless;
    s->plan = (struct birth_plan){.cause = birth_cause(d), .rung = decision.rung};
    if (decision.rung == POLICY_POISON) {
        letter_add(s, d);
    }
    bool lost = service_has_state(s) && decision.rung >= POLICY_AFRESH;
    note_rung(s, d, lost);
    if (decision.rung >= POLICY_AFRESH || decision.make_room) {
        give_state_up(s, decision.make_room);
    }
    return decision.action == POLICY_REBIRTH;
}

static void reborn_later(void *arg)
{
    service_birth(arg);
    corpses_settle_later();
}

static void delay(struct service *s, uint64_t ns)
{
    s->state = RS_DELAYED;
    event_add(RS_BACKOFF, s)->value = ns;
    rt_timer(&s->birth_timer, rt_now_ns() + ns, reborn_later, s);
}

static void give_up(struct service *s)
{
    s->state = RS_GIVEN_UP;
    struct rs_event *e = event_add(RS_GIVE_UP, s);
    if (s->rules.fruitless_limit == 0) {
        snprintf(e->text, sizeof(e->text), "its manifest gives it one life; 'restart' gives more");
    } else {
        snprintf(e->text, sizeof(e->text), "%u lives in a row were of no use; 'restart' revives it",
                 s->history.fruitless);
    }
    log_error("%s is given up: %s", s->name, e->text);
    corpse_describe(s);
    body_leave(s, &s->corpse);
    body_leave(s, &s->holder);
    spare_drop(s);
    service_tell_subscribers(s);
    answer_for_the_dead(s);
}

static void carry_on(struct service *s, const struct rs_death *d)
{
    if (d->decision == POLICY_GIVE_UP) {
        give_up(s);
    } else if (d->decision == POLICY_RESTART_MACHINE) {
        ladder_restart_machine(s);
    } else if (d->decision == POLICY_REBIRTH_LATER) {
        delay(s, d->delay_ns);
    }
    if (d->rung == POLICY_GROUP) {
        ladder_group(s);
    }
}

// It has state to leave if it was in its event loop, or had just taken over its predecessor's.
static bool has_state(const struct service *s)
{
    return s->living->module->moves &&
           (service_says(s, s->status->movable) || (s->heir && service_says(s, s->status->moved)));
}

void service_lay_out(struct service *s, uint64_t record)
{
    struct body *dead = s->living;
    corpse_describe(s); // of the incarnation before, should it still lie there
    body_leave(s, &s->corpse);
    if (has_state(s) && !update_needs_holder(s)) {
        body_leave(s, &s->holder);
        s->holder = dead;
        s->state_given_up = false;
    }
    s->living = nullptr;
    s->corpse = dead;
    dead->record = record;
    dead->described = record == 0;
}

// One that was restored closes the handles that it has inherited, when it has read its checkpoint:
// without them its predecessor's state is of no use to anybody.
static void note_closed_handles(struct service *s, const struct rs_death *d)
{
    bool refused = d->cause == RS_MOVE_FAILED || d->cause == RS_BIRTH_FAILED;
    if (s->plan.rung == POLICY_CHECKPOINT && s->holder != nullptr && s->holder != s->corpse && !refused) {
        s->state_given_up = true;
    }
}

void service_died(struct service *s, const struct death_facts *f)
{
    uint64_t now = rt_now_ns();
    bool was_ready = s->ready_ns != 0;
    rt_assert(service_lives(s));
    watch_note_recovery(s);
    body_condemn(s->living);
    struct rs_death *d = make_record(s, f, now);
    copy_registers(d, s, f);
    copy_status(d, s);
    watch_end(s);
    move_cancel(s);
    checkpoint_cancel(s);
    service_lay_out(s, d->sequence);
    describe_cause(d, s, f);
    note_closed_handles(s, d);
    s->detected_ns = now;
    s->recovery_ns = 0;
    s->recovering = true;
    s->deaths++;
    s->last_cause = d->cause;
    s->last_asked = d->asked;
    s->last_record = d->sequence;
    add_death_event(s, d);
    if (decide(s, d, was_ready)) {
        service_birth(s);
    }
    carry_on(s, d);
    corpses_settle_later();
}

// The corpse, if there is one, goes on waiting for an heir. Never reborn at once: whatever the
// kernel lacks now it will lack in the next microsecond, too.
void service_stillborn(struct service *s, const struct failure *why)
{
    enum : uint64_t { SHORTEST_NS = 1000000 };
    char text[RS_TEXT_BYTES];
    snprintf(text, sizeof(text), "the kernel refused to %s: %s", why->step,
             rt_status_text(why->status));
    const struct death_facts f = {.cause = RS_BIRTH_FAILED, .detail = why->status, .text = text};
    body_leave(s, &s->living);
    struct rs_death *d = make_record(s, &f, rt_now_ns());
    describe_cause(d, s, &f);
    s->deaths++;
    s->last_cause = d->cause;
    s->last_record = d->sequence;
    record_changed(d);
    struct rs_event *e = event_add(RS_DEATH, s);
    e->cause = d->cause;
    copy_name(e->text, sizeof(e->text), d->text);
    log_warn("%s[%u] was not born: %s", s->name, s->incarnation, text);
    if (decide(s, d, false)) {
        d->decision = POLICY_REBIRTH_LATER;
        d->delay_ns = SHORTEST_NS;
    }
    carry_on(s, d);
}

// ---- Fault messages ----

static struct death_facts facts_of(const struct ipc_message *m)
{
    struct death_facts f = {.ip = m->w[2], .sp = m->w[4], .detail = m->w[3]};
    switch (ipc_label(m)) {
    case FAULT_EXIT:
        f.cause = RS_EXIT;
        f.ip = 0; // where the system call was made; the registers tell it
        break;
    case FAULT_QUOTA:
        f.cause = RS_QUOTA;
        f.vector = (uint32_t)m->w[0];
        break;
    default:
        f.cause = RS_EXCEPTION;
        f.vector = (uint32_t)m->w[0];
        f.error = (uint32_t)m->w[1];
    }
    return f;
}

uint32_t on_fault(struct request *rq, void *)
{
    struct service *s = service_by_number(rq->m.badge & 0xff);
    uint64_t serial = rq->m.badge >> 8;
    struct death_facts f = facts_of(&rq->m);
    if (s != nullptr && s->living != nullptr && s->living->serial == serial) {
        service_died(s, &f);
    } else if (s != nullptr && s->spare != nullptr && s->spare->serial == serial) {
        spare_died(s, &f);
    }
    return FAULT_STOP;
}
