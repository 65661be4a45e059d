// SPDX-License-Identifier: MIT
// Situations and what the policy makes of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rs/policy.h"

enum : uint64_t { MS = 1000000 };

static const struct policy_rules rules = {
    .heartbeat_ns = 50 * MS, .missed = 2, .request_ns = 400 * MS, .birth_ns = 2000 * MS,
    .delay_ns = 10 * MS, .delay_max_ns = 100 * MS, .growth_percent = 200, .fruitless_limit = 5,
    .proven_ns = 5000 * MS, .heal_ns = 10000 * MS,
};

// One look in a story: what is seen, at what time, and the verdict that must follow. The service is
// pinged after each look.
struct scene {
    uint64_t at_ms;
    struct policy_sight sight;
    enum policy_verdict verdict;
};

static void play(const char *story, const struct scene *scenes, size_t count)
{
    struct policy_watch watch = {0};
    for (size_t i = 0; i < count; i++) {
        struct policy_sight sight = scenes[i].sight;
        sight.now_ns = scenes[i].at_ms * MS;
        enum policy_verdict verdict = policy_look(&rules, &watch, &sight);
        if (verdict != scenes[i].verdict) {
            fail_msg("%s, scene %zu: verdict %d, not %d", story, i, verdict, scenes[i].verdict);
        }
        watch.pinged = true;
    }
}
#define PLAY(story, ...)                                                                           \
    play(story, (const struct scene[]){__VA_ARGS__},                                               \
         sizeof((const struct scene[]){__VA_ARGS__}) / sizeof(struct scene))

static void test_alive(void **)
{
    PLAY("answers pings, idle",
         {50, {.ready = true, .beats = 0}, POLICY_ALIVE},
         {100, {.ready = true, .beats = 1}, POLICY_ALIVE},
         {150, {.ready = true, .beats = 2}, POLICY_ALIVE},
         {9000, {.ready = true, .beats = 3}, POLICY_ALIVE});
    PLAY("misses one ping, answers the next",
         {50, {.ready = true, .beats = 1}, POLICY_ALIVE},
         {100, {.ready = true, .beats = 1}, POLICY_ALIVE},
         {150, {.ready = true, .beats = 2}, POLICY_ALIVE},
         {200, {.ready = true, .beats = 2}, POLICY_ALIVE});
    PLAY("works long at one request within its budget, deaf to pings",
         {50, {.ready = true, .beats = 1, .request_since = 40 * MS}, POLICY_ALIVE},
         {200, {.ready = true, .beats = 1, .request_since = 40 * MS}, POLICY_ALIVE},
         {430, {.ready = true, .beats = 1, .request_since = 40 * MS}, POLICY_ALIVE});
    PLAY("one request longer than the budget, but it reports progress",
         {300, {.ready = true, .work = 1, .request_since = 40 * MS}, POLICY_ALIVE},
         {600, {.ready = true, .work = 2, .request_since = 40 * MS}, POLICY_ALIVE},
         {900, {.ready = true, .work = 3, .request_since = 40 * MS}, POLICY_ALIVE});
    PLAY("a full queue, and work goes on",
         {100, {.ready = true, .beats = 1, .queue = 9, .work = 10}, POLICY_ALIVE},
         {450, {.ready = true, .beats = 2, .queue = 9, .work = 20}, POLICY_ALIVE},
         {800, {.ready = true, .beats = 3, .queue = 9, .work = 30}, POLICY_ALIVE});
    PLAY("a clock from the future",
         {100, {.ready = true, .beats = 1, .request_since = UINT64_MAX}, POLICY_ALIVE},
         {9000, {.ready = true, .beats = 2, .request_since = UINT64_MAX}, POLICY_ALIVE});
}

