// SPDX-License-Identifier: MIT
// Rebirth: from the death of a service to the first request that it answers again.
//
// A request is made right behind each death, so that it waits for the heir. Two measures: the supervisor's own
// times (from detection, with the waiting for the host's disk in them), and all instructions from the command to
// kill until the request has returned, waiting left out: more than the recovery itself, never less.
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "bench/guest/subject.h"
#include <stdio.h>

enum { DEATHS = 200, COLD_DEATHS = 40, LADEN_DEATHS = 40, WAIT_MS = 5000 };
// Requests between the last time that a spare is certain to have looked and the death: it has not been told to look again.
enum { LOAD = 480 };

// Deaths that are noticed at once. An endless loop is found by heartbeat: that time is a setting.
static const uint32_t ways[] = {RS_NULL_POINTER, RS_JUMP, RS_ASSERTION, RS_END};

// The record of the latest death, once the newborn has completed work; false after WAIT_MS.
static bool recovered(uint32_t number, struct rs_death *death)
{
    uint64_t limit = rt_now_ns() + WAIT_MS * 1000000ull;
    while (rt_now_ns() < limit) {
        if (rs_record(H_RS, number, 0, death, sizeof *death) == OK && death->first_work_ns) {
            return true;
        }
        rt_sleep_until(rt_now_ns() + 1000000);
    }
    return false;
}

static void report(const char *who, const char *what, struct samples *samples)
{
    char name[64];
    snprintf(name, sizeof name, "%s_recovery_%s_ns", who, what);
    samples_report(name, samples);
}

static bool work(struct subject *s, int requests)
{
    while (requests > 0 && s->work()) {
        requests--;
    }
    return requests == 0;
}

// `requests` of work come between the moment that the spare is as far as that and the death.
static void deaths_of(struct subject *s, const char *who, int deaths, enum rs_spare spare, int requests)
{
    struct samples busy = {}, whole = {}, newborn = {}, ready = {};
    for (int i = 0; i < deaths; i++) {
        static struct rs_death death;
        bool ok = (!s->prepare || s->prepare()) && subject_settled(s, spare) && work(s, requests);
        uint64_t before = busy_ns();
        ok = ok && rs_kill(H_RS, s->number, ways[i % 4]) == OK && s->ask();
        uint64_t after = busy_ns();
        if (!ok || !recovered(s->number, &death)) {
            report_failure(who, "a round of its recovery failed", i);
            break;
        }
        samples_add(&newborn, death.newborn_ns - death.detected_ns);
        samples_add(&ready, death.ready_ns - death.detected_ns);
        samples_add(&busy, after - before);
        samples_add(&whole, death.first_work_ns - death.detected_ns);
        rt_beat();
    }
    report(who, "to_newborn", &newborn);
    report(who, "to_ready", &ready);
    report(who, "elapsed", &whole);
    report(who, "busy", &busy);
}

void recovery_of(struct subject *s, const char *who)
{
    char other[32];
    deaths_of(s, who, DEATHS, RS_COPIED, 0);
    if (s->work) {
        snprintf(other, sizeof other, "%s_laden", who);
        deaths_of(s, other, LADEN_DEATHS, RS_COPIED, LOAD);
    }
    snprintf(other, sizeof other, "%s_cold", who);
    deaths_of(s, other, COLD_DEATHS, RS_LINKED, 0);
}

void bench_recovery(void)
{
    if (subject_find(&subject_blk)) {
        recovery_of(&subject_blk, "driver");
    }
}
