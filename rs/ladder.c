// SPDX-License-Identifier: MIT
// The upper rungs of the ladder, where more than the dead one itself is concerned.
#include "rs/boots.h"
#include "rs/events.h"
#include "rs/record.h"
#include <stdio.h>

// ---- Those around it ----

// Whom it needs and who needs it, as the manifest says; one step in each direction.
static bool around(const struct service *s, const struct service *other)
{
    uint64_t bit = 1ull << s->index, other_bit = 1ull << other->index;
    return other != s && service_lives(other) &&
           (s->entry->needs & other_bit || other->entry->needs & bit);
}

bool ladder_has_group(const struct service *s)
{
    for (uint32_t i = 0; i < service_count; i++) {
        if (around(s, &services[i])) {
            return true;
        }
    }
    return false;
}

// Each begins afresh: what they have agreed upon with each other may be what is wrong.
void ladder_group(struct service *s)
{
    char text[RS_TEXT_BYTES];
    snprintf(text, sizeof(text), "reborn together with %s", s->name);
    const struct death_facts f = {.cause = RS_REPLACED, .text = text};
    for (uint32_t i = 0; i < service_count; i++) {
        if (around(s, &services[i])) {
            service_died(&services[i], &f);
        }
    }
}

// ---- The machine ----

// On the serial line, too: the next boot finds the log only if memory is kept.
static void log_events(void)
{
    const struct rs_event *e;
    for (uint64_t i = events_oldest(); (e = event_find(i)) != nullptr; i++) {
        log_info("event %llu at %llu us: kind %u, %s[%u], cause %u, rung %u: %s",
                 (unsigned long long)e->sequence, (unsigned long long)(e->time_ns / 1000), e->kind,
                 e->name, e->incarnation, e->cause, e->rung, e->text);
    }
}

static void restart(void *service)
{
    const struct service *s = service;
    const struct rs_death *d;
    corpses_settle(); // so that all is in the events
    log_events();
    d = record_find(s->last_record);
    boots_say("%s, rung 7: %s: %s%s%s", s->name, cause_text(s->last_cause), d ? d->text : "?",
              s->place[0] ? " at " : "", s->place);
    boots_end_machine(SYSTEM_REBOOT);
}

void ladder_restart_machine(struct service *s)
{
    enum : uint64_t { LAST_WORDS_NS = 100000000 }; // for those who watch
    s->state = RS_GIVEN_UP;
    log_error("%s cannot be brought back, and its manifest says: restart the machine", s->name);
    rt_timer(&s->birth_timer, rt_now_ns() + LAST_WORDS_NS, restart, s);
}