// The budget of a request is for waiting; what it may compute is less, but a second at least.
static void play_long(const struct scene *scenes, size_t count)
{
    static const struct policy_rules slow = {.missed = 2, .request_ns = 16000 * MS, .birth_ns = 2000 * MS};
    struct policy_watch watch = {0};
    for (size_t i = 0; i < count; i++) {
        struct policy_sight sight = scenes[i].sight;
        sight.now_ns = scenes[i].at_ms * MS;
        sight.ready = true;
        assert_int_equal(policy_look(&slow, &watch, &sight), scenes[i].verdict);
    }
}
#define PLAY_LONG(...)                                                                             \
    play_long((const struct scene[]){__VA_ARGS__}, sizeof((const struct scene[]){__VA_ARGS__}) / sizeof(struct scene))

static void test_computes(void **)
{
    PLAY_LONG({1000, {.request_since = 900 * MS, .cpu_ns = 500 * MS}, POLICY_ALIVE},
              {3000, {.request_since = 900 * MS, .cpu_ns = 2500 * MS}, POLICY_ALIVE},
              {3100, {.request_since = 900 * MS, .cpu_ns = 2501 * MS}, POLICY_ENDLESS});
    // Another request, or progress at this one: the time begins anew.
    PLAY_LONG({1000, {.request_since = 900 * MS, .cpu_ns = 500 * MS}, POLICY_ALIVE},
              {3000, {.request_since = 2900 * MS, .cpu_ns = 2600 * MS}, POLICY_ALIVE},
              {4000, {.request_since = 2900 * MS, .cpu_ns = 4500 * MS, .work = 1}, POLICY_ALIVE},
              {6000, {.request_since = 2900 * MS, .cpu_ns = 6400 * MS, .work = 1}, POLICY_ALIVE},
              {6500, {.request_since = 2900 * MS, .cpu_ns = 6600 * MS, .work = 1}, POLICY_ENDLESS});
    // Waiting costs nothing, and who has no request may compute.
    PLAY_LONG({1000, {.request_since = 900 * MS, .cpu_ns = 500 * MS}, POLICY_ALIVE},
              {15000, {.request_since = 900 * MS, .cpu_ns = 700 * MS}, POLICY_ALIVE},
              {15100, {.cpu_ns = 700 * MS}, POLICY_ALIVE},
              {20100, {.cpu_ns = 5700 * MS}, POLICY_ALIVE});
    struct policy_rules none = {.request_ns = 0}, brief = {.request_ns = 400 * MS};
    assert_int_equal(policy_request_cpu_ns(&none), 0);
    assert_int_equal(policy_request_cpu_ns(&brief), 1000 * MS);
}

