// SPDX-License-Identifier: MIT
// Live update: a planned move into another module, and back if that does not hold.
//
// The new version is on trial until it has lived for some time or done some work. Until it has done
// any, the old one's state stays where it is, and is taken over again if the new one fails. After
// that the state has gone on, and it is the new one's that is moved back.
#include "rs/events.h"
#include "rs/record.h"
#include <string.h>

enum status update_begin(struct service *s, struct module_file *module)
{
    uint64_t layout = sizeof(struct layout_record) + module->elf.section_count * sizeof(uint64_t);
    if (!module->usable) {
        return ERR_CORRUPT;
    }
    if (!module->moves) {
        return ERR_UNSUPPORTED;
    }
    if (layout > s->layout_bytes) {
        return ERR_RANGE;
    }
    if (module == s->module) {
        return ERR_EXISTS;
    }
    if (s->state != RS_READY || s->next_module != nullptr || s->move.wanted) {
        return ERR_STATE;
    }
    spare_drop(s);
    s->next_module = module;
    enum status status = move_begin(s, BIRTH_UPDATED);
    if (status != OK) {
        s->next_module = nullptr;
    }
    return status;
}

void update_switch(struct service *s)
{
    if (s->next_module != nullptr) {
        s->trial = (struct trial){.old = s->module};
        s->module = s->next_module;
        s->next_module = nullptr;
    }
}

bool update_has_served(const struct service *s)
{
    return s->status->work != s->born_work;
}

bool update_needs_holder(const struct service *s)
{
    return s->trial.old != nullptr && s->holder != nullptr && s->holder->module == s->trial.old &&
           !update_has_served(s);
}

void update_note_ready(struct service *s, uint64_t now)
{
    if (s->trial.old != nullptr && s->trial.since_ns == 0) {
        s->trial.since_ns = now;
        s->trial.work = s->status->work;
    }
}

void update_tend(struct service *s, uint64_t now)
{
    const struct manifest_care *care = &s->entry->care;
    if (s->trial.old == nullptr || s->trial.since_ns == 0) {
        return;
    }
    bool worked = care->probation_requests != 0 &&
                  s->status->work - s->trial.work >= care->probation_requests;
    if (worked || now - s->trial.since_ns >= care->probation_ms * 1000000ull) {
        s->trial = (struct trial){0};
        event_add(RS_PROVEN, s);
        modules_sweep();
    }
}

// The old module comes back, with the best state there is: the holder's.
bool update_roll_back(struct service *s, const struct rs_death *d)
{
    if (s->trial.old == nullptr || d->asked) {
        return false;
    }
    struct rs_event *e = event_add(RS_ROLLED_BACK, s);
    copy_name(e->text, sizeof(e->text), d->text);
    e->cause = d->cause;
    s->module = s->trial.old;
    s->trial = (struct trial){0};
    s->move.under_way = s->move.failed_once = false;
    return true;
}
