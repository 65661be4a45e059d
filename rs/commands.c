// SPDX-License-Identifier: MIT
// The rs interface: who may do what, and the doing.
#include "interfaces/rs.server.h"
#include "rs/boots.h"
#include "rs/events.h"
#include "rs/layout.h"
#include "rs/letters.h"
#include "rs/record.h"
#include <stdio.h>
#include <string.h>

// ---- Rights ----

static const struct service *caller(const struct request *rq)
{
    return service_by_number(rq->m.badge);
}

static bool may(const struct request *rq, uint32_t right)
{
    const struct service *s = machine.is_twin ? nullptr : caller(rq);
    if (machine.is_twin) {
        return (rq->m.badge & right) != 0; // as the handle says
    }
    return s != nullptr && (s->entry->may & right) != 0;
}

static const char *caller_name(const struct request *rq)
{
    return machine.is_twin ? "a handle of the twin" : caller(rq)->name;
}

// The service that a command is about, if the caller may command.
static enum status commanded(const struct request *rq, uint32_t number, struct service **s)
{
    if (!may(rq, RS_CONTROL)) {
        return ERR_RIGHTS;
    }
    *s = service_by_number(number);
    return *s != nullptr ? OK : ERR_NOT_FOUND;
}

static void note_command(const struct request *rq, struct service *s, const char *what)
{
    s->commands++;
    struct rs_event *e = event_add(RS_COMMAND, s);
    snprintf(e->text, sizeof(e->text), "%s, by %s", what, caller_name(rq));
}

static enum status done(void)
{
    if (!corpses_pending()) {
        events_wake();
    }
    return OK;
}

// ---- Looking ----

static enum status do_find(struct request *rq, size_t bytes, uint32_t *number)
{
    char name[RS_NAME_BYTES] = {0};
    enum status status = rt_grant_read(rq, 0, name, bytes);
    for (uint32_t i = 0; status == OK && i < service_count; i++) {
        if (strcmp(services[i].name, name) == 0) {
            *number = services[i].number;
            return OK;
        }
    }
    return status == OK ? ERR_NOT_FOUND : status;
}

static void describe_task(struct rs_service *out, handle_t task)
{
    struct task_info info;
    if (sys_task_info(task, &info) == OK) {
        out->handles = info.handles;
        out->threads = info.threads;
        out->cpu_ns = info.cpu_ns;
        out->memory_bytes = info.quota_used;
        out->memory_limit = info.quota_limit;
        out->priority = info.priority;
    }
}

static void describe_status(struct rs_service *out, const struct status_page *p, uint64_t now)
{
    out->beats = p->beats;
    out->work = p->work;
    out->heap_bytes = p->heap_bytes;
    out->heap_objects = p->heap_objects;
    uint64_t since = p->request_since;
    out->request_ns = since != 0 && now > since ? now - since : 0;
    if (p->waiting_since != 0) {
        COPY_TEXT(out->waiting_on, p->waiting_on);
    }
}

// What the kernel counts as used by the supervisor includes the quotas it has handed on.
static uint64_t handed_on(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < service_count; i++) {
        sum += services[i].limit;
    }
    return sum;
}

static void describe_self(struct rs_service *out)
{
    *out = (struct rs_service){.state = RS_READY, .incarnation = rt_startup->incarnation,
                               .age_ns = rt_now_ns()};
    copy_name(out->name, sizeof(out->name), rt_startup->name);
    snprintf(out->module, sizeof(out->module), "rs");
    describe_task(out, 0);
    uint64_t quotas = handed_on();
    out->memory_bytes -= quotas < out->memory_bytes ? quotas : 0;
    describe_status(out, rt_status, rt_now_ns());
}

static uint32_t describe_spare(const struct service *s)
{
    if (s->spare == nullptr) {
        return RS_NO_SPARE;
    }
    return spare_has_copied(s) ? RS_COPIED : spare_is_linked(s) ? RS_LINKED : RS_LINKING;
}

static void describe(struct service *s, struct rs_service *out)
{
    uint64_t now = rt_now_ns();
    *out = (struct rs_service){
        .number = s->number, .state = s->state, .incarnation = s->incarnation,
        .deaths = s->deaths, .fruitless = s->history.fruitless, .cause = s->last_cause,
        .asked = s->last_asked, .priority = s->entry->priority, .recovery_ns = s->recovery_ns,
        .on_trial = s->trial.old != nullptr, .moves = s->move.count, .pause_ns = s->move.pause_ns,
        .commands = s->commands,
    };
    copy_name(out->name, sizeof(out->name), s->name);
    copy_name(out->module, sizeof(out->module), s->module->name);
    memcpy(out->place, s->place, sizeof(out->place));
    if (s->prepared) {
        describe_status(out, s->status, now);
    }
    struct port_info port;
    out->spare = describe_spare(s);
    out->queue = sys_port_info(s->port, &port) == OK ? port.waiting : 0;
    if (service_lives(s)) {
        describe_task(out, s->living->task);
        out->age_ns = now - s->born_ns;
        out->beat_age_ns = now - s->beat_ns;
    }
}

