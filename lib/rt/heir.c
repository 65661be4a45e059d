// SPDX-License-Identifier: MIT
// An heir's start: it takes over what its predecessor left, tells those who must know, and goes on
// in the event loop. Nothing of service_main runs.
#include "lib/rt/internal.h"
#include "lib/rt/shadow.h"
#include "lib/rt/undo_log.h"
#include "randomizer/mover/move.h"
#include <stdio.h>

enum { HOOKS = 8 };

static void (*hooks[HOOKS])(const struct rt_rebirth *rebirth);
static uint32_t hook_count;

void rt_on_reborn(void (*fn)(const struct rt_rebirth *rebirth))
{
    rt_assert(hook_count < HOOKS);
    hooks[hook_count++] = fn;
}

[[noreturn]] static void refuse(const char *what, enum move_error error,
                                const struct move_report *report)
{
    rt_status->move_error = error;
    snprintf(rt_status->assert_text, sizeof(rt_status->assert_text), "%s: %s",
             move_error_text(error), report->where);
    log_error("%s: %s", what, rt_status->assert_text);
    sys_task_exit(MOVE_EXIT_BASE + error);
}

void spare_copies_ahead(const struct startup *startup)
{
    struct move_report report;
    enum move_error error = move_ahead(startup, H_PREDECESSOR, &report);
    if (error != MOVE_OK) {
        sys_task_exit(MOVE_EXIT_BASE + error);
    }
}

bool heir_cleans_up(void)
{
    return move_clean_up();
}

static void publish(const struct move_report *report, uint64_t began_ns)
{
    uint64_t now = rt_now_ns();
    rt_status->move_ns = now - began_ns;
    rt_status->move_objects = report->objects;
    rt_status->move_bytes = report->bytes;
    rt_status->move_pointers = report->pointers;
    rt_status->move_leaks = report->leaks;
    rt_status->move_tried = report->tried;
    rt_status->move_found = report->found;
    rt_status->move_doubtful = report->doubtful;
    rt_status->moved = now;
}

static void run_hooks(int64_t clock_shift_ns)
{
    const struct rt_rebirth rebirth = {
        .after_crash = rt_startup->flags & STARTUP_AFTER_CRASH,
        .updated = rt_startup->old_module != 0,
        .restored = rt_startup->flags & STARTUP_RESTORE,
        .clock_shift_ns = clock_shift_ns,
    };
    for (uint32_t i = 0; i < hook_count; i++) {
        tx_begin();
        hooks[i](&rebirth);
        tx_commit();
    }
}

// Bits that the predecessor had taken from its port and not dealt with are lost: everything is
// looked at once.
static void catch_up(int64_t clock_shift_ns)
{
    serve_takes_over();
    tx_begin();
    tx_commit(); // what it had deferred and not done
    run_hooks(clock_shift_ns);
    tx_begin();
    timers_restore();
    notify_all();
    notify_deferred();
    tx_commit();
}

[[noreturn]] static void go_on(int64_t clock_shift_ns)
{
    catch_up(clock_shift_ns);
    serve_untidy = true;
    rt_status->movable = 1;
    rt_ready();
    (void)loop_run();
    sys_task_exit(1);
}

void heir_begin(void)
{
    struct move_report report;
    uint64_t began_ns = rt_now_ns();
    enum move_error error = move_state(rt_startup, H_PREDECESSOR, &report);
    if (error != MOVE_OK) {
        refuse("the predecessor's state is not taken over", error, &report);
    }
    // From `moved` on we are what the next heir takes over from. So what was stored until now must
    // be committed by then: it would undo our heap.
    undo_commit();
    if ((rt_startup->flags & STARTUP_CHECK) && !state_is_consistent(report.where, sizeof(report.where))) {
        refuse("the predecessor's state is not taken over", MOVE_STATE, &report);
    }
    state_is_served_here();
    publish(&report, began_ns);
    (void)sys_handle_close(H_PREDECESSOR);
    drop_bootstrap();
    go_on(0);
}

// ---- From a checkpoint ----

// What the checkpoint says of callers and of the clock belongs to another life.
static void forget_past(int64_t clock_shift_ns)
{
    own_port();
    drop_inherited();
    if (!serve_begin_anew()) {
        rt_die("no Reply object: quota used up");
    }
    timers_shift(clock_shift_ns);
}

void restored_begin(void)
{
    struct move_report report;
    uint64_t began_ns = rt_now_ns(), clock_ns;
    enum move_error error = move_restore(rt_startup, &report, &clock_ns);
    if (error != MOVE_OK) {
        refuse("the checkpoint is not used", error, &report);
    }
    int64_t clock_shift_ns = (int64_t)(began_ns - clock_ns);
    forget_past(clock_shift_ns);
    undo_commit();
    state_is_served_here();
    publish(&report, began_ns);
    drop_bootstrap();
    go_on(clock_shift_ns);
}
