// SPDX-License-Identifier: MIT
// Events and states of the supervisor as lines for the host.
#include "apps/conductor/conductor.h"
#include "apps/lib/strip.h"
#include "interfaces/rs.client.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"
#include <string.h>

enum {
    EVENTS = 16,        // fetched at once
    SERVICE_LINE = 432, // longest text of one service
    RS_OF_TWIN = 1,     // the number of rs, as the twin counts
};

static uint64_t position, twin_position; // in the events of the supervisor and its twin

// The supervisor writes into these, in no transaction of ours.
MOVE_NEVER(events) static struct rs_event events[EVENTS];
MOVE_NEVER(services) static struct rs_service services[RS_SERVICES_MAX + 1];
MOVE_NEVER(death) static struct rs_death death;

// The names that the host knows.
static const char *cause_text(uint32_t cause)
{
    static const char *const names[] = {"",      "exception",     "assert",       "hang",   "exit",
                                        "quota", "birth timeout", "birth failed", "killed", "replaced",
                                        "move failed"};
    return cause < sizeof(names) / sizeof(names[0]) ? names[cause] : "unknown";
}

static const char *birth_text(uint32_t birth)
{
    static const char *const names[] = {"first", "crash", "hang", "exit", "asked",
                                        "moved", "updated"};
    return birth < sizeof(names) / sizeof(names[0]) ? names[birth] : "unknown";
}