static void describe_number(uint32_t number, struct rs_service *out)
{
    if (number == 0) {
        describe_self(out);
    } else {
        describe(&services[number - 1], out);
    }
}

static enum status do_list(struct request *rq, size_t bytes, uint32_t *count)
{
    size_t room = bytes / sizeof(struct rs_service);
    for (uint32_t i = 0; i <= service_count && i < room; i++) {
        struct rs_service one;
        describe_number(i, &one);
        enum status status = rt_grant_write(rq, i * sizeof(one), &one, sizeof(one));
        if (status != OK) {
            return status;
        }
    }
    *count = service_count + 1;
    return OK;
}

static enum status do_info(struct request *rq, uint32_t number, size_t bytes)
{
    struct rs_service one;
    if (number > service_count) {
        return ERR_NOT_FOUND;
    }
    describe_number(number, &one);
    return rt_grant_write(rq, 0, &one, bytes);
}

// ---- Commanding ----

static enum status do_kill(struct request *rq, uint32_t number, enum rs_how how)
{
    struct service *s;
    enum status status = commanded(rq, number, &s);
    if (status != OK || !service_lives(s)) {
        return status != OK ? status : ERR_STATE;
    }
    if (s == caller(rq) && how == RS_NOW) {
        return ERR_STATE; // it would come back and ask again for ever
    }
    static const char *const names[] = {"",       "null", "jump",    "loop",
                                        "assert", "exit", "silence", "now"};
    char what[32];
    snprintf(what, sizeof(what), "kill %s", names[how]);
    note_command(rq, s, what);
    status = inject(s, how);
    (void)done();
    return status;
}

static enum status do_hold(struct request *rq, uint32_t number)
{
    struct service *s;
    enum status status = commanded(rq, number, &s);
    if (status != OK || s->state == RS_HELD) {
        return status;
    }
    if (!service_lives(s) || s == caller(rq)) {
        return ERR_STATE;
    }
    service_hold(s);
    note_command(rq, s, "hold");
    return done();
}

static enum status do_release(struct request *rq, uint32_t number)
{
    struct service *s;
    enum status status = commanded(rq, number, &s);
    if (status != OK || s->state != RS_HELD) {
        return status != OK ? status : ERR_STATE;
    }
    service_release(s);
    note_command(rq, s, "release");
    return done();
}

static enum status do_move(struct request *rq, uint32_t number)
{
    struct service *s;
    enum status status = commanded(rq, number, &s);
    if (status != OK) {
        return status;
    }
    note_command(rq, s, "move");
    status = move_begin(s, BIRTH_MOVED);
    (void)done();
    return status;
}

static enum status begin_update(struct request *rq, struct service *s, struct module_file *module)
{
    char what[RS_TEXT_BYTES];
    snprintf(what, sizeof(what), "update to %s", module->name);
    note_command(rq, s, what);
    enum status status = update_begin(s, module);
    modules_sweep();
    (void)done();
    return status;
}

static enum status do_update(struct request *rq, uint32_t number, size_t bytes)
{
    struct service *s;
    char name[RS_NAME_BYTES] = {0};
    enum status status = commanded(rq, number, &s);
    status = status == OK ? rt_grant_read(rq, 0, name, bytes) : status;
    if (status != OK) {
        return status;
    }
    struct module_file *module = module_in_archive(name);
    return module != nullptr ? begin_update(rq, s, module) : ERR_NOT_FOUND;
}

static enum status do_update_file(struct request *rq, uint32_t number, size_t)
{
    struct service *s;
    struct module_file *module;
    enum status status = commanded(rq, number, &s);
    status = status == OK ? module_from_grant(rq, s->name, &module) : status;
    return status == OK ? begin_update(rq, s, module) : status;
}

static enum status do_checkpoint(struct request *rq, uint32_t number)
{
    struct service *s;
    enum status status = commanded(rq, number, &s);
    if (status != OK) {
        return status;
    }
    note_command(rq, s, "checkpoint");
    status = checkpoint_begin(s);
    (void)done();
    return status;
}

