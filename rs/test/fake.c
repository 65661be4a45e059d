// SPDX-License-Identifier: MIT
#include "rs/test/fake_kernel.h"
#include "interfaces/rs.server.h"
#include "lib/rt/undo_log.h"
#include "randomizer/mover/checkpoint.h"
#include "rs/boots.h"
#include "rs/events.h"
#include "rs/letters.h"
#include "rs/record.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t clock_ns = 1000000000; // 0 means "never" in many places
static struct module_file module = {.name = "m", .usable = true, .size = 5000, .memory = 7};
static struct manifest manifest;
static struct manifest_header header;
static char manifest_strings[] = "\0a\0b\0c\0d\0e\0f\0g\0h";

struct manifest_service fake_entries[8];
int fake_parked;
uint64_t fake_badge;

struct service *services;
uint32_t service_count;
uint64_t ready_mask;
struct machine machine = {
    .ports = 1, .mmio = 2, .irqs = 3, .dma = 4, .bootstrap = 5, .bootstrap_bytes = 4096};
handle_t rt_port = 6;
static struct boot_info boot;
static struct startup startup = {.name = "rs", .boot = &boot, .tsc_hz = 1000000000};
const struct startup *rt_startup = &startup;
static struct status_page own_page;
struct status_page *rt_status = &own_page;

// ---- Runtime ----

enum status rt_map(handle_t memory, uint64_t offset, uint64_t bytes, uint32_t prot,
                   enum rt_map_kind, void **address)
{
    uint64_t at = 0;
    enum status status = sys_mem_map(0, memory, &at, offset, bytes, prot);
    *address = (void *)at;
    return status;
}

bool fake_uncommitted;

// What is about a service is done at once; what is about nobody, when the turn is over.
static void (*at_end_of_turn[8])(void *arg);
static int at_end_count;

bool rt_at_commit(void (*fn)(void *arg), void *arg)
{
    if (!fake_uncommitted && arg != nullptr) {
        fn(arg);
    }
    for (int i = 0; i < at_end_count; i++) {
        if (at_end_of_turn[i] == fn) {
            return true;
        }
    }
    if (!fake_uncommitted && arg == nullptr) {
        at_end_of_turn[at_end_count++] = fn;
    }
    return true;
}

static void end_turn(void)
{
    while (at_end_count > 0) {
        void (*fn)(void *arg) = at_end_of_turn[0];
        memmove(at_end_of_turn, at_end_of_turn + 1, (size_t)--at_end_count * sizeof(*at_end_of_turn));
        fn(nullptr);
    }
}

void rt_close_at_commit(handle_t handle)
{
    (void)sys_handle_close(handle);
}

enum status self_part(enum manifest_part, struct given_handle *)
{
    return ERR_ARG;
}

static struct rt_timer *timers;

uint64_t rt_now_ns(void)
{
    return clock_ns;
}

void rt_timer_cancel(struct rt_timer *t)
{
    for (struct rt_timer **link = &timers; *link; link = &(*link)->next) {
        if (*link == t) {
            *link = t->next;
            break;
        }
    }
    t->armed = false;
}

void rt_timer(struct rt_timer *t, uint64_t at_ns, void (*fn)(void *arg), void *arg)
{
    rt_timer_cancel(t);
    *t = (struct rt_timer){.at_ns = at_ns, .fn = fn, .arg = arg, .next = timers, .armed = true};
    timers = t;
}

void fake_run_to(uint64_t ns)
{
    for (;;) {
        struct rt_timer *next = nullptr;
        for (struct rt_timer *t = timers; t; t = t->next) {
            next = t->at_ns <= ns && (!next || t->at_ns < next->at_ns) ? t : next;
        }
        if (!next) {
            break;
        }
        clock_ns = next->at_ns > clock_ns ? next->at_ns : clock_ns;
        rt_timer_cancel(next);
        next->fn(next->arg);
        end_turn();
    }
    clock_ns = ns;
}

