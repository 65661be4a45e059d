// SPDX-License-Identifier: MIT
// Cannot live in a machine that has just been switched on, so that the machine is restarted for it. In
// the next boot it checks what the supervisor knows of the one before.
#include "interfaces/rs.client.h"
#include "lib/rt/rt.h"
#include <string.h>

enum { LIVES = 4 }; // as the manifest says: fruitless_limit

static uint32_t failed, done;

static void check(bool good, const char *what, const char *detail)
{
    done++;
    failed += !good;
    log_info("%s: %s (%s)", good ? "good" : "BAD", what, detail);
}

static bool has_seed(const uint8_t seed[32])
{
    static const uint8_t none[32];
    return memcmp(seed, none, sizeof(none)) != 0;
}

// The events of the boot before: its deaths, the last of them on the last rung.
static void examine_events(void)
{
    static struct rs_event some[8];
    uint64_t next = 0;
    uint32_t count = 1, deaths = 0, climbed = 0;
    enum status status = OK;
    while (status == OK && count > 0) {
        status = rs_events_before(H_RS, 1, next, some, sizeof(some), &count, &next);
        for (uint32_t i = 0; status == OK && i < count; i++) {
            const struct rs_event *e = &some[i];
            deaths += e->kind == RS_DEATH && e->cause == RS_ASSERT && has_seed(e->seed) &&
                      strstr(e->text, "no boot before") && strncmp(e->place, "die_of_it", 9) == 0;
            climbed += e->kind == RS_CLIMBED && e->rung == 7 && e->decision == 4;
        }
    }
    check(status == OK, "events", rt_status_name(status));
    check(deaths == LIVES, "a death event for each life: cause, text, place, seed", "events");
    check(climbed == 1, "the last rung", "events");
}

static void examine_records(void)
{
    static struct rs_death some[2];
    uint64_t next = 0;
    uint32_t count = 1, good = 0, last_rung = 0;
    enum status status = OK;
    while (status == OK && count > 0) {
        status = rs_deaths_before(H_RS, 1, next, some, sizeof(some), &count, &next);
        for (uint32_t i = 0; status == OK && i < count; i++) {
            const struct rs_death *d = &some[i];
            good += d->cause == RS_ASSERT && has_seed(d->seed) && d->frame_count > 1 &&
                    strcmp(d->name, "hopeless") == 0 && strstr(d->text, "no boot before");
            last_rung = d->rung;
        }
    }
    check(status == OK, "death records", rt_status_name(status));
    check(good == LIVES, "a death record for each life", "records");
    check(last_rung == 7, "the last rung", "records");
}

// The new log begins with the restart.
static void examine_restart(void)
{
    static struct rs_event e;
    uint64_t next, lost;
    uint32_t count;
    enum status status = rs_watch(H_RS, 0, false, &e, sizeof(e), &count, &next, &lost);
    check(status == OK && e.kind == RS_RESTARTED && e.value == 2, "the restart is an event", e.text);
    check(strstr(e.text, "hopeless, rung 7: ") && strstr(e.text, "no boot before"), "because", e.text);
    status = rs_events_before(H_RS, 2, 0, &e, sizeof(e), &count, &next);
    check(status == ERR_NOT_FOUND, "there was no third boot", rt_status_name(status));
}

[[gnu::noinline]] static void die_of_it(void)
{
    rt_die("there was no boot before this one");
}

int service_main(void)
{
    static struct rs_event e;
    uint64_t next;
    uint32_t count;
    if (rs_events_before(H_RS, 1, 0, &e, sizeof(e), &count, &next) == ERR_NOT_FOUND) {
        die_of_it();
    }
    rt_ready();
    examine_restart();
    examine_events();
    examine_records();
    log_info("examined: %u checks, %u failed", done, failed);
    return (int)rs_power(H_RS, 1);
}