static void test_hang(void **)
{
    PLAY("silence",
         {50, {.ready = true, .beats = 7}, POLICY_ALIVE},
         {100, {.ready = true, .beats = 7}, POLICY_ALIVE},
         {150, {.ready = true, .beats = 7}, POLICY_SILENT});
    PLAY("silence inside a request: its thread does not run, and will not",
         {50, {.ready = true, .request_since = 40 * MS, .stopped = true}, POLICY_ALIVE},
         {100, {.ready = true, .request_since = 40 * MS, .stopped = true}, POLICY_ALIVE},
         {150, {.ready = true, .request_since = 40 * MS, .stopped = true}, POLICY_SILENT});
    PLAY("endless loop inside a request",
         {50, {.ready = true, .request_since = 40 * MS}, POLICY_ALIVE},
         {430, {.ready = true, .request_since = 40 * MS}, POLICY_ALIVE},
         {450, {.ready = true, .request_since = 40 * MS}, POLICY_STUCK});
    PLAY("beats, but its queue does not move",
         {100, {.ready = true, .beats = 1, .queue = 3, .work = 5}, POLICY_ALIVE},
         {300, {.ready = true, .beats = 2, .queue = 3, .work = 5}, POLICY_ALIVE},
         {510, {.ready = true, .beats = 3, .queue = 4, .work = 5}, POLICY_STUCK});
    PLAY("the queue was empty in between",
         {100, {.ready = true, .beats = 1, .queue = 3}, POLICY_ALIVE},
         {300, {.ready = true, .beats = 2, .queue = 0}, POLICY_ALIVE},
         {510, {.ready = true, .beats = 3, .queue = 3}, POLICY_ALIVE},
         {920, {.ready = true, .beats = 4, .queue = 3}, POLICY_STUCK});
    PLAY("not ready in time",
         {1000, {.born_ns = 100 * MS}, POLICY_ALIVE},
         {2100, {.born_ns = 100 * MS}, POLICY_ALIVE},
         {2101, {.born_ns = 100 * MS}, POLICY_UNBORN});
    PLAY("computes for ever instead of getting ready",
         {150, {.born_ns = 100 * MS, .cpu_ns = 50 * MS, .heir = true}, POLICY_ALIVE},
         {349, {.born_ns = 100 * MS, .cpu_ns = 249 * MS, .heir = true}, POLICY_ALIVE},
         {351, {.born_ns = 100 * MS, .cpu_ns = 251 * MS, .heir = true}, POLICY_UNBORN});
    PLAY("computes for long in its first life: it may have a journal to replay",
         {351, {.born_ns = 100 * MS, .cpu_ns = 251 * MS}, POLICY_ALIVE});
    PLAY("is stopped before it is ready",
         {150, {.born_ns = 100 * MS, .stopped = true}, POLICY_ALIVE},
         {200, {.born_ns = 100 * MS, .stopped = true}, POLICY_ALIVE},
         {250, {.born_ns = 100 * MS, .stopped = true}, POLICY_UNBORN});
}

static void test_programs(void **)
{
    struct policy_rules program = rules;
    program.heartbeat_ns = 0;
    struct policy_watch watch = {0};
    struct policy_sight waits = {.now_ns = 90000 * MS, .ready = true, .calling = true};
    assert_int_equal(policy_look(&program, &watch, &waits), POLICY_ALIVE);
    waits.now_ns *= 2; // a shell waits for a key as long as it likes
    assert_int_equal(policy_look(&program, &watch, &waits), POLICY_ALIVE);
    waits.gone = true;
    assert_int_equal(policy_look(&program, &watch, &waits), POLICY_GONE);
}