// A checkpoint is all that the service knows: reading it takes the right to command.
static enum status do_read_checkpoint(struct request *rq, uint32_t number, uint64_t wanted,
                                      uint64_t offset, size_t, uint64_t *sequence, uint64_t *total,
                                      uint32_t *got)
{
    struct service *s;
    enum status status = commanded(rq, number, &s);
    const struct checkpoint *c = status != OK  ? nullptr
                                 : wanted != 0 ? checkpoint_find(s, wanted)
                                               : checkpoint_newest(s);
    if (c == nullptr) {
        return status != OK ? status : ERR_NOT_FOUND;
    }
    *sequence = c->sequence;
    *total = c->bytes;
    return checkpoint_read(rq, s, c, offset, got);
}

static enum status do_restore(struct request *rq, uint32_t number, size_t)
{
    struct service *s;
    enum status status = commanded(rq, number, &s);
    status = status == OK && !service_lives(s) ? ERR_STATE : status;
    status = status == OK && s == caller(rq) ? ERR_STATE : status;
    status = status == OK && s->supervisor ? ERR_UNSUPPORTED : status;
    status = status == OK ? checkpoint_store(rq, s) : status;
    if (status == OK) {
        static const struct death_facts f = {.cause = RS_REPLACED, .text = "to be restored"};
        note_command(rq, s, "restore");
        s->restore_wanted = true;
        service_died(s, &f);
    }
    return status != OK ? status : done();
}

static enum status do_restart(struct request *rq, uint32_t number)
{
    struct service *s;
    enum status status = commanded(rq, number, &s);
    if (status != OK || s->state == RS_WAITING || !s->prepared) {
        return status != OK ? status : ERR_STATE;
    }
    if (s == caller(rq)) {
        return ERR_STATE;
    }
    if (s->supervisor) {
        return ERR_UNSUPPORTED; // afresh it would know of nobody who is there
    }
    note_command(rq, s, "restart");
    if (service_lives(s)) {
        const struct death_facts f = {.cause = RS_REPLACED, .text = "replaced by command"};
        service_died(s, &f);
    } else {
        rt_timer_cancel(&s->birth_timer);
        s->history.fruitless = 0;
        s->plan = (struct birth_plan){.cause = BIRTH_ASKED, .rung = POLICY_AFRESH};
        service_birth(s);
    }
    return done();
}

// ---- Watching ----

static enum status do_layout(struct request *rq, uint32_t number, size_t)
{
    struct service *s = service_by_number(number);
    uint8_t cells[2][RS_STRIP_CELLS];
    if (!may(rq, RS_WATCH) || s == nullptr) {
        return s != nullptr ? ERR_RIGHTS : ERR_NOT_FOUND;
    }
    layout_strips(s, cells[0], cells[1]);
    return rt_grant_write(rq, 0, cells, sizeof(cells));
}

static enum status do_watch(struct request *rq, uint64_t after, bool wait, size_t, uint32_t *count,
                            uint64_t *next, uint64_t *lost)
{
    return may(rq, RS_WATCH) ? events_watch(rq, after, wait, count, next, lost) : ERR_RIGHTS;
}

static enum status wanted_record(const struct request *rq, uint32_t number, uint32_t age,
                                 const struct rs_death **d)
{
    if (!may(rq, RS_WATCH)) {
        return ERR_RIGHTS;
    }
    corpses_settle();
    *d = record_of(number, age);
    return *d != nullptr ? OK : ERR_NOT_FOUND;
}

static enum status do_record(struct request *rq, uint32_t number, uint32_t age, size_t bytes)
{
    const struct rs_death *d;
    enum status status = wanted_record(rq, number, age, &d);
    return status == OK ? rt_grant_write(rq, 0, d, bytes) : status;
}

static enum status do_incident(struct request *rq, uint64_t record, size_t bytes)
{
    const struct rs_death *d;
    enum status status = wanted_record(rq, 0, 0, &d);
    if (status == OK && record != 0) {
        d = record_find(record);
        status = d != nullptr ? OK : ERR_NOT_FOUND;
    }
    return status == OK ? rt_grant_write(rq, 0, d, bytes) : status;
}

static enum status do_record_text(struct request *rq, uint32_t number, uint32_t age, size_t bytes,
                                  uint32_t *written)
{
    static char text[8192];
    const struct rs_death *d;
    enum status status = wanted_record(rq, number, age, &d);
    if (status != OK) {
        return status;
    }
    size_t length = record_format(d, text, sizeof(text));
    size_t there = length < sizeof(text) ? length : sizeof(text) - 1;
    *written = (uint32_t)length;
    return rt_grant_write(rq, 0, text, there < bytes ? there : bytes);
}

// ---- Dead letters ----

