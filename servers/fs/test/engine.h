// SPDX-License-Identifier: MIT
// Transactions for the host tests: engine.c undoes requests at every wait and at random
// instructions, for what was compiled with the undo log; engine_none.c lets everything pass.
#pragma once
#include "servers/fs/test/file_device.h"
#include "servers/fs/volume.h"
#include <errno.h>
#include <setjmp.h>

// From now on requests are about this volume, on this disk.
void engine_attach(struct file_device *disk, struct volume *v);
void engine_ask_chores(void); // for struct volume_options
// Called while a request waits, to make others meanwhile. May be null.
extern void (*engine_idle)(void *arg);
extern void *engine_idle_arg;
extern bool engine_callers_die; // from now on
// What has happened so far, on stderr.
void engine_report(void);

// For the macros.
sigjmp_buf *engine_begin(void);
bool engine_resume(void); // after an abort: undoes, waits; false: the caller has died
void engine_run(void);
void engine_begin_work(void);
void engine_end(void); // commits

// A request: the expression (an errno value) may be evaluated several times, and counts once.
// ECANCELED: it was undone and its caller has died, so it never was.
#define REQUEST(expression)                                                                        \
    ({                                                                                             \
        int result_ = ECANCELED;                                                                   \
        if (!sigsetjmp(*engine_begin(), 1) || engine_resume()) {                                   \
            engine_run();                                                                          \
            result_ = (expression);                                                                \
        }                                                                                          \
        engine_end();                                                                              \
        result_;                                                                                   \
    })

// Work that waits in place and commits by that, like a sync.
#define WORK(expression)                                                                           \
    ({                                                                                             \
        engine_begin_work();                                                                       \
        __auto_type work_ = (expression);                                                          \
        engine_end();                                                                              \
        work_;                                                                                     \
    })