static void test_excuses(void **)
{
    PLAY("held by a debugger for an hour, then slow to answer",
         {50, {.ready = true, .beats = 7, .request_since = 40 * MS}, POLICY_ALIVE},
         {1000000, {.ready = true, .suspended = true, .request_since = 40 * MS}, POLICY_ALIVE},
         {3600000, {.ready = true, .suspended = true, .request_since = 40 * MS}, POLICY_ALIVE},
         {3600390, {.ready = true, .request_since = 40 * MS}, POLICY_ALIVE},
         {3600410, {.ready = true, .request_since = 40 * MS}, POLICY_STUCK});
    PLAY("gets no processor time",
         {50, {.ready = true}, POLICY_ALIVE},
         {100, {.ready = true, .starved = true}, POLICY_ALIVE},
         {150, {.ready = true, .starved = true}, POLICY_ALIVE},
         {450, {.ready = true, .starved = true}, POLICY_ALIVE},
         {490, {.ready = true, .beats = 1}, POLICY_ALIVE});
    PLAY("gets none for ever: no fault of its own, but it may have given its share away",
         {100, {.ready = true, .starved = true}, POLICY_ALIVE},
         {490, {.ready = true, .starved = true}, POLICY_ALIVE},
         {510, {.ready = true, .starved = true}, POLICY_STARVED},
         {560, {.ready = true, .starved = true}, POLICY_ALIVE},
         {910, {.ready = true, .starved = true}, POLICY_ALIVE},
         {920, {.ready = true, .starved = true}, POLICY_STARVED},
         {970, {.ready = true}, POLICY_ALIVE});
    PLAY("is starved while it is born",
         {100, {.starved = true}, POLICY_ALIVE},
         {5000, {.starved = true}, POLICY_STARVED});
    PLAY("waits for a service that is being reborn; the clock starts afresh when it is back",
         {500, {.ready = true, .request_since = 450 * MS, .dependency_down = true}, POLICY_ALIVE},
         {2000, {.ready = true, .request_since = 450 * MS, .dependency_down = true}, POLICY_ALIVE},
         {2390, {.ready = true, .request_since = 450 * MS}, POLICY_ALIVE},
         {2410, {.ready = true, .request_since = 450 * MS}, POLICY_STUCK});
    PLAY("computes for ever, and starves what it may call",
         {500, {.ready = true, .request_since = 450 * MS, .dependency_down = true}, POLICY_ALIVE},
         {550, {.ready = true, .request_since = 450 * MS, .computing = true, .dependency_down = true}, POLICY_ALIVE},
         {890, {.ready = true, .request_since = 450 * MS, .computing = true, .dependency_down = true}, POLICY_ALIVE},
         {910, {.ready = true, .request_since = 450 * MS, .computing = true, .dependency_down = true}, POLICY_STUCK});
    PLAY("is born while what it needs is being reborn",
         {1000, {.dependency_down = true}, POLICY_ALIVE},
         {5000, {.dependency_down = true}, POLICY_ALIVE},
         {6900, {.ready = false}, POLICY_ALIVE},
         {7001, {.ready = false}, POLICY_UNBORN});
    PLAY("a server that waits in a call answers no pings and is not dead, within its budget",
         {50, {.ready = true, .calling = true}, POLICY_ALIVE},
         {100, {.ready = true, .calling = true}, POLICY_ALIVE},
         {440, {.ready = true, .calling = true}, POLICY_ALIVE},
         {460, {.ready = true, .calling = true}, POLICY_STUCK});
    PLAY("many short calls, with work in between",
         {50, {.ready = true, .calling = true}, POLICY_ALIVE},
         {440, {.ready = true, .calling = true, .work = 1}, POLICY_ALIVE},
         {800, {.ready = true, .calling = true, .work = 2}, POLICY_ALIVE});
}

// A death in a row of deaths: how long after birth, with what work, and what must be decided.
struct end {
    struct policy_death death;
    enum policy_action action;
    uint64_t delay_ms;
};

static void bury(const char *story, const struct end *ends, size_t count, uint32_t fruitless)
{
    struct policy_history history = {0};
    for (size_t i = 0; i < count; i++) {
        struct policy_decision decision = policy_decide(&rules, &history, &ends[i].death);
        if (decision.action != ends[i].action || decision.delay_ns != ends[i].delay_ms * MS) {
            fail_msg("%s, death %zu: action %d, delay %llu ns", story, i, decision.action,
                     (unsigned long long)decision.delay_ns);
        }
    }
    assert_int_equal(history.fruitless, fruitless);
}
#define BURY(fruitless, story, ...)                                                                \
    bury(story, (const struct end[]){__VA_ARGS__},                                                 \
         sizeof((const struct end[]){__VA_ARGS__}) / sizeof(struct end), fruitless)

