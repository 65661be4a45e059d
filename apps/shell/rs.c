// SPDX-License-Identifier: MIT
// rs WORD: what the supervisor can do beyond killing and reviving: move, update, checkpoint,
// restore, dead-letters, replay, incident, layout.
#include "apps/lib/files.h"
#include "apps/lib/poll.h"
#include "apps/lib/strip.h"
#include "apps/shell/output.h"
#include "apps/shell/services.h"
#include "apps/shell/shell.h"
#include "interfaces/rs.client.h"
#include "interfaces/trace.h"
#include "lib/rt/rt.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int order(const char *name, enum status (*give)(handle_t rs, uint32_t number))
{
    uint32_t number = find_service(name);
    enum status status = number ? give(shell.over, number) : OK;
    return number == 0 ? 1 : status == OK ? 0 : complain_refusal(name, number, status);
}

static int move(int, char **argv)
{
    return order(argv[0], rs_move);
}

// ---- Live update ----

enum { SMALLEST = 64 }; // no module and no checkpoint with anything in it is smaller

static struct outcome read_all(struct file *f, uint8_t *to)
{
    struct outcome o = {OK, 0};
    size_t got = 1;
    for (size_t at = 0; at < f->size && got > 0 && !failed(o); at += got) {
        size_t most = f->size - at < FILES_CHUNK ? f->size - at : FILES_CHUNK;
        o = files_read(f, to + at, most, &got);
    }
    return o;
}

// A file, sent as it is; the supervisor judges it.
static enum status send_file(uint32_t number, const char *word,
                             enum status (*send)(handle_t rs, uint32_t number, const void *bytes, size_t n),
                             bool *complained)
{
    char path[PATH_SIZE];
    struct file f;
    *complained = !resolve(path, word);
    struct outcome o = *complained ? outcome_errno(ENOENT) : files_open(&f, path, FS_READ, 0);
    if (*complained || failed(o)) {
        *complained = *complained || complain_about(word, o);
        return ERR_NOT_FOUND;
    }
    uint8_t *bytes = f.size >= SMALLEST && f.size <= RS_MODULE_BYTES_MAX ? malloc(f.size) : nullptr;
    o = bytes ? read_all(&f, bytes) : outcome_errno(f.size < SMALLEST ? EINVAL : ENOMEM);
    (void)files_close(&f);
    enum status status = OK;
    if (failed(o)) {
        *complained = complain_about(word, o);
    } else {
        status = send(shell.over, number, bytes, f.size);
    }
    free(bytes);
    return status;
}

// The last event of that kind since then, if there is one.
static bool find_event(uint32_t number, enum rs_event_kind kind, uint64_t since_ns, struct rs_event *out)
{
    static struct rs_event some[16];
    uint64_t next = 0, lost;
    uint32_t count = 1;
    bool found = false;
    while (count > 0 && rs_watch(shell.rs, next, false, some, sizeof(some), &count, &next, &lost) == OK) {
        for (uint32_t i = 0; i < count && i < 16; i++) {
            if (some[i].service == number && some[i].kind == kind && some[i].time_ns >= since_ns) {
                *out = some[i];
                found = true;
            }
        }
    }
    return found;
}

// Until another module runs, or has been given up. What became of it afterwards is in the events.
// All of it may have happened before this is called: services have the higher priority.
static int follow(uint32_t number, const struct rs_service *before, uint64_t start)
{
    static const uint64_t patience_ns = 15000000000, step_ns = 10000000;
    struct rs_service now = *before;
    while (rs_info(shell.over, number, &now, sizeof(now)) == OK && !interrupted() &&
           strncmp(now.module, before->module, sizeof(now.module)) == 0) {
        struct rs_event e;
        if (find_event(number, RS_ROLLED_BACK, start, &e) || find_event(number, RS_MOVE_GAVE_UP, start, &e)) {
            return complain("%.*s goes on with %.*s: %.*s", FIELD(now.name), FIELD(now.module), FIELD(e.text));
        }
        if (rt_now_ns() - start > patience_ns) {
            return complain("%.*s still runs %.*s; trace past tells why", FIELD(now.name),
                            FIELD(now.module));
        }
        (void)app_wait(0, "update", rt_now_ns() + step_ns);
    }
    say("%.*s runs %.*s\n", FIELD(now.name), FIELD(now.module));
    return 0;
}

