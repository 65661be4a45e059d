// SPDX-License-Identifier: MIT
// A booted kernel on the host, and the means to act as any thread in it.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/ipc/port.h"
#include "kernel/ipc/reply.h"
#include "kernel/irq/iorange.h"
#include "kernel/irq/irq.h"
#include "kernel/mem/page.h"
#include "kernel/mem/region.h"
#include "kernel/mem/user.h"
#include "kernel/test/host/host_arch.h"

enum : uint64_t {
    DATA = 0x1000000, // where world_task maps memory for arguments
    DATA_BYTES = 32 * PAGE_SIZE,
    BLOCKED = 1000, // the call did not return (yet)
};

struct result {
    uint64_t status, value;
};

extern struct thread *root_thread;
enum { PORTS = 8, MMIO = 9, IRQS = 10, DMA = 11, KEPT = 12 }; // the root task's handles

int world_start(void **state); // group setup: boots once
// Makes the thread current on CPU 0; it must be ready.
void run_as(struct thread *);
// A system call as this thread, repeated while the kernel asks for that.
struct result call6(struct thread *, enum syscall, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                    uint64_t e, uint64_t f);
#define CALL(t, name, ...) CALL_(t, SYS_##name __VA_OPT__(,) __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define CALL_(t, n, a, b, c, d, e, f, ...) call6(t, n, a, b, c, d, e, f)
// Enters the kernel for a long call and leaves the thread where that was interrupted.
void call_interrupted(struct thread *, enum syscall, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
// The same as call6, with all message registers under control.
struct message {
    uint64_t tag, w[IPC_WORDS], rdi, rbx, r14, r15;
};
uint64_t call_message(struct thread *, enum syscall, struct message);
struct message message_of(const struct thread *); // what its registers hold now
// The handle of an expected success.
uint64_t made(struct result);

// A task under root with its own quota (0: root's), one started thread, and DATA mapped.
struct place {
    struct task *task;
    struct thread *thread;
    uint64_t task_handle, thread_handle; // in the root task
};
struct place world_task(const char *name, uint64_t quota, uint32_t priority);
struct thread *world_thread(struct place *, uint32_t priority);
void world_end(struct place *); // kills it, closes root's handles, and lets everything be reaped
// Installs root's handle in the task with these rights and badge.
uint64_t give(struct place *, uint64_t handle, uint32_t rights, uint64_t badge);
void settle(void); // left-over work is done
void poke(struct task *, uint64_t at, const void *from, size_t bytes);
void peek(struct task *, uint64_t at, void *to, size_t bytes);
struct object *object_behind(struct task *, uint64_t handle);
// Delivers a timer or reschedule interrupt on a CPU.
void tick(struct cpu *);
// All invariants of the kernel's data; stops the test with a message where one is broken.
void check_world(void);
// The threads that check_world found last.
size_t all_threads(struct thread **, size_t limit);
// Kills all tasks but root's and closes all their handles: tasks that name each other in a ring
// would stay for ever.
void empty_all_tasks(void);