static void test_decisions(void **)
{
    BURY(0, "each life did something: never a crash loop",
         {{.ready = true, .work = 1}, POLICY_REBIRTH, 0},
         {{.ready = true, .work = 1}, POLICY_REBIRTH, 0},
         {{.ready = true, .work = 9}, POLICY_REBIRTH, 0});
    BURY(5, "dies in its start-up each time",
         {{.ready = false}, POLICY_REBIRTH_LATER, 10},
         {{.ready = false}, POLICY_REBIRTH_LATER, 20},
         {{.ready = true}, POLICY_REBIRTH_LATER, 40},
         {{.ready = false}, POLICY_REBIRTH_LATER, 80},
         {{.ready = false}, POLICY_GIVE_UP, 0});
    BURY(3, "one useful life in between does not wipe the slate clean",
         {{.ready = false}, POLICY_REBIRTH_LATER, 10},
         {{.ready = false}, POLICY_REBIRTH_LATER, 20},
         {{.ready = true, .work = 1}, POLICY_REBIRTH, 0},
         {{.ready = false}, POLICY_REBIRTH_LATER, 40});
    BURY(1, "an idle life counts only if it was long",
         {{.ready = true, .born_ns = 0, .now_ns = 5001 * MS}, POLICY_REBIRTH, 0},
         {{.ready = true, .born_ns = 0, .now_ns = 4999 * MS}, POLICY_REBIRTH_LATER, 10});
    BURY(1, "a long life that never became ready was of no use",
         {{.ready = false, .born_ns = 0, .now_ns = 90000 * MS}, POLICY_REBIRTH_LATER, 10});
    BURY(0, "killed on command: no evidence, however often",
         {{.asked = true}, POLICY_REBIRTH, 0}, {{.asked = true}, POLICY_REBIRTH, 0},
         {{.asked = true}, POLICY_REBIRTH, 0}, {{.asked = true}, POLICY_REBIRTH, 0},
         {{.asked = true}, POLICY_REBIRTH, 0}, {{.asked = true}, POLICY_REBIRTH, 0});
}

static void test_longest_delay(void **)
{
    struct policy_rules patient = rules;
    patient.fruitless_limit = 1000;
    struct policy_history history = {.fruitless = 900};
    struct policy_death death = {0};
    assert_int_equal(policy_decide(&patient, &history, &death).delay_ns, 100 * MS);
    patient.delay_ns = 0;
    assert_int_equal(policy_decide(&patient, &history, &death).action, POLICY_REBIRTH);
    patient.delay_ns = patient.delay_max_ns = 3600000 * MS; // the longest a manifest can say
    patient.growth_percent = 1000;
    assert_int_equal(policy_decide(&patient, &history, &death).delay_ns, 3600000 * MS);
}

static void test_one_life(void **)
{
    struct policy_rules once = rules;
    once.fruitless_limit = 0;
    struct policy_history history = {0};
    struct policy_death death = {.ready = true, .work = 100};
    assert_int_equal(policy_decide(&once, &history, &death).action, POLICY_GIVE_UP);
    death.asked = true;
    assert_int_equal(policy_decide(&once, &history, &death).action, POLICY_REBIRTH);
}

static void test_no_room(void **)
{
    struct policy_history history = {0};
    struct policy_death death = {.no_room = true};
    assert_true(policy_decide(&rules, &history, &death).make_room); // what it inherited is in the way
    death.ready = true;
    assert_false(policy_decide(&rules, &history, &death).make_room); // it was born all right
    death.work = 1;
    assert_false(policy_decide(&rules, &history, &death).make_room);
}

// ---- The ladder ----

struct step {
    struct policy_death death;
    enum policy_action action;
    enum policy_rung rung;
};

static void climb(const char *story, const struct step *steps, size_t count)
{
    struct policy_history history = {0};
    for (size_t i = 0; i < count; i++) {
        struct policy_decision d = policy_decide(&rules, &history, &steps[i].death);
        if (d.action != steps[i].action || d.rung != steps[i].rung) {
            fail_msg("%s, step %zu: action %d rung %d, not %d %d", story, i, d.action, d.rung,
                     steps[i].action, steps[i].rung);
        }
    }
}
#define CLIMB(story, ...)                                                                          \
    climb(story, (const struct step[]){__VA_ARGS__},                                               \
          sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))
#define AT(badge, label, call, delivery)                                                           \
    .state = true, .ready = true, .working = true, .request = {badge, label, call, delivery}