static const char *state_text(uint32_t state)
{
    static const char *const names[] = {"waiting", "born", "ready", "delayed", "given up", "held"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

static void tell_death(struct json *j, const struct rs_event *e)
{
    json_text(j, "cause", cause_text(e->cause));
    json_text_n(j, "detail", e->text, sizeof(e->text));
    json_text_n(j, "place", e->place, sizeof(e->place));
    json_bool(j, "asked", e->asked != 0);
    json_text_n(j, "request", e->request, sizeof(e->request));
    json_number(j, "latency_ns", e->value);
}

// What was taken over, and how sure that was: see struct event in interfaces/rs.idl.
static void tell_state(struct json *j, const struct rs_event *e)
{
    json_number(j, "move_ns", e->move_ns);
    json_number(j, "bytes", e->move_bytes);
    json_number(j, "objects", e->move_objects);
    json_number(j, "pointers", e->move_pointers);
    json_number(j, "leaks", e->move_leaks);
    json_number(j, "tried", e->move_tried);
    json_number(j, "found", e->move_found);
    json_number(j, "doubtful", e->move_doubtful);
}

// `why` of a give-up, `text` of the rest, is what the supervisor says about it.
static void tell_event(const struct rs_event *e)
{
    static const char *const kinds[] = {"unknown",   "birth",   "ready",  "death", "recovered",
                                        "backoff", "giveup", "healed", "command",
                                        "moved", "move_gave_up", "climbed", "poisoned",
                                        "proven", "rolled_back", "checkpoint",
                                        "checkpoint_failed", "restarted"};
    char line[LINE_MAX];
    struct json j;
    json_start(&j, line, sizeof(line));
    json_number(&j, "t", e->time_ns);
    json_text(&j, "ev", e->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[e->kind] : "unknown");
    json_text_n(&j, "service", e->name, sizeof(e->name));
    json_number(&j, "incarnation", e->incarnation);
    switch (e->kind) {
    case RS_BIRTH:
        json_text_n(&j, "module", e->module, sizeof(e->module));
        json_hex(&j, "seed", e->seed, sizeof(e->seed));
        json_text(&j, "cause", birth_text(e->birth));
        break;
    case RS_DEATH:
        tell_death(&j, e);
        break;
    case RS_MOVED:
        json_hex(&j, "seed", e->seed, sizeof(e->seed));
        json_text(&j, "cause", birth_text(e->birth));
        json_text_n(&j, "module", e->module, sizeof(e->module));
        json_number(&j, "ns", e->value);
        tell_state(&j, e);
        break;
    case RS_READY_TO_WORK:
        json_number(&j, "ns", e->value);
        if (e->move_ns != 0) { // an heir
            tell_state(&j, e);
        }
        break;
    case RS_CLIMBED:
        json_number(&j, "rung", e->rung);
        json_text(&j, "cause", cause_text(e->cause));
        json_text_n(&j, "text", e->text, sizeof(e->text));
        break;
    case RS_GIVE_UP:
        json_text_n(&j, "why", e->text, sizeof(e->text));
        break;
    default:
        json_number(&j, "ns", e->value);
        json_text_n(&j, "text", e->text, sizeof(e->text));
    }
    event_end(&j);
}

// Where the service lies now: for people to see that it is somewhere else each time.
static void tell_layout(handle_t rs, const struct rs_event *e)
{
    uint8_t cells[2][RS_STRIP_CELLS];
    char line[LINE_MAX], strip[RS_STRIP_CELLS + 1];
    struct json j;
    if (rs_layout(rs, e->service, cells, sizeof(cells)) != OK) {
        return;
    }
    event_start(&j, line, "layout");
    json_text_n(&j, "service", e->name, sizeof(e->name));
    json_number(&j, "incarnation", e->incarnation);
    strip_text(strip, cells[0], RS_STRIP_CELLS);
    json_text(&j, "window", strip);
    strip_text(strip, cells[1], RS_STRIP_CELLS);
    json_text(&j, "space", strip);
    event_end(&j);
}

// The course of the death that it has just recovered from.
static void tell_incident(handle_t rs, const struct rs_event *e)
{
    char line[LINE_MAX];
    struct json j;
    if (rs_record(rs, e->service, 0, &death, sizeof(death)) != OK) {
        return;
    }
    event_start(&j, line, "incident");
    json_text_n(&j, "service", death.name, sizeof(death.name));
    json_number(&j, "incarnation", death.incarnation);
    json_number(&j, "record", death.sequence);
    json_text(&j, "cause", cause_text(death.cause));
    json_number(&j, "death", death.death_ns);
    json_number(&j, "detected", death.detected_ns);
    json_number(&j, "newborn", death.newborn_ns);
    json_bool(&j, "spare", death.from_spare != 0);
    json_number(&j, "moved", death.moved_ns);
    json_number(&j, "move_ns", death.move_ns);
    json_number(&j, "ready", death.ready_ns);
    json_number(&j, "redelivered", death.redelivered_ns);
    json_number(&j, "first_work", death.first_work_ns);
    event_end(&j);
}

static void tell_more(handle_t rs, const struct rs_event *e)
{
    if (e->kind == RS_READY_TO_WORK || e->kind == RS_MOVED) {
        tell_layout(rs, e);
    } else if (e->kind == RS_RECOVERED) {
        tell_incident(rs, e);
    }
}

static void tell_lost(uint64_t lost)
{
    char line[LINE_MAX];
    struct json j;
    event_start(&j, line, "error");
    json_text(&j, "who", "conductor");
    json_text(&j, "what", "events of the supervisor were lost");
    json_number(&j, "count", lost);
    event_end(&j);
}

handle_t supervisor_of(const char *service)
{
    handle_t twin = rt_handle("twin");
    return twin != HANDLE_NONE && strcmp(service, "rs") == 0 ? twin : H_RS;
}

// Some at a time, for the sake of the room in the channel. true: there may be more.
static bool poll_one(handle_t rs, uint64_t *position)
{
    uint64_t lost, next;
    uint32_t count = 0;
    enum status status = rs_watch(rs, *position, false, events, sizeof(events), &count, &next, &lost);
    if (status != OK) {
        if (status != ERR_AGAIN) {
            log_error("the supervisor does not tell its events: status %u", status);
        }
        return false;
    }
    if (lost > 0 && *position > 0) {
        tell_lost(lost);
    }
    for (uint32_t i = 0; i < count && i < EVENTS; i++) {
        tell_event(&events[i]);
        tell_more(rs, &events[i]);
    }
    *position = next;
    return true;
}

static void poll(void *)
{
    handle_t twin = rt_handle("twin");
    if (channel_room() < 4 * (EVENTS + 1) * LINE_MAX) {
        return; // at a later tick
    }
    bool more = poll_one(H_RS, &position);
    more = (twin != HANDLE_NONE && poll_one(twin, &twin_position)) || more;
    if (more) {
        supervisor_poll();
    }
}

void supervisor_poll(void)
{
    (void)rt_at_commit(poll, nullptr); // else at the next tick
}

static void tell_service(struct json *j, const struct rs_service *s)
{
    json_item(j);
    json_text_n(j, "name", s->name, sizeof(s->name));
    json_text(j, "state", state_text(s->state));
    json_number(j, "incarnation", s->incarnation);
    json_number(j, "restarts", s->deaths);
    if (s->beats > 0 || s->number == 0) { // a program that is no server is never pinged
        json_number(j, "beat_ms", s->beat_age_ns / 1000000);
    }
    json_number(j, "cpu_ns", s->cpu_ns);
    json_number(j, "memory", s->memory_bytes);
    json_number(j, "handles", s->handles);
    json_number(j, "heap_bytes", s->heap_bytes);
    json_number(j, "heap_objects", s->heap_objects);
    json_number(j, "moves", s->moves);
    json_number(j, "spare", s->spare);
    json_text(j, "cause", cause_text(s->cause));
    json_text_n(j, "place", s->place, sizeof(s->place));
    json_number(j, "recovery_ns", s->recovery_ns);
    json_item_end(j);
}

// The twin knows more of rs than it does itself, but not how much of the machine's memory it has handed on.
static void ask_twin(struct rs_service *rs)
{
    uint64_t memory = rs->memory_bytes;
    handle_t twin = rt_handle("twin");
    if (twin != HANDLE_NONE && rs_info(twin, RS_OF_TWIN, rs, sizeof(*rs)) == OK) {
        rs->memory_bytes = memory;
    }
}

// What the kernel has given out: what leaks with a death shows here, whoever lost it.
static void tell_machine(void)
{
    char line[LINE_MAX];
    struct json j;
    struct system_info info;
    if (sys_system_info(&info) != OK) {
        return;
    }
    event_start(&j, line, "machine");
    json_number(&j, "free_pages", info.free_pages);
    json_number(&j, "reaping", info.reaping);
    json_number(&j, "kernel_object_bytes", info.kernel_object_bytes);
    json_number(&j, "tasks", info.tasks);
    json_number(&j, "threads", info.threads);
    json_number(&j, "ports", info.ports);
    json_number(&j, "replies", info.replies);
    json_number(&j, "memories", info.memories);
    event_end(&j);
}

// As many services a line as certainly fit; the host puts the parts together.
void supervisor_services(void)
{
    enum { A_LINE = LINE_MAX / SERVICE_LINE };
    uint32_t count;
    if (channel_room() < (RS_SERVICES_MAX + 1) * SERVICE_LINE + LINE_MAX) {
        return;
    }
    enum status status = rs_list(H_RS, services, sizeof(services), &count);
    if (status != OK) {
        log_error("the supervisor does not list its services: status %u", status);
        return;
    }
    count = count <= RS_SERVICES_MAX + 1 ? count : RS_SERVICES_MAX + 1;
    ask_twin(&services[0]);
    uint32_t parts = (count + A_LINE - 1) / A_LINE;
    for (uint32_t part = 0; part < parts; part++) {
        char line[LINE_MAX];
        struct json j;
        event_start(&j, line, "services");
        json_number(&j, "part", part + 1);
        json_number(&j, "parts", parts);
        json_list(&j, "list");
        for (uint32_t i = part * A_LINE; i < count && i < (part + 1) * A_LINE; i++) {
            tell_service(&j, &services[i]);
        }
        json_list_end(&j);
        event_end(&j);
    }
    tell_machine();
}