// Everything that lives as long as the supervisor, to be given back between tests.
void *rt_new(struct rt_type *type, size_t count)
{
    void *p = calloc(count, type->bytes);
    return count > 1 ? fake_kept(p) : p;
}

void rt_free(void *p)
{
    free(p);
}

void rt_log(enum log_level, const char *, ...) {}

void rt_assert_fail(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, text);
    abort();
}

const char *rt_status_text(enum status)
{
    return "a status";
}

static void *grant_memory;

// ---- Modules: "n" is a newer one, "x" is damaged, "o" cannot move, "w" has too many sections ----

static struct module_file others[] = {
    {.name = "n", .usable = true, .moves = true, .size = 6000, .memory = 7},
    {.name = "x", .size = 6000, .memory = 7},
    {.name = "o", .usable = true, .size = 6000, .memory = 7},
    {.name = "w", .usable = true, .moves = true, .size = 6000, .memory = 7,
     .elf = {.section_count = 1 << 20}},
};

struct module_file *module_in_archive(const char *name)
{
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(others[i].name, name) == 0) {
            return &others[i];
        }
    }
    return strcmp(name, "m") == 0 ? &module : nullptr;
}

enum status module_from_grant(struct request *, const char *, struct module_file **out)
{
    *out = &others[0];
    return OK;
}

uint64_t fake_program = 99;

uint64_t module_program(struct module_file *)
{
    return fake_program;
}

void modules_sweep(void) {}

enum status rt_grant_write(struct request *rq, uint64_t offset, const void *from, size_t bytes)
{
    if (offset + bytes > rt_grant_bytes(rq)) {
        return ERR_RANGE;
    }
    memcpy((char *)grant_memory + offset, from, bytes);
    return OK;
}

enum status rt_grant_read(struct request *rq, uint64_t offset, void *to, size_t bytes)
{
    if (offset + bytes > rt_grant_bytes(rq)) {
        return ERR_RANGE;
    }
    memcpy(to, (char *)grant_memory + offset, bytes);
    return OK;
}

struct parked *rt_park(struct request *rq)
{
    struct parked *p = calloc(1, sizeof(*p));
    rq->outcome = RT_PARKED;
    p->rq = *rq;
    fake_parked++;
    return p;
}

void rt_answer(struct parked *p, enum status, const uint64_t *)
{
    fake_parked--;
    free(p);
}

void rt_answer_handle(struct parked *p, enum status status, const uint64_t *words, handle_t,
                      uint32_t)
{
    rt_answer(p, status, words);
}

enum status fake_request(uint32_t from, uint32_t label, uint64_t w[6], void *grant, uint64_t bytes)
{
    bool in = label == RS_LABEL_FIND || label == RS_LABEL_UPDATE || label == RS_LABEL_UPDATE_FILE ||
              label == RS_LABEL_RESTORE;
    struct request rq = {.m = {.tag = label, .badge = from}, .reply = 9};
    rq.m.grant = bytes ? bytes | (in ? GRANT_READ : GRANT_WRITE) : 0;
    memcpy(rq.m.w, w, sizeof(rq.m.w));
    if (label == RS_LABEL_SUBSCRIBE) {
        rq.m.tag |= TAG_HANDLE;
        rq.m.handle = fake_subscriber;
    }
    grant_memory = grant;
    enum status status = rs_dispatch(&rs_commands, &rq);
    end_turn();
    memcpy(w, rq.m.w, sizeof(rq.m.w));
    if (rq.close_after != HANDLE_NONE) {
        fake_badge = fake_badge_of(rq.close_after);
        (void)fake_close(rq.close_after);
    }
    return status;
}

// ---- Services ----

