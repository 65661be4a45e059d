// SPDX-License-Identifier: MIT
#include "rs/boots.h"
#include "rs/events.h"
#include "rs/letters.h"
#include "rs/record.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct kept kept;
static bool serving; // start-up is over; never in the twin, whose log is not kept
static char why[KEPT_WHY_BYTES];
static enum system_action ending; // what boots_end_machine was asked for

static void *map_kept(uint64_t *bytes)
{
    struct mem_info info;
    void *at;
    if (machine.kept == HANDLE_NONE || sys_mem_info(machine.kept, &info) != OK ||
        rt_map(machine.kept, 0, info.bytes, PROT_READ | PROT_WRITE, RT_SHARED, &at) != OK) {
        return nullptr;
    }
    *bytes = info.bytes;
    return at;
}

// ---- Writing ----

static void keep(void *)
{
    if (serving) {
        events_keep(&kept);
        records_keep(&kept);
        letters_keep(&kept);
    }
}

// What was deferred before comes first: the newborn is started, then its birth is written down.
static void keep_after_the_rest(void *)
{
    at_commit(keep, nullptr);
}

void boots_keep_soon(void)
{
    if (serving) {
        at_commit(keep_after_the_rest, nullptr);
    }
}

void boots_keep(void)
{
    serving = kept.bank != nullptr;
    keep(nullptr);
}

void boots_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
}

static void end_machine(void *)
{
    keep(nullptr);
    kept_put_why(&kept, why);
    (void)sys_system_control(machine.ports, ending);
}

void boots_end_machine(enum system_action action)
{
    ending = action;
    at_commit(end_machine, nullptr);
}

// ---- At boot ----

// The kernel knows best; then whoever had the machine restarted.
static void add_restart_event(const char *last_words)
{
    char said[KEPT_WHY_BYTES];
    struct rs_event *e = event_add(RS_RESTARTED, nullptr);
    e->value = kept.boot;
    if (last_words[0] != '\0') {
        copy_name(e->text, sizeof(e->text), last_words);
    } else if (kept_why(&kept, 1, said) && said[0] != '\0') {
        copy_name(e->text, sizeof(e->text), said);
    } else {
        copy_name(e->text, sizeof(e->text), "nobody has said why");
    }
    log_info("boot %u, the machine was restarted: %s", kept.boot, e->text);
}

void boots_begin(void)
{
    uint64_t bytes = 0, salt = 0;
    kept = (struct kept){.banks = nullptr};
    serving = false;
    void *at = map_kept(&bytes);
    (void)sys_random(&salt, sizeof(salt)); // cannot fail; if it did, the number of the boot would do, too
    if (at != nullptr && kept_begin(&kept, at, bytes, salt) && kept.boot > 1) {
        add_restart_event(machine.boot.last_words);
    }
}

void boots_join(void)
{
    uint64_t bytes = 0;
    void *at = map_kept(&bytes);
    if (at != nullptr && !kept_join(&kept, at, bytes)) {
        log_warn("the supervisor's log is not where it should be kept");
    }
}

// ---- For people ----

enum status boots_read(struct request *rq, uint32_t age, enum kept_kind kind, uint64_t after,
                       uint32_t *count, uint64_t *next)
{
    union { // on the stack, where nothing is logged to be undone
        struct rs_event event;
        struct rs_death death;
        struct rs_letter letter;
        uint64_t sequence;
    } entry;
    static const size_t sizes[] = {sizeof(entry.event), sizeof(entry.death), sizeof(entry.letter)};
    uint64_t room = rt_grant_bytes(rq) / sizes[kind];
    if (kept_boot(&kept, age) == 0) {
        return ERR_NOT_FOUND;
    }
    *next = after;
    for (*count = 0; *count < room && kept_next(&kept, age, kind, *next, &entry); ++*count) {
        enum status status = rt_grant_write(rq, *count * sizes[kind], &entry, sizes[kind]);
        if (status != OK) {
            return status;
        }
        *next = entry.sequence;
    }
    return OK;
}