static int complain_update(const char *service, const char *module, enum status status)
{
    switch (status) {
    case ERR_CORRUPT:
        return complain("%s is no module, or a damaged one; %s goes on as it is", module, service);
    case ERR_UNSUPPORTED:
        return complain("%s cannot hand its state over, or %s cannot take it", service, module);
    case ERR_RANGE:
        return complain("%s has too many parts for a version of %s", module, service);
    case ERR_EXISTS:
        return complain("%s runs %s already", service, module);
    case ERR_STATE:
        return complain("%s is not ready, is just being moved, or has a version on trial", service);
    default:
        return complain_status(module, status);
    }
}

static int update(int, char **argv)
{
    struct rs_service before;
    uint32_t number = find_service(argv[0]);
    bool file = strchr(argv[1], '/') != nullptr, complained = false;
    size_t n = strlen(argv[1]);
    if (number == 0 || (file && !files_are_there())) {
        return 1;
    }
    uint64_t start = rt_now_ns();
    enum status status = rs_info(shell.over, number, &before, sizeof(before));
    if (status == OK) {
        status = file ? send_file(number, argv[1], rs_update_file, &complained)
                 : n >= 1 && n <= 31 ? rs_update(shell.over, number, argv[1], n) : ERR_NOT_FOUND;
    }
    if (complained) {
        return 1;
    }
    return status == OK ? follow(number, &before, start) : complain_update(argv[0], argv[1], status);
}

// ---- Checkpoints ----

static enum status newest_checkpoint(uint32_t number, uint64_t *sequence)
{
    uint64_t total;
    uint32_t got;
    uint8_t first;
    enum status status = rs_read_checkpoint(shell.over, number, 0, 0, &first, 1, sequence, &total, &got);
    *sequence = status == OK ? *sequence : 0;
    return status;
}

// Asks for a new one and waits until it is there. `refused`: an event that says why it is not.
static enum status take_checkpoint(uint32_t number, uint64_t *sequence, struct rs_event *refused)
{
    static const uint64_t patience_ns = 10000000000, step_ns = 20000000;
    uint64_t start = rt_now_ns(), before;
    enum status status = newest_checkpoint(number, &before);
    status = status == OK || status == ERR_NOT_FOUND ? rs_checkpoint(shell.over, number) : status;
    *sequence = before;
    while (status == OK && *sequence <= before && !interrupted()) {
        if (rt_now_ns() - start > patience_ns) {
            return ERR_AGAIN;
        }
        (void)app_wait(0, "checkpoint", rt_now_ns() + step_ns);
        (void)newest_checkpoint(number, sequence);
        if (*sequence <= before && find_event(number, RS_CHECKPOINT_FAILED, start, refused)) {
            return ERR_CANCELLED;
        }
    }
    return status;
}

static int complain_checkpoint(const char *service, const char *file, enum status status)
{
    switch (status) {
    case ERR_CORRUPT:
        return complain("%s is no checkpoint, or a damaged one; %s goes on as it is", file, service);
    case ERR_ARG:
        return complain("%s is a checkpoint of another program, or of another version of it; %s goes on as it is",
                        file, service);
    case ERR_RANGE:
        return complain("%s is larger than a checkpoint of %s may be", file, service);
    case ERR_UNSUPPORTED:
        return complain("there are no checkpoints of %s: its manifest gives no room for them, or it has no state",
                        service);
    default:
        return complain_status(file, status);
    }
}