static enum status do_letters(struct request *rq, size_t bytes, uint32_t *count)
{
    size_t room = bytes / sizeof(struct rs_letter);
    if (!may(rq, RS_WATCH)) {
        return ERR_RIGHTS;
    }
    *count = letters_kept();
    enum status status = OK;
    for (uint32_t i = 0; i < *count && i < room && status == OK; i++) {
        const struct rs_letter *letter = letter_at(i);
        status = rt_grant_write(rq, i * sizeof(*letter), letter, sizeof(*letter));
    }
    return status;
}

// The supervisor itself never waits for a service, so the call is left to whoever asked.
static enum status do_replay(struct request *rq, uint64_t number, handle_t *port)
{
    const struct rs_letter *letter = letter_find(number);
    if (!may(rq, RS_CONTROL)) {
        return ERR_RIGHTS;
    }
    if (letter == nullptr) {
        return ERR_NOT_FOUND;
    }
    if (!letter->answered) {
        return ERR_STATE;
    }
    struct service *s = &services[letter->service - 1];
    note_command(rq, s, "replay");
    enum status status = sys_handle_copy(s->port, RIGHT_CALL | RIGHT_TRANSFER, letter->badge, port);
    if (status == OK) {
        rt_close_after(rq, *port);
    }
    return status;
}

// ---- Earlier boots ----

static enum status do_events_before(struct request *rq, uint32_t age, uint64_t after, size_t,
                                    uint32_t *count, uint64_t *next)
{
    return may(rq, RS_WATCH) ? boots_read(rq, age, KEPT_EVENTS, after, count, next) : ERR_RIGHTS;
}

static enum status do_deaths_before(struct request *rq, uint32_t age, uint64_t after, size_t,
                                    uint32_t *count, uint64_t *next)
{
    return may(rq, RS_WATCH) ? boots_read(rq, age, KEPT_DEATHS, after, count, next) : ERR_RIGHTS;
}

static enum status do_letters_before(struct request *rq, uint32_t age, uint64_t after, size_t,
                                     uint32_t *count, uint64_t *next)
{
    return may(rq, RS_WATCH) ? boots_read(rq, age, KEPT_LETTERS, after, count, next) : ERR_RIGHTS;
}

// ---- The machine ----

static enum status do_log(struct request *rq, uint64_t start, size_t bytes, uint64_t *next,
                          uint32_t *got)
{
    static char text[8192];
    if (!may(rq, RS_LOG)) {
        return ERR_RIGHTS;
    }
    *next = start;
    enum status status = sys_log_read(machine.ports, next, text, bytes);
    if (status != OK) {
        return status;
    }
    uint64_t length = *next - start;
    *got = (uint32_t)(length < bytes ? length : bytes);
    return rt_grant_write(rq, 0, text, *got);
}

static enum status do_subscribe(struct request *rq, uint32_t number, handle_t port)
{
    const struct service *who = caller(rq);
    struct service *s = service_by_number(number);
    if (s == nullptr || who == nullptr) {
        return ERR_NOT_FOUND;
    }
    if (!(who->calls & 1ull << s->index)) {
        return ERR_RIGHTS;
    }
    if (s->subscribers[who->index] != HANDLE_NONE) {
        rt_close_at_commit(s->subscribers[who->index]);
    }
    s->subscribers[who->index] = port;
    return OK;
}

static enum status do_power(struct request *rq, uint32_t action)
{
    if (!may(rq, RS_POWER)) {
        return ERR_RIGHTS;
    }
    static const char *const actions[] = {"", "power off", "reboot", "halt"};
    log_info("%s, by %s", actions[action], caller_name(rq));
    struct rs_event *e = event_add(RS_COMMAND, nullptr);
    snprintf(e->text, sizeof(e->text), "%s, by %s", actions[action], caller_name(rq));
    corpses_settle();
    boots_say("%s", e->text);
    boots_end_machine((enum system_action)action);
    return OK;
}

const struct rs_ops rs_commands = {
    .find = do_find,
    .list = do_list,
    .info = do_info,
    .kill = do_kill,
    .hold = do_hold,
    .release = do_release,
    .restart = do_restart,
    .move = do_move,
    .update = do_update,
    .checkpoint = do_checkpoint,
    .read_checkpoint = do_read_checkpoint,
    .restore = do_restore,
    .update_file = do_update_file,
    .watch = do_watch,
    .record = do_record,
    .record_text = do_record_text,
    .incident = do_incident,
    .layout = do_layout,
    .letters = do_letters,
    .replay = do_replay,
    .events_before = do_events_before,
    .deaths_before = do_deaths_before,
    .letters_before = do_letters_before,
    .log = do_log,
    .subscribe = do_subscribe,
    .power = do_power,
};
