// SPDX-License-Identifier: MIT
#include "rs/policy.h"

enum : uint64_t { MS = 1000000 };

struct policy_rules policy_rules(const struct manifest_rules *from)
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
// for how long that may go on is the request budget's affair.
static bool look_for_beats(const struct policy_rules *rules, struct policy_watch *watch,
                           const struct policy_sight *sight, bool starved)
{
    bool answered = sight->beats != watch->beats;
    watch->beats = sight->beats;
    if (answered || !watch->pinged || sight->request_since != 0 || sight->calling ||
        starved) {
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

// Others may keep it from running, but not for longer than a request may take: one that has given
// itself too small a share of the processor looks the same, and is reborn with the share of its
// manifest.
static bool excusably_starved(const struct policy_rules *rules, struct policy_watch *watch,
                              const struct policy_sight *sight)
{
    if (!sight->starved) {
        watch->starved_ns = 0;
    } else if (watch->starved_ns == 0) {
        watch->starved_ns = sight->now_ns;
    }
    return sight->starved && !longer_than(rules->request_ns, watch->starved_ns, sight->now_ns);
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
    bool starved = excusably_starved(rules, watch, sight);
    if (starved || sight->dependency_down) {
        watch->excused_ns = sight->now_ns;
    }
    if (!sight->ready) {
        uint64_t since = later(sight->born_ns, watch->excused_ns);
        return longer_than(rules->birth_ns, since, sight->now_ns) ? POLICY_UNBORN : POLICY_ALIVE;
    }
    bool progress = look_for_progress(rules, watch, sight);
    bool beats = look_for_beats(rules, watch, sight, starved);
    watch->pinged = false;
    return !beats ? POLICY_SILENT : !progress ? POLICY_STUCK : POLICY_ALIVE;
}

static uint64_t delay_after(const struct policy_rules *rules, uint32_t fruitless)
{
    uint64_t delay = rules->delay_ns;
    for (uint32_t i = 1; i < fruitless && delay < rules->delay_max_ns; i++) {
        delay = delay * rules->growth_percent / 100;
    }
    return delay < rules->delay_max_ns ? delay : rules->delay_max_ns;
}

struct policy_decision policy_decide(const struct policy_rules *rules,
                                     struct policy_history *history,
                                     const struct policy_death *death)
{
    history->well_ns = 0;
    bool of_use = death->ready && (death->work > 0 ||
                                   longer_than(rules->proven_ns, death->born_ns, death->now_ns));
    if (rules->fruitless_limit == 0 && !death->asked) {
        return (struct policy_decision){.action = POLICY_GIVE_UP};
    }
    if (death->asked || of_use) {
        return (struct policy_decision){.action = POLICY_REBIRTH};
    }
    history->fruitless++;
    if (history->fruitless >= rules->fruitless_limit) {
        return (struct policy_decision){.action = POLICY_GIVE_UP};
    }
    uint64_t delay = delay_after(rules, history->fruitless);
    return (struct policy_decision){
        .action = delay ? POLICY_REBIRTH_LATER : POLICY_REBIRTH,
        .delay_ns = delay,
        .afresh = death->no_room && !death->ready,
    };
}

void policy_well_from(struct policy_history *history, uint64_t now_ns)
{
    history->well_ns = now_ns;
}

bool policy_heal(const struct policy_rules *rules, struct policy_history *history, uint64_t now_ns)
{
    if (history->fruitless == 0 || history->well_ns == 0 ||
        !longer_than(rules->heal_ns, history->well_ns, now_ns)) {
        return false;
    }
    history->fruitless--;
    history->well_ns = now_ns;
    return true;
}
