// SPDX-License-Identifier: MIT
// Planned moves, and rebirths with as much state: how long nobody is there.
//
// The pause is the supervisor's figure: from the stop of the old incarnation until the new one is ready. While it
// waits, this program computes at the lowest priority, which is also that of newborns that link themselves ahead, so
// that the processor never idles; under icount the pause then is instructions, those of everybody who runs in it.
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "bench/guest/subject.h"
#include "bench/guest/thread.h"
#include <stdio.h>

enum { MOVES = 120 };

static void report(const struct subject *s, const char *what, struct samples *samples)
{
    char name[64];
    snprintf(name, sizeof name, "%s_move_%s", s->name, what);
    samples_report(name, samples);
}

static void moves_of(struct subject *s)
{
    struct samples pause = {}, copy = {}, bytes = {}, objects = {}, pointers = {};
    struct rs_event event;
    for (int i = 0; i < MOVES; i++) {
        enum status status = subject_settled(s, RS_LINKED) && s->ask() ? rs_move(H_RS, s->number) : ERR_STATE;
        if (status != OK || !subject_moved(s, &event) || !s->ask()) {
            report_failure(s->name, "a move failed; status of the order", status);
            break;
        }
        samples_add(&pause, event.value);
        samples_add(&copy, event.move_ns);
        samples_add(&bytes, event.move_bytes);
        samples_add(&objects, event.move_objects);
        samples_add(&pointers, event.move_pointers);
    }
    report(s, "pause", &pause);
    report(s, "copy", &copy);
    report(s, "bytes", &bytes);
    report(s, "objects", &objects);
    report(s, "pointers", &pointers);
}

void bench_move(void)
{
    uint32_t own = bench_priority();
    (void)sys_thread_set_sched(H_SELF_THREAD, 1, 0, 0);
    if (subject_find(&subject_blk) && subject_find(&subject_disk)) {
        moves_of(&subject_blk);
        recovery_of(&subject_disk, "blk");
    }
    if (subject_find(&subject_hoard) && subject_hoard_fill()) {
        moves_of(&subject_hoard);
        recovery_of(&subject_hoard, "hoard");
    }
    if (subject_find(&subject_fs) && subject_fs_fill()) { // last: caches are not dropped any more
        moves_of(&subject_fs);
        recovery_of(&subject_fs, "fs");
    }
    (void)sys_thread_set_sched(H_SELF_THREAD, own, 0, 0);
}