static void test_ladder_of_a_request(void **)
{
    CLIMB("a request that kills, and kills in any environment",
          {{AT(1, 5, 77, 0), .work = 9}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 77, 1)}, POLICY_REBIRTH, POLICY_CHANGED},
          {{AT(1, 5, 77, 2)}, POLICY_REBIRTH, POLICY_POISON});
    CLIMB("many requests, each of which kills once",
          {{AT(1, 5, 77, 0), .work = 9}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 78, 0), .work = 1}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 79, 0), .work = 1}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 80, 0), .work = 1}, POLICY_REBIRTH, POLICY_STATE});
    CLIMB("two poisons in turns",
          {{AT(1, 5, 77, 0), .work = 9}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(2, 5, 90, 0), .work = 1}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 77, 1)}, POLICY_REBIRTH, POLICY_CHANGED},
          {{AT(2, 5, 90, 1)}, POLICY_REBIRTH, POLICY_CHANGED},
          {{AT(1, 5, 77, 2)}, POLICY_REBIRTH, POLICY_POISON},
          {{AT(2, 5, 90, 2)}, POLICY_REBIRTH, POLICY_POISON});
    CLIMB("it dies although the poison was taken out: the state is bad",
          {{AT(1, 5, 77, 0), .work = 9}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 77, 1)}, POLICY_REBIRTH, POLICY_CHANGED},
          {{AT(1, 5, 77, 2)}, POLICY_REBIRTH, POLICY_POISON},
          {{AT(1, 5, 77, 3)}, POLICY_REBIRTH_LATER, POLICY_AFRESH});
    CLIMB("calls without numbers are told by being delivered again, and cannot be taken out",
          {{AT(1, 5, 0, 0), .work = 9}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 0, 0), .work = 1}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 0, 1)}, POLICY_REBIRTH, POLICY_CHANGED},
          {{AT(1, 5, 0, 2)}, POLICY_REBIRTH_LATER, POLICY_AFRESH});
    CLIMB("killed on command in the middle of a request: it is no suspect",
          {{AT(1, 5, 77, 0), .asked = true}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 77, 1), .asked = true}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 77, 2), .asked = true}, POLICY_REBIRTH, POLICY_STATE},
          {{AT(1, 5, 77, 3), .work = 1}, POLICY_REBIRTH, POLICY_STATE});
}

static void test_ladder_of_the_state(void **)
{
    CLIMB("heirs die at once, of no request",
          {{.state = true, .ready = true, .work = 9}, POLICY_REBIRTH, POLICY_STATE},
          {{.state = true}, POLICY_REBIRTH_LATER, POLICY_CHANGED},
          {{.state = true}, POLICY_REBIRTH_LATER, POLICY_AFRESH},
          {{.state = false}, POLICY_REBIRTH_LATER, POLICY_AFRESH},
          {{.state = false}, POLICY_REBIRTH_LATER, POLICY_AFRESH},
          {{.state = false}, POLICY_GIVE_UP, 0});
    CLIMB("two checkpoints that are bad, whose heirs leave nothing",
          {{.state = true, .ready = true, .work = 9, .checkpoint = true}, POLICY_REBIRTH, POLICY_STATE},
          {{.state = true, .checkpoint = true}, POLICY_REBIRTH_LATER, POLICY_CHANGED},
          {{.state = true, .checkpoint = true}, POLICY_REBIRTH_LATER, POLICY_CHECKPOINT},
          {{.restored = true, .checkpoint = true}, POLICY_REBIRTH_LATER, POLICY_CHECKPOINT},
          {{.restored = true}, POLICY_REBIRTH_LATER, POLICY_AFRESH});
    CLIMB("the same with a checkpoint, which is bad, too",
          {{.state = true, .ready = true, .work = 9, .checkpoint = true}, POLICY_REBIRTH, POLICY_STATE},
          {{.state = true, .checkpoint = true}, POLICY_REBIRTH_LATER, POLICY_CHANGED},
          {{.state = true, .checkpoint = true}, POLICY_REBIRTH_LATER, POLICY_CHECKPOINT},
          {{.state = true, .checkpoint = false}, POLICY_REBIRTH_LATER, POLICY_AFRESH});
    CLIMB("the last life before the end is tried with those around it",
          {{.group = true}, POLICY_REBIRTH_LATER, POLICY_AFRESH},
          {{.group = true}, POLICY_REBIRTH_LATER, POLICY_AFRESH},
          {{.group = true}, POLICY_REBIRTH_LATER, POLICY_AFRESH},
          {{.group = true}, POLICY_REBIRTH_LATER, POLICY_GROUP},
          {{.group = true}, POLICY_GIVE_UP, 0});
    CLIMB("a planned move that comes to nothing",
          {{.state = true, .second_try = true}, POLICY_REBIRTH, POLICY_STATE},
          {{.state = true}, POLICY_REBIRTH_LATER, POLICY_CHANGED});
}