void fake_begin(uint32_t count, bool moves)
{
    static const struct manifest_rules rules = {50, 2, 400, 2000, 10, 1000, 200, 5, 5000, 10000};
    header = (struct manifest_header){.services = count, .string_bytes = sizeof(manifest_strings)};
    manifest = (struct manifest){&header, fake_entries, nullptr, manifest_strings};
    for (uint32_t i = 0; i < count; i++) {
        fake_entries[i] = (struct manifest_service){
            .name = 1 + 2 * i, .quota = 1 << 20, .stack = 4096, .priority = 5, .rules = rules,
            .flags = MANIFEST_SPARE};
    }
    service_count = count;
    services = fake_kept(calloc(count, sizeof(*services)));
    module.elf.section_count = 1;
    module.moves = moves;
    fake_linked = true;
    fake_quota = 1ull << 40;
    ready_mask = 0;
    if (events_init() || records_init() || letters_init()) {
        abort();
    }
    boots_begin();
}

void fake_end(void)
{
    fake_kernel_end();
    timers = nullptr;
    service_count = 0;
}

void fake_prepare(void)
{
    for (uint32_t i = 0; i < service_count; i++) {
        struct service *s = &services[i];
        s->entry = &fake_entries[i];
        s->name = manifest_strings + fake_entries[i].name;
        s->index = i;
        s->number = i + 1;
        s->rules = policy_rules(&s->entry->rules, s->entry->flags);
        s->module = &module;
        if (service_prepare_port(s) || service_prepare(s, &manifest)) {
            abort();
        }
    }
    services_start();
    boots_keep();
    end_turn();
}

void fake_ready(uint32_t number, uint64_t work)
{
    struct service *s = service_by_number(number);
    s->status->ready = 1;
    s->status->movable = module.moves;
    s->status->work += work;
    s->status->first_work_ns = work ? clock_ns + 1 : 0;
    watch_news(number, nullptr);
    end_turn();
}

static void fault(uint32_t number, uint32_t serial, uint32_t kind, const uint64_t words[6])
{
    struct request rq = {
        .m = {.tag = TAG_FAULT | kind, .badge = number | (uint64_t)serial << 8}};
    memcpy(rq.m.w, words, sizeof(rq.m.w));
    if (on_fault(&rq, nullptr) != FAULT_STOP) {
        abort();
    }
    end_turn();
}

void fake_moved(uint32_t number)
{
    service_by_number(number)->status->moved = 1;
}

// As the service would: through a mapping of its own.
void fake_checkpoint(uint32_t number, uint64_t content)
{
    uint64_t at = 0;
    if (sys_mem_map(0, fake_to_write, &at, 0, 8192, PROT_READ | PROT_WRITE) != OK) {
        abort();
    }
    uint64_t *words = (uint64_t *)at;
    words[5] = content;
    checkpoint_seal(words, 48, fake_program);
    service_by_number(number)->status->checkpoints++;
}

// Of the living one if that is the incarnation; else of one that is long gone.
void fake_fault(uint32_t number, uint32_t incarnation, uint32_t kind, uint64_t vector)
{
    const struct service *s = service_by_number(number);
    uint32_t serial = s && s->living && s->incarnation == incarnation ? s->living->serial : 0;
    fault(number, serial, kind, (uint64_t[6]){vector, 6, 0x40001000, 0, 0x50000000});
}

void fake_exit(uint32_t number, uint64_t code)
{
    fault(number, service_by_number(number)->living->serial, FAULT_EXIT,
          (uint64_t[6]){0, 0, 0x40001000, code, 0x50000000});
}

void fake_spare_fault(uint32_t number)
{
    const struct body *spare = service_by_number(number)->spare;
    fault(number, spare ? spare->serial : 0, FAULT_EXCEPTION, (uint64_t[6]){14});
}

enum status rt_grant_read_unlogged(struct request *rq, uint64_t offset, void *to, size_t bytes)
{
    return rt_grant_read(rq, offset, to, bytes);
}

int undo_skip_add(uintptr_t, uintptr_t)
{
    return 1;
}

void undo_skip_remove(uintptr_t) {}
