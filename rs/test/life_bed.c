// SPDX-License-Identifier: MIT
#include "rs/test/life_bed.h"

uint64_t now;

void pass(uint64_t ms)
{
    fake_run_to(now += ms * MS);
}

struct service *one(uint32_t number)
{
    return service_by_number(number);
}

// Three services: 2 needs 1, 3 needs both; 3 may command.
int begin_all(bool moves)
{
    now = rt_now_ns();
    fake_beats = true;
    fake_suspended = false;
    fake_queue = 0;
    fake_fail_at = -1;
    fake_begin(3, moves);
    fake_entries[1].needs = 1;
    fake_entries[2].needs = 3;
    fake_entries[2].may = RS_CONTROL | RS_WATCH;
    fake_prepare();
    return 0;
}

int begin(void **)
{
    return begin_all(false);
}

int begin_moving(void **)
{
    return begin_all(true);
}

int end(void **)
{
    corpses_settle(); // whoever still waits is answered
    fake_end();
    return 0;
}

void all_ready(void)
{
    for (uint32_t i = 1; i <= service_count; i++) {
        fake_ready(i, 1);
    }
}

const struct startup *given(uint32_t number)
{
    return one(number)->living->startup;
}

const struct rs_event *last_event(enum rs_event_kind kind)
{
    const struct rs_event *found = nullptr;
    for (uint64_t i = 1; event_find(i) != nullptr; i++) {
        found = event_find(i)->kind == kind ? event_find(i) : found;
    }
    return found;
}
