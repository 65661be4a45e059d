// SPDX-License-Identifier: MIT
// Commands about services: ps kill hang hold release restart log trace deaths.
#include "apps/lib/poll.h"
#include "apps/shell/output.h"
#include "apps/shell/services.h"
#include "apps/shell/shell.h"
#include "interfaces/rs.client.h"
#include "interfaces/trace.h"
#include "lib/rt/rt.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int complain_status(const char *what, enum status status)
{
    return complain_about(what, (struct outcome){status, 0});
}

static const char *state_text(uint32_t state)
{
    static const char *const names[] = {"waiting", "born", "ready", "delayed", "given up", "held"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

const char *death_cause_text(uint32_t cause)
{
    static const char *const names[] = {"-",    "exception", "assert",       "hang",   "exit",
                                        "quota", "slow birth", "failed birth", "killed", "replaced",
                                        "move failed"};
    return cause < sizeof(names) / sizeof(names[0]) ? names[cause] : "?";
}

enum { RS_OF_TWIN = 1 }; // the number of rs, as the twin counts

// The supervisor is a service of its twin.
static handle_t supervisor_of(const char *word)
{
    handle_t twin = rt_handle("twin");
    return twin != HANDLE_NONE && strcmp(word, "rs") == 0 ? twin : H_RS;
}

uint32_t find_service(const char *word)
{
    uint32_t number = 0;
    size_t n = strlen(word);
    shell.over = supervisor_of(word);
    enum status status = n >= 1 && n <= 31 ? rs_find(shell.over, word, n, &number) : ERR_NOT_FOUND;
    if (status == ERR_NOT_FOUND) {
        complain("%s: there is no such service; ps shows them", word);
    } else if (status != OK) {
        complain_status(word, status);
    }
    return status == OK ? number : 0;
}

// What a service does while something cannot be done with it, and what helps.
static const char *hindrance(uint32_t state)
{
    switch (state) {
    case RS_WAITING:
        return "waiting to be started; ps shows when it is ready";
    case RS_BORN:
        return "being born; ps shows when it is ready";
    case RS_READY:
        return "ready: it is not held, is being moved already, or commands itself";
    case RS_DELAYED:
        return "dead; it is reborn when its delay is over, or by restart";
    case RS_GIVEN_UP:
        return "dead and given up; restart revives it";
    default:
        return "held; release lets it go on";
    }
}

int complain_refusal(const char *name, uint32_t number, enum status status)
{
    struct rs_service s;
    if (status != ERR_STATE || rs_info(shell.over, number, &s, sizeof(s)) != OK) {
        return complain_status(name, status);
    }
    return complain("%s: this cannot be done while it is %s", name, hindrance(s.state));
}

// ---- Is it there? ----

bool files_are_there(void)
{
    static const uint64_t patience_ns = 5000000000, step_ns = 20000000;
    uint64_t start = rt_now_ns();
    uint32_t number;
    struct rs_service s = {0};
    if (rs_find(shell.rs, "fs", 2, &number) != OK) {
        complain("this image has no file service");
        return false;
    }
    while (rs_info(shell.rs, number, &s, sizeof(s)) == OK && s.state == RS_WAITING && !interrupted() &&
           rt_now_ns() - start < patience_ns) {
        (void)app_wait(0, "fs", rt_now_ns() + step_ns);
    }
    switch (s.state) {
    case RS_WAITING:
        complain("the file service has not started, because what it needs is not ready: see ps and log");
        return false;
    case RS_GIVEN_UP:
        complain("the file service was given up: see deaths fs; `restart fs` revives it");
        return false;
    case RS_HELD:
        complain("the file service is held: `release fs` lets it go on");
        return false;
    default:
        return true; // if it is dead, it is being reborn, and the call waits for that
    }
}

// ---- ps ----

static void show_service(const struct rs_service *s)
{
    char memory[16], limit[16], last[24] = "-";
    if (s->cause != RS_NONE) {
        size_t n = strlen(death_cause_text(s->cause));
        memcpy(last, death_cause_text(s->cause), n);
        strcpy(last + n, s->asked ? " (asked)" : "");
    }
    say("%-12.*s %-8s %5u %5u  %-18s %6llu %7llu %10s %10s %8llu\n", FIELD(s->name),
        state_text(s->state), s->incarnation, s->deaths, last, (unsigned long long)s->beat_age_ns / 1000000,
        (unsigned long long)s->cpu_ns / 1000000, size_text(memory, s->memory_bytes),
        size_text(limit, s->memory_limit), (unsigned long long)s->work);
}

static void show_more(const struct rs_service *s)
{
    char heap[16];
    say("   %u threads, %u handles, priority %u; %u requests wait, %u parked; heap %s in %llu objects\n",
        s->threads, s->handles, s->priority, s->queue, s->parked, size_text(heap, s->heap_bytes),
        (unsigned long long)s->heap_objects);
    say("   alive for %llu ms, %llu heartbeats", (unsigned long long)s->age_ns / 1000000,
        (unsigned long long)s->beats);
    if (s->request_ns > 0) {
        say(", at its request for %llu us", (unsigned long long)s->request_ns / 1000);
    }
    if (s->waiting_on[0]) {
        say(", waiting for %.*s", FIELD(s->waiting_on));
    }
    say("\n");
    static const char *const spares[] = {"no spare", "a spare is being linked", "a spare is linked", "a spare is linked and has copied ahead"};
    say("   %s%s", s->on_trial ? "a new version on trial; " : "", s->spare < sizeof(spares) / sizeof(spares[0]) ? spares[s->spare] : "?");
    if (s->moves > 0) {
        say("; moved %u times, away for %llu us the last time", s->moves,
            (unsigned long long)s->pause_ns / 1000);
    }
    say("\n");
    if (s->deaths > 0) {
        say("   last death at %.*s, served again after %llu us\n", FIELD(s->place),
            (unsigned long long)s->recovery_ns / 1000);
    }
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

int cmd_ps(int argc, char **argv)
{
    bool option[128];
    uint32_t count;
    if ((argc = take_options(argc, argv, "l", option)) != 1) {
        return argc == 0 ? 1 : usage();
    }
    size_t bytes = (RS_SERVICES_MAX + 1) * sizeof(struct rs_service);
    struct rs_service *all = malloc(bytes);
    if (!all) {
        return complain_about("ps", outcome_errno(ENOMEM));
    }
    enum status status = rs_list(shell.rs, all, bytes, &count);
    if (status == OK) {
        say("%-12s %-8s %5s %5s  %-18s %6s %7s %10s %10s %8s\n", "service", "state", "incar", "dead",
            "last death", "beat/ms", "cpu/ms", "memory", "of", "requests");
        ask_twin(&all[0]);
        for (uint32_t i = 0; i < count && i <= RS_SERVICES_MAX && !interrupted(); i++) {
            show_service(&all[i]);
            if (option['l']) {
                show_more(&all[i]);
            }
        }
    }
    free(all);
    return status == OK ? 0 : complain_status("the supervisor", status);
}

// ---- Commands to the supervisor ----

static const struct {
    const char *word;
    enum rs_how how;
} ways[] = {
    {"null", RS_NULL_POINTER}, {"jump", RS_JUMP}, {"loop", RS_LOOP}, {"assert", RS_ASSERTION},
    {"exit", RS_END},          {"silence", RS_SILENCE}, {"now", RS_NOW},
};

int cmd_kill(int argc, char **argv)
{
    enum rs_how how = RS_NULL_POINTER;
    if (argc < 2 || argc > 3) {
        return usage();
    }
    bool known = argc == 2;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && !known; i++) {
        known = strcmp(argv[2], ways[i].word) == 0;
        how = ways[i].how;
    }
    if (!known) {
        return usage();
    }
    uint32_t number = find_service(argv[1]);
    enum status status = number ? rs_kill(shell.over, number, how) : OK;
    return number == 0 ? 1 : status == OK ? 0 : complain_refusal(argv[1], number, status);
}

// hang, hold, release, restart: the name of a service and nothing else.
static int command(int argc, char **argv, enum status (*order)(uint32_t number))
{
    if (argc != 2) {
        return usage();
    }
    uint32_t number = find_service(argv[1]);
    enum status status = number ? order(number) : OK;
    return number == 0 ? 1 : status == OK ? 0 : complain_refusal(argv[1], number, status);
}

static enum status order_hang(uint32_t number)
{
    return rs_kill(shell.over, number, RS_SILENCE);
}

static enum status order_hold(uint32_t number)
{
    return rs_hold(shell.over, number);
}

static enum status order_release(uint32_t number)
{
    return rs_release(shell.over, number);
}

static enum status order_restart(uint32_t number)
{
    return rs_restart(shell.over, number);
}

int cmd_hang(int argc, char **argv)
{
    return command(argc, argv, order_hang);
}

int cmd_hold(int argc, char **argv)
{
    return command(argc, argv, order_hold);
}

int cmd_release(int argc, char **argv)
{
    return command(argc, argv, order_release);
}

int cmd_restart(int argc, char **argv)
{
    return command(argc, argv, order_restart);
}

// ---- Looking ----

// Passes the log from byte *at on to `take`, which may be nullptr, and leaves *at at its end.
static enum status read_log(uint64_t *at, void (*take)(const void *text, size_t bytes))
{
    char text[8192];
    uint32_t bytes = 1;
    enum status status = OK;
    while (status == OK && bytes > 0 && !interrupted()) {
        status = rs_log(shell.rs, *at, text, sizeof(text), at, &bytes);
        if (take && bytes <= sizeof(text)) {
            take(text, bytes);
        }
    }
    return status;
}

int cmd_log(int argc, char **argv)
{
    uint64_t at = 0;
    (void)argv;
    if (argc > 1) {
        return usage();
    }
    enum status status = read_log(&at, say_bytes);
    return status == OK ? 0 : complain_status("the log", status);
}

// Figures of the bench service are log lines "[time] bench[n]: B name key=value …".
static void say_figures(const void *bytes, size_t n)
{
    static const char mark[] = "]: B ";
    const char *text = bytes, *end = text + n;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop ? stop : end;
        const char *at = memmem(text, (size_t)(stop - text), mark, sizeof(mark) - 1);
        if (at) {
            at += sizeof(mark) - 1;
            say("%.*s\n", (int)(stop - at), at);
        }
        text = stop + 1;
    }
}

uint64_t log_end(void)
{
    uint64_t at = 0;
    (void)read_log(&at, nullptr);
    return at;
}

void show_figures(uint64_t since)
{
    (void)read_log(&since, say_figures);
}

void show_event(const struct rs_event *e)
{
    static const char *const kinds[] = {"?",        "born",    "ready",  "died",   "serves again",
                                        "back-off", "given up", "healed", "command", "moved", "not moved",
                                        "ladder", "poisoned", "proven", "rolled back",
                                        "checkpoint", "no checkpoint", "restarted"};
    uint64_t us = e->time_ns / 1000;
    say("%6llu.%06llu %-12.*s %3u  %-12s", (unsigned long long)(us / 1000000),
        (unsigned long long)(us % 1000000), FIELD(e->name), e->incarnation,
        e->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[e->kind] : "?");
    if (e->kind == RS_POISONED) {
        say(" letter %llu", (unsigned long long)e->value);
    } else if (e->kind == RS_DEATH) {
        say(" %s: %.*s at %.*s", death_cause_text(e->cause), FIELD(e->text), FIELD(e->place));
    } else if (e->kind == RS_MOVED) {
        say(" away for %llu us; %llu bytes, %llu objects, %llu pointers in %llu us",
            (unsigned long long)e->value / 1000, (unsigned long long)e->move_bytes,
            (unsigned long long)e->move_objects, (unsigned long long)e->move_pointers,
            (unsigned long long)e->move_ns / 1000);
    } else if (e->text[0]) {
        say(" %.*s", FIELD(e->text));
    } else if (e->kind == RS_RECOVERED || e->kind == RS_READY_TO_WORK ||
               e->kind == RS_BACKOFF) {
        say(" after %llu us", (unsigned long long)e->value / 1000);
    }
    say("\n");
}

// Events as they happen, until Ctrl-C; "trace past" only shows those that are kept.
int cmd_trace(int argc, char **argv)
{
    enum { ROOM = 16 };
    bool past = argc == 2 && strcmp(argv[1], "past") == 0;
    if (argc > 1 && !past) {
        return usage();
    }
    struct rs_event *events = malloc(ROOM * sizeof(*events));
    enum status status = events ? OK : ERR_MEMORY;
    uint64_t after = 0;
    while (status == OK && !interrupted()) {
        uint32_t count;
        uint64_t lost, next;
        status = rs_watch(shell.rs, after, false, events, ROOM * sizeof(*events), &count, &next, &lost);
        if (status == ERR_AGAIN && !past) {
            status = OK;
            output_flush();
            (void)app_wait(0, "events", rt_now_ns() + 50000000);
            continue;
        }
        if (status == OK && lost > 0 && after > 0) {
            say("(%llu events were lost)\n", (unsigned long long)lost);
        }
        for (uint32_t i = 0; status == OK && i < count && i < ROOM; i++) {
            show_event(&events[i]);
        }
        after = status == OK ? next : after;
    }
    free(events);
    return status == OK || status == ERR_AGAIN ? 0 : complain_status("the supervisor", status);
}

static void show_messages(const struct rs_death *d)
{
    say("last messages%s\n", d->message_count > 0 ? ", oldest first:" : ": none");
    for (uint32_t i = 0; i < d->message_count && i < RS_MESSAGES; i++) {
        const struct rs_message *m = &d->messages[i];
        char label[64];
        trace_label(label, sizeof(label), m->label);
        say("  %llu us before: %s, first word %#llx, from badge %#llx%s\n",
            (unsigned long long)(d->detected_ns > m->time_ns ? d->detected_ns - m->time_ns : 0) / 1000, label,
            (unsigned long long)m->word0, (unsigned long long)m->badge,
            m->delivery > 0 ? ", delivered again" : "");
    }
}

// All that is known of one death, in the supervisor's words; but for the messages, whose labels only we can decode.
static int show_death(uint32_t number, uint32_t age)
{
    char text[8192];
    uint32_t bytes;
    struct rs_death death;
    enum status status = rs_record_text(shell.over, number, age, text, sizeof(text), &bytes);
    if (status == OK) {
        size_t length = bytes < sizeof(text) ? bytes : sizeof(text);
        const char *messages = memmem(text, length, "last messages", strlen("last messages"));
        say_bytes(text, messages ? (size_t)(messages - text) : length);
        status = rs_record(shell.over, number, age, &death, sizeof(death));
    }
    if (status == OK) {
        show_messages(&death);
    }
    return status == OK ? 0 : complain_status("the record", status);
}

// deaths: one line each, the latest first. deaths SERVICE [N]: everything about its N-th last one.
int cmd_deaths(int argc, char **argv)
{
    struct rs_death d;
    enum status status = OK;
    if (argc > 3) {
        return usage();
    }
    if (argc >= 2) {
        uint32_t number = find_service(argv[1]);
        char *end = "";
        unsigned long age = argc == 3 ? strtoul(argv[2], &end, 10) : 0;
        if (*end || age >= RS_RECORDS_KEPT) {
            return usage();
        }
        return number ? show_death(number, (uint32_t)age) : 1;
    }
    for (uint32_t age = 0; age < RS_RECORDS_KEPT && status == OK && !interrupted(); age++) {
        status = rs_record(shell.rs, 0, age, &d, sizeof(d));
        if (status == OK) {
            say("%8llu ms  %-12.*s %3u  %-10s%s %.*s\n", (unsigned long long)d.detected_ns / 1000000,
                FIELD(d.name), d.incarnation, death_cause_text(d.cause), d.asked ? " (asked)" : "", FIELD(d.text));
        }
    }
    return status == OK || status == ERR_NOT_FOUND ? 0 : complain_status("the records", status);
}