// rs checkpoint fs > FILE; without a file it only says how large it is.
static int checkpoint(int, char **argv)
{
    static uint8_t data[64 << 10];
    uint32_t number = find_service(argv[0]), got = 1;
    uint64_t sequence, total = 0, at = 0;
    if (number == 0) {
        return 1;
    }
    struct rs_event refused;
    enum status status = take_checkpoint(number, &sequence, &refused);
    if (status == ERR_CANCELLED) {
        return complain("no checkpoint of %s: %.*s", argv[0], FIELD(refused.text));
    }
    for (; status == OK && got > 0 && !interrupted(); at += got) {
        status = rs_read_checkpoint(shell.over, number, sequence, at, data, sizeof(data), &sequence,
                                    &total, &got);
        if (output_is_terminal()) {
            break;
        }
        say_bytes(data, status == OK && got <= sizeof(data) ? got : 0);
    }
    if (status == OK && output_is_terminal()) {
        say("checkpoint %llu of %s: %llu bytes\n", (unsigned long long)sequence, argv[0],
            (unsigned long long)total);
    }
    return status == OK ? 0 : complain_checkpoint(argv[0], argv[0], status);
}

// Until the next one is at work. If it does not take the checkpoint, there is one more after it.
static int await_restored(uint32_t number, const struct rs_service *before)
{
    static const uint64_t patience_ns = 30000000000, step_ns = 10000000;
    uint64_t start = rt_now_ns();
    struct rs_service now = *before;
    while (rs_info(shell.over, number, &now, sizeof(now)) == OK && !interrupted() &&
           (now.incarnation == before->incarnation || now.state != RS_READY)) {
        if (rt_now_ns() - start > patience_ns) {
            return complain("%.*s is not ready yet; trace past tells why", FIELD(now.name));
        }
        (void)app_wait(0, "restore", rt_now_ns() + step_ns);
    }
    if (now.incarnation > before->incarnation + 1) {
        return complain("%.*s could not live with it, and began again without; trace past tells why",
                        FIELD(now.name));
    }
    say("%.*s is restored\n", FIELD(now.name));
    return 0;
}

static int restore(int, char **argv)
{
    struct rs_service before;
    uint32_t number = find_service(argv[0]);
    bool complained = false;
    if (number == 0 || !files_are_there()) {
        return 1;
    }
    // A file service comes back without what it has not written yet.
    struct outcome o = files_sync();
    if (failed(o)) {
        return complain_about("the volume", o);
    }
    enum status status = rs_info(shell.over, number, &before, sizeof(before));
    status = status == OK ? send_file(number, argv[1], rs_restore, &complained) : status;
    if (complained) {
        return 1;
    }
    return status == OK ? await_restored(number, &before)
                        : complain_checkpoint(argv[0], argv[1], status);
}

// ---- Dead letters ----

static struct rs_letter *fetch_letters(uint32_t *count)
{
    size_t bytes = RS_LETTERS_KEPT * sizeof(struct rs_letter);
    struct rs_letter *all = malloc(bytes);
    *count = 0;
    enum status status = all ? rs_letters(shell.rs, all, bytes, count) : ERR_MEMORY;
    if (status != OK) {
        complain_status("dead letters", status);
        free(all);
        return nullptr;
    }
    *count = *count < RS_LETTERS_KEPT ? *count : RS_LETTERS_KEPT;
    return all;
}

static void show_bytes(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        say(i % 32 == 0 ? "\n     %02x" : " %02x", bytes[i]);
    }
}

void show_letter(const struct rs_letter *l)
{
    char label[64];
    trace_label(label, sizeof(label), l->label);
    say("%3llu %8llu ms  %-12.*s %s from badge %#llx, call %u, death record %llu\n   ",
        (unsigned long long)l->sequence, (unsigned long long)l->time_ns / 1000000, FIELD(l->name),
        label, (unsigned long long)l->badge, l->call, (unsigned long long)l->record);
    uint32_t words = l->answered ? 6 : 1;
    for (uint32_t i = 0; i < words; i++) {
        say(" %#llx", (unsigned long long)l->words[i]);
    }
    if (!l->answered) {
        say(" and more; it is not answered yet");
    }
    uint32_t bytes = l->bytes < sizeof(l->data) ? l->bytes : sizeof(l->data);
    if (l->grant != 0) {
        say("; a grant of %llu bytes", (unsigned long long)l->grant & GRANT_LEN_MASK);
    }
    show_bytes(l->data, bytes);
    say("\n");
}

