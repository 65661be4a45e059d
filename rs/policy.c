// SPDX-License-Identifier: MIT
#include "rs/policy.h"

enum : uint64_t { MS = 1000000 };

struct policy_rules policy_rules(const struct manifest_rules *from, uint32_t flags)
{
    return (struct policy_rules){
        .heartbeat_ns = from->heartbeat_ms * MS,
        .missed = from->missed,
        .request_ns = from->request_ms * MS,
        .birth_ns = from->birth_ms * MS,
        .delay_ns = from->delay_ms * MS,
        .delay_max_ns = from->delay_max_ms * MS,
        .growth_percent = from->growth_percent,
        .fruitless_limit = from->fruitless_limit,
        .proven_ns = from->proven_ms * MS,
        .heal_ns = from->heal_ms * MS,
        .reboot = flags & MANIFEST_REBOOT,
    };
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// Clocks of the other side may lie in the future; such a one has not been running.
static bool longer_than(uint64_t limit_ns, uint64_t since_ns, uint64_t now_ns)
{
    return now_ns > since_ns && now_ns - since_ns > limit_ns;
}

// Whoever works at a request, or waits for another service inside one, answers no pings meanwhile;
// for how long that may go on is the request budget's affair. One that is stopped works at nothing: no event
// will make it go on.
static bool look_for_beats(const struct policy_rules *rules, struct policy_watch *watch,
                           const struct policy_sight *sight)
{
    bool answered = sight->beats != watch->beats;
    bool works = sight->request_since != 0 && !sight->stopped;
    watch->beats = sight->beats;
    if (answered || !watch->pinged || works || sight->calling || sight->starved) {
        watch->unanswered = 0;
        return true;
    }
    watch->unanswered++;
    return watch->unanswered < rules->missed;
}

static bool look_for_progress(const struct policy_rules *rules, struct policy_watch *watch,
                              const struct policy_sight *sight)
{
    bool stuck_in_call = sight->calling && rules->heartbeat_ns != 0;
    bool busy = sight->request_since != 0 || sight->queue > 0 || stuck_in_call;
    if (!busy) {
        watch->busy_ns = 0;
    } else if (watch->busy_ns == 0) {
        watch->busy_ns = sight->request_since != 0 ? sight->request_since : sight->now_ns;
    }
    if (sight->work != watch->work) {
        watch->work = sight->work;
        watch->work_ns = sight->now_ns;
    }
    uint64_t since = later(later(watch->busy_ns, watch->work_ns),
                           later(watch->excused_ns, sight->request_since));
    return !busy || !longer_than(rules->request_ns, since, sight->now_ns);
}

enum { COMPUTING_SHARE = 8 };

uint64_t policy_request_cpu_ns(const struct policy_rules *rules)
{
    enum : uint64_t { LEAST_NS = 1000000000 }; // a machine that is shared counts others' time as its own
    uint64_t share = rules->request_ns / COMPUTING_SHARE;
    return rules->request_ns == 0 ? 0 : share < LEAST_NS ? LEAST_NS : share;
}

// An endless loop would else go on for the whole budget, which may have to be long, because a disk may be slow.
static bool computes_endlessly(const struct policy_rules *rules, struct policy_watch *watch,
                               const struct policy_sight *sight)
{
    if (sight->request_since != watch->request_since || sight->work != watch->request_work) {
        watch->request_since = sight->request_since;
        watch->request_work = sight->work;
        watch->request_cpu_ns = sight->cpu_ns;
    }
    uint64_t limit = policy_request_cpu_ns(rules);
    return sight->request_since != 0 && limit != 0 && longer_than(limit, watch->request_cpu_ns, sight->cpu_ns);
}

// Others may keep it from running for as long as they like: that is no fault of its own. One that
// has given itself too small a share of the processor looks the same; it gets that of its manifest
// again and again.
static bool long_starved(const struct policy_rules *rules, struct policy_watch *watch,
                         const struct policy_sight *sight)
{
    if (!sight->starved) {
        watch->starved_ns = 0;
    } else if (watch->starved_ns == 0) {
        watch->starved_ns = sight->now_ns;
    } else if (longer_than(rules->request_ns, watch->starved_ns, sight->now_ns)) {
        watch->starved_ns = sight->now_ns;
        return true;
    }
    return false;
}

// A birth may have to wait for devices and other services, and to mend what a crash of the machine
// has left. What an heir has to compute is known to be little. One that is stopped will never be
// ready.
static bool is_late(const struct policy_rules *rules, struct policy_watch *watch,
                    const struct policy_sight *sight)
{
    watch->unanswered = sight->stopped ? watch->unanswered + 1 : 0;
    return longer_than(rules->birth_ns, later(sight->born_ns, watch->excused_ns), sight->now_ns) ||
           (sight->heir && sight->cpu_ns > rules->birth_ns / COMPUTING_SHARE) || watch->unanswered > rules->missed;
}

enum policy_verdict policy_look(const struct policy_rules *rules, struct policy_watch *watch,
                                const struct policy_sight *sight)
{
    if (sight->gone) {
        return POLICY_GONE;
    }
    if (sight->suspended) {
        *watch = (struct policy_watch){.beats = sight->beats, .work = sight->work,
                                       .excused_ns = sight->now_ns};
        return POLICY_ALIVE;
    }
    bool too_long = long_starved(rules, watch, sight);
    // Whoever computes does not wait for what is down. If it hangs, it may be what keeps that down: newborns of lower
    // priority get no processor time.
    if (sight->starved || (sight->dependency_down && !sight->computing)) {
        watch->excused_ns = sight->now_ns;
    }
    if (!sight->ready) {
        return is_late(rules, watch, sight) ? POLICY_UNBORN
               : too_long                   ? POLICY_STARVED
                                            : POLICY_ALIVE;
    }
    bool progress = look_for_progress(rules, watch, sight);
    bool beats = look_for_beats(rules, watch, sight);
    bool endless = computes_endlessly(rules, watch, sight);
    watch->pinged = false;
    return !beats      ? POLICY_SILENT
           : !progress ? POLICY_STUCK
           : endless   ? POLICY_ENDLESS
           : too_long  ? POLICY_STARVED
                       : POLICY_ALIVE;
}

static uint64_t delay_after(const struct policy_rules *rules, uint32_t fruitless)
{
    uint64_t delay = rules->delay_ns;
    for (uint32_t i = 1; i < fruitless && delay < rules->delay_max_ns; i++) {
        delay = delay * rules->growth_percent / 100;
    }
    return delay < rules->delay_max_ns ? delay : rules->delay_max_ns;
}

// ---- The ladder ----

static bool same_request(const struct policy_request *a, const struct policy_request *b)
{
    if (a->badge != b->badge || a->label != b->label) {
        return false;
    }
    return a->call != 0 ? a->call == b->call : b->delivery > a->delivery;
}

// Whom the last deaths had in work; several, because a more urgent poison may come between two
// deliveries of another.
static uint32_t note_suspect(struct policy_history *history, const struct policy_request *request)
{
    for (uint32_t i = 0; i < POLICY_SUSPECTS; i++) {
        struct policy_suspect *s = &history->suspects[i];
        if (s->deaths != 0 && same_request(&s->request, request)) {
            s->request = *request;
            return ++s->deaths;
        }
    }
    history->suspects[history->next_suspect++ % POLICY_SUSPECTS] =
        (struct policy_suspect){*request, 1};
    return 1;
}

// Deaths of the same request: the second one changes the environment, the third one ends its
// deliveries. If it kills even then, it is not the request.
enum { DEATHS_CHANGED = 2, DEATHS_POISON = 3 };

static enum policy_rung choose_rung(struct policy_history *history,
                                    const struct policy_death *death, uint32_t deaths, bool of_use)
{
    bool poison = deaths == DEATHS_POISON && death->request.call != 0;
    if (!death->state) { // after one of no use that had been restored, the older checkpoint
        return death->restored && !of_use && death->checkpoint ? POLICY_CHECKPOINT : POLICY_AFRESH;
    }
    if (deaths == DEATHS_CHANGED || poison) {
        return poison ? POLICY_POISON : POLICY_CHANGED;
    }
    if (of_use && deaths < DEATHS_POISON) {
        return POLICY_STATE;
    }
    history->unheld += deaths >= DEATHS_POISON ? 2 : 1;
    return history->unheld == 1 ? POLICY_CHANGED
           : death->checkpoint  ? POLICY_CHECKPOINT
                                : POLICY_AFRESH;
}

static struct policy_decision at_once(enum policy_rung rung)
{
    return (struct policy_decision){.action = POLICY_REBIRTH, .rung = rung};
}

static struct policy_decision last_resort(const struct policy_rules *rules)
{
    if (rules->reboot) {
        return (struct policy_decision){.action = POLICY_RESTART_MACHINE, .rung = POLICY_REBOOT};
    }
    return (struct policy_decision){.action = POLICY_GIVE_UP};
}

// The last life before giving up is tried with all those around it.
static enum policy_rung around_it(const struct policy_rules *rules,
                                  const struct policy_history *history,
                                  const struct policy_death *death, enum policy_rung rung)
{
    bool last = history->fruitless + 1 == rules->fruitless_limit;
    return last && death->group ? POLICY_GROUP : rung;
}

struct policy_decision policy_decide(const struct policy_rules *rules,
                                     struct policy_history *history,
                                     const struct policy_death *death)
{
    history->well_ns = 0;
    bool of_use = death->ready && (death->work > 0 ||
                                   longer_than(rules->proven_ns, death->born_ns, death->now_ns));
    if (rules->fruitless_limit == 0 && !death->asked && !death->second_try) {
        return (struct policy_decision){.action = POLICY_GIVE_UP};
    }
    if (death->asked || death->second_try) {
        return at_once(death->state ? POLICY_STATE : POLICY_AFRESH);
    }
    uint32_t deaths = death->working ? note_suspect(history, &death->request) : 0;
    enum policy_rung rung = choose_rung(history, death, deaths, of_use);
    if (rung >= POLICY_AFRESH) {
        history->unheld = 0; // there will be another state
    }
    bool of_the_request = rung < POLICY_CHECKPOINT && deaths >= DEATHS_CHANGED;
    if (of_use || of_the_request) {
        return at_once(rung);
    }
    history->fruitless++;
    if (history->fruitless >= rules->fruitless_limit) {
        return last_resort(rules);
    }
    uint64_t delay = delay_after(rules, history->fruitless);
    return (struct policy_decision){
        .action = delay ? POLICY_REBIRTH_LATER : POLICY_REBIRTH,
        .rung = around_it(rules, history, death, rung),
        .delay_ns = delay,
        .make_room = death->no_room && !death->ready,
    };
}

void policy_well_from(struct policy_history *history, uint64_t now_ns)
{
    history->well_ns = now_ns;
}

bool policy_heal(const struct policy_rules *rules, struct policy_history *history, uint64_t now_ns)
{
    if ((history->fruitless == 0 && history->unheld == 0) || history->well_ns == 0 ||
        !longer_than(rules->heal_ns, history->well_ns, now_ns)) {
        return false;
    }
    history->fruitless -= history->fruitless > 0;
    history->unheld -= history->unheld > 0;
    history->well_ns = now_ns;
    return true;
}