static void test_last_resort(void **)
{
    struct policy_rules hard = rules;
    hard.reboot = true;
    struct policy_history history = {.fruitless = 4};
    struct policy_death death = {0};
    assert_int_equal(policy_decide(&hard, &history, &death).action, POLICY_RESTART_MACHINE);
}

static void test_healing(void **)
{
    struct policy_history history = {.fruitless = 2};
    assert_false(policy_heal(&rules, &history, 99999 * MS)); // not ready: no health at all
    policy_well_from(&history, 1000 * MS);
    assert_false(policy_heal(&rules, &history, 11000 * MS));
    assert_true(policy_heal(&rules, &history, 11001 * MS));
    assert_int_equal(history.fruitless, 1);
    assert_false(policy_heal(&rules, &history, 11002 * MS)); // each one takes its time
    struct policy_death death = {.ready = true, .work = 5};
    (void)policy_decide(&rules, &history, &death); // even a useful one's death interrupts health
    assert_false(policy_heal(&rules, &history, 999999 * MS));
    policy_well_from(&history, 20000 * MS);
    assert_true(policy_heal(&rules, &history, 30001 * MS));
    assert_int_equal(history.fruitless, 0);
    assert_false(policy_heal(&rules, &history, 99999 * MS));
}

static void test_start_order(void **)
{
    assert_true(policy_may_start(0, 0));
    assert_true(policy_may_start(5, 7));
    assert_false(policy_may_start(5, 3));
}

// Numbers from a status page may be anything: a verdict must come, with no overflow (UBSan
// watches).
static void test_nonsense(void **)
{
    srand(1);
    struct policy_watch watch = {0};
    for (int i = 0; i < 200000; i++) {
        uint64_t r[8];
        for (int k = 0; k < 8; k++) {
            uint64_t huge = UINT64_MAX - (uint64_t)rand() % 3;
            uint64_t any = (uint64_t)rand() << rand() % 34;
            r[k] = rand() % 4 == 0 ? huge : any;
        }
        struct policy_sight sight = {
            .now_ns = r[0], .born_ns = r[1], .beats = r[2], .work = r[3], .queue = (uint32_t)r[4],
            .request_since = r[5], .ready = r[6] & 1, .suspended = (r[6] & 6) == 6,
            .starved = r[6] & 8, .calling = r[6] & 16, .dependency_down = r[6] & 32, .computing = r[6] & 64,
        };
        assert_in_range(policy_look(&rules, &watch, &sight), POLICY_ALIVE, POLICY_GONE);
        watch.pinged = r[7] & 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alive),         cmocka_unit_test(test_computes),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_excuses),       cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_longest_delay), cmocka_unit_test(test_one_life),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_ladder_of_a_request), cmocka_unit_test(test_ladder_of_the_state),
        cmocka_unit_test(test_last_resort),
        cmocka_unit_test(test_healing),       cmocka_unit_test(test_start_order),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