static int dead_letters(int, char **)
{
    uint32_t count;
    struct rs_letter *all = fetch_letters(&count);
    if (all && count == 0) {
        say("none: no request had to be taken out\n");
    }
    for (uint32_t i = 0; i < count && !interrupted(); i++) {
        show_letter(&all[i]);
    }
    free(all);
    return all ? 0 : 1;
}

// Sends it as it was, in the name of its sender, as far as its grant is known.
static enum status send_again(struct rs_letter *l, enum status *answer)
{
    handle_t port;
    enum status status = rs_replay(shell.rs, l->sequence, &port);
    if (status != OK) {
        return status;
    }
    static uint8_t room[64 << 10];
    uint64_t length = l->grant & GRANT_LEN_MASK, direction = l->grant & ~GRANT_LEN_MASK;
    length = length < sizeof(room) ? length : sizeof(room);
    memcpy(room, l->data, l->bytes < sizeof(l->data) ? l->bytes : sizeof(l->data));
    struct ipc_message m = {.tag = l->label};
    memcpy(m.w, l->words, sizeof(m.w));
    status = ipc_call(port, &m, room, l->grant ? length | direction : 0);
    *answer = (enum status)ipc_label(&m);
    (void)sys_handle_close(port);
    return status;
}

static int replay(int, char **argv)
{
    uint32_t count;
    char *end;
    unsigned long long wanted = strtoull(argv[0], &end, 10);
    struct rs_letter *all = fetch_letters(&count);
    enum status status = ERR_NOT_FOUND, answer = OK;
    for (uint32_t i = 0; i < count && *end == 0; i++) {
        if (all[i].sequence == wanted) {
            status = send_again(&all[i], &answer);
        }
    }
    free(all);
    if (status == ERR_NOT_FOUND) {
        return complain("%s: there is no such letter; rs dead-letters lists them", argv[0]);
    }
    if (status != OK) {
        return complain_status(argv[0], status);
    }
    say("answered with %s\n", rt_status_name(answer));
    return 0;
}

// ---- The course of an incident ----

static void show_time(uint64_t at, uint64_t from, const char *what)
{
    if (at != 0) {
        say("  %10lld us  %s", (long long)(at - from) / 1000, what);
    }
}

static const char *detection(uint32_t cause)
{
    switch (cause) {
    case RS_EXCEPTION:
    case RS_ASSERT:
    case RS_EXIT:
    case RS_QUOTA:
    case RS_MOVE_FAILED:
        return "the kernel's fault message came";
    case RS_HANG:
        return "no sign of life, or no progress, for too long";
    case RS_BIRTH_TIMEOUT:
        return "not ready in time";
    default:
        return "the supervisor did it itself";
    }
}

static void show_course(const struct rs_death *d)
{
    char label[64];
    uint64_t from = d->death_ns;
    show_time(from, from, d->asked ? "death, by command\n" : "death\n");
    show_time(d->detected_ns, from, "detected: ");
    say("%s\n", detection(d->cause));
    show_time(d->newborn_ns, from, d->from_spare ? "a newborn starts, linked ahead\n" : "a newborn starts\n");
    if (d->moved_ns != 0) {
        show_time(d->moved_ns - d->move_ns, from, "it plays back what was not finished, and moves the state\n");
        show_time(d->moved_ns, from, "moved: ");
        say("%llu heap objects, %llu bytes in %llu us\n", (unsigned long long)d->move_objects,
            (unsigned long long)d->move_bytes, (unsigned long long)d->move_ns / 1000);
    }
    show_time(d->ready_ns, from, "ready\n");
    if (d->redelivered_ns != 0) {
        trace_label(label, sizeof(label), d->request_label);
        show_time(d->redelivered_ns, from, "delivered again: ");
        say("%s from badge %#llx\n", label, (unsigned long long)d->request_badge);
    }
    show_time(d->first_work_ns, from, "first good answer\n");
}

