// SPDX-License-Identifier: MIT
// From an interrupt line to the first instruction of its driver in user mode.
//
// The PIT raises its line once. Meanwhile a thread of low priority writes the time into memory as fast
// as it can; the driver, of higher priority, compares with the last time written: what lies between is
// the interrupt's way through the kernel, plus at most one round of that loop.
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "bench/guest/thread.h"
#include "lib/rt/ipc.h"
#include "lib/rt/rt.h"

enum { PIT_COUNTER = 0x40, PIT_COMMAND = 0x43, PIT_ONE_SHOT = 0x30, PIT_GSI = 2, ROUNDS = 200 };

static volatile uint64_t last_seen;
static struct samples delays;

struct driver {
    handle_t ports, irq, port;
};

static void arm(handle_t ports, uint16_t count)
{
    sys_io_write(ports, PIT_COMMAND, 1, PIT_ONE_SHOT);
    sys_io_write(ports, PIT_COUNTER, 1, count & 0xff);
    sys_io_write(ports, PIT_COUNTER, 1, count >> 8);
}

static uint64_t sample[ROUNDS];
static volatile uint32_t taken;

static void driver_thread(void *arg)
{
    const struct driver *d = arg;
    struct ipc_message m = {};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        arm(d->ports, 2000);
        if (ipc_recv(d->port, HANDLE_NONE, &m, RECV_NOTIFY_ONLY) != OK) {
            break;
        }
        sample[i] = ticks() - last_seen;
        sys_irq_ack(d->irq);
        taken = i + 1;
    }
    taken = ROUNDS;
    sys_thread_exit();
}

void bench_interrupt(void)
{
    struct driver d = {.ports = rt_handle("pit")};
    handle_t lines = rt_handle("pit_irq"), raise;
    if (!d.ports || !lines) {
        return report_failure("interrupt_to_driver", "the manifest gives no handles 'pit' and 'pit_irq'", 0);
    }
    if (sys_port_create(&d.port) != OK || sys_handle_copy(d.port, RIGHT_NOTIFY | RIGHT_TRANSFER, 1, &raise) != OK ||
        sys_irq_create(lines, PIT_GSI, 0, &d.irq) != OK || sys_irq_bind(d.irq, raise) != OK) {
        return report_failure("interrupt_to_driver", "cannot bind the interrupt", 0);
    }
    sys_irq_ack(d.irq);
    struct bench_thread thread;
    taken = 0;
    last_seen = ticks();
    if (bench_thread_start(&thread, driver_thread, &d, +1)) {
        uint64_t limit = rt_now_ns() + 5000000000ull;
        while (taken < ROUNDS && rt_now_ns() < limit) {
            last_seen = ticks();
        }
        for (uint32_t i = 0; i < ROUNDS && taken == ROUNDS; i++) {
            samples_add(&delays, sample[i]);
        }
        samples_report("interrupt_to_driver", &delays);
        bench_thread_stop(&thread);
    }
    sys_handle_close(d.irq), sys_handle_close(raise), sys_handle_close(d.port);
}
