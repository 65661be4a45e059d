// SPDX-License-Identifier: MIT
// before: what the supervisor knew in an earlier boot. Of that the machine's memory keeps the last part
// over a restart, so this is often the only trace of why there was one.
#include "apps/shell/output.h"
#include "apps/shell/services.h"
#include "apps/shell/shell.h"
#include "interfaces/rs.client.h"
#include <stdlib.h>

static void event(const void *e)
{
    show_event(e);
}

static void death(const void *record)
{
    const struct rs_death *d = record;
    say("%4llu %8llu ms  %-12.*s %3u  %-10s%s %.*s\n", (unsigned long long)d->sequence,
        (unsigned long long)d->detected_ns / 1000000, FIELD(d->name), d->incarnation,
        death_cause_text(d->cause), d->asked ? " (asked)" : "", FIELD(d->text));
}

static void letter(const void *l)
{
    show_letter(l);
}

static const struct kind {
    const char *title;
    enum status (*fetch)(handle_t rs, uint32_t age, uint64_t after, void *to, size_t bytes,
                         uint32_t *count, uint64_t *next);
    size_t bytes; // of an entry
    void (*show)(const void *entry);
} kinds[] = {
    {"", rs_events_before, sizeof(struct rs_event), event},
    {"death records:\n", rs_deaths_before, sizeof(struct rs_death), death},
    {"requests that were taken out:\n", rs_letters_before, sizeof(struct rs_letter), letter},
};

static enum status show_all(uint32_t age, const struct kind *k)
{
    alignas(8) static char some[16 << 10];
    uint64_t next = 0;
    uint32_t count = 1, room = (uint32_t)(sizeof(some) / k->bytes);
    enum status status = OK;
    for (bool first = true; status == OK && count > 0 && !interrupted(); first = false) {
        status = k->fetch(shell.rs, age, next, some, room * k->bytes, &count, &next);
        say("%s", status == OK && first && count > 0 ? k->title : "");
        for (uint32_t i = 0; status == OK && i < count && i < room; i++) {
            k->show(some + i * k->bytes);
        }
    }
    return status;
}

static enum status show_boot(uint32_t age)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        status = show_all(age, &kinds[i]);
    }
    return status;
}

static enum status show_record(uint32_t age, uint64_t number, bool *found)
{
    static struct rs_death d;
    uint64_t next = 0;
    uint32_t count = 0;
    enum status status = rs_deaths_before(shell.rs, age, number - 1, &d, sizeof(d), &count, &next);
    *found = status == OK && count == 1 && d.sequence == number;
    if (*found) {
        show_incident(&d);
    }
    return status;
}

// before: the last boot. before AGE [N]: an older one; everything about its N-th death record.
int cmd_before(int argc, char **argv)
{
    char *end = "";
    bool found = true;
    unsigned long age = argc > 1 ? strtoul(argv[1], &end, 10) : 1;
    if (argc > 3 || *end || age < 1 || age > RS_BOOTS_KEPT) {
        return usage();
    }
    unsigned long long number = argc > 2 ? strtoull(argv[2], &end, 10) : 0;
    if (*end || (argc > 2 && number == 0)) {
        return usage();
    }
    enum status status = number ? show_record((uint32_t)age, number, &found) : show_boot((uint32_t)age);
    if (status == ERR_NOT_FOUND) {
        return complain("nothing is known of that boot: the machine was off, or its memory was not kept");
    }
    if (!found && status == OK) {
        return complain("%llu: there is no such death record; before %lu lists them", number, age);
    }
    return status == OK ? 0 : complain_status("the supervisor", status);
}