void show_incident(const struct rs_death *d)
{
    static const char *const rungs[] = {"", "with its state", "in a changed environment",
                                        "without the request that kills it", "from its checkpoint",
                                        "afresh", "with those around it", "restart of the machine"};
    say("%llu: %.*s[%u] (module %.*s): %s: %.*s\n", (unsigned long long)d->sequence, FIELD(d->name),
        d->incarnation, FIELD(d->module), death_cause_text(d->cause), FIELD(d->text));
    if (d->frame_count > 0) {
        say("at %.*s+%#x\n", FIELD(d->frames[0].function), d->frames[0].offset);
    }
    if (d->request_since != 0) {
        char label[64];
        trace_label(label, sizeof(label), d->request_label);
        say("request in flight: %s from badge %#llx\n", label, (unsigned long long)d->request_badge);
    }
    say("decision: %s%s; fruitless lives: %u\nlayout seed: ",
        d->rung < sizeof(rungs) / sizeof(rungs[0]) ? rungs[d->rung] : "?",
        d->decision == 2 ? ", after a pause" : d->decision == 3 ? "given up" : "", d->fruitless);
    for (size_t i = 0; i < sizeof(d->seed); i++) {
        say("%02x", d->seed[i]);
    }
    say("\n");
    show_course(d);
}

static int incident(int, char **argv)
{
    static struct rs_death d;
    char *end;
    unsigned long long number = strtoull(argv[0], &end, 10);
    enum status status = *end ? ERR_NOT_FOUND : rs_incident(shell.rs, number, &d, sizeof(d));
    if (status == ERR_NOT_FOUND) {
        return complain("%s: there is no such death record; deaths lists them, 0 is the latest", argv[0]);
    }
    if (status != OK) {
        return complain_status(argv[0], status);
    }
    show_incident(&d);
    return 0;
}

// ---- Where a service lies ----

static void show_strip(const char *what, const uint8_t cells[RS_STRIP_CELLS])
{
    char strip[RS_STRIP_CELLS + 1];
    strip_text(strip, cells, RS_STRIP_CELLS);
    say("%-8s|%s|\n", what, strip);
}

static int layout(int, char **argv)
{
    uint8_t cells[2][RS_STRIP_CELLS];
    struct rs_service s;
    uint32_t number = find_service(argv[0]);
    if (number == 0) {
        return 1;
    }
    enum status status = rs_layout(shell.over, number, cells, sizeof(cells));
    status = status == OK ? rs_info(shell.over, number, &s, sizeof(s)) : status;
    if (status != OK) {
        return complain_status(argv[0], status);
    }
    say("%.*s[%u], from low to high addresses\n", FIELD(s.name), s.incarnation);
    show_strip("window", cells[0]);
    show_strip("space", cells[1]);
    say("window: 2 GiB around its code, 32 MiB a cell; space: 128 TiB, 2 TiB a cell\n"
        "c code, k constants, d data, s stack, h heap and what else is mapped, # several\n");
    return 0;
}

// ---- The words ----

static const struct {
    const char *word;
    int words; // that must follow
    int (*run)(int argc, char **argv);
} words[] = {
    {"move", 1, move},
    {"update", 2, update},
    {"checkpoint", 1, checkpoint},
    {"restore", 2, restore},
    {"dead-letters", 0, dead_letters},
    {"replay", 1, replay},
    {"incident", 1, incident},
    {"layout", 1, layout},
};

int cmd_rs(int argc, char **argv)
{
    for (size_t i = 0; argc >= 2 && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(argv[1], words[i].word) == 0 && argc == 2 + words[i].words) {
            return words[i].run(argc - 2, argv + 2);
        }
    }
    return usage();
}
