// SPDX-License-Identifier: MIT
// How long nobody is there: from a death to the next answer, and at a planned move. One service after
// the other, nothing else to do, a spare linked each time. With instructions as the clock
// (QEMU: -icount shift=0,sleep=off) a nanosecond is one of them.
#include "interfaces/block.client.h"
#include "interfaces/console.client.h"
#include "interfaces/entropy.client.h"
#include "interfaces/pci.client.h"
#include "interfaces/rs.client.h"
#include "interfaces/time.client.h"
#include "lib/rt/rt.h"
#include "servers/drivers/test/driver_test.h"
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 1000, LOOK_NS = 1'000'000, PATIENCE = 5000 };

static uint64_t sample[SAMPLES];

static enum status ask_console(void)
{
    static uint32_t number = 1 << 30;

    return console_write(rt_handle("console"), ++number, true, ".", 1);
}

static enum status ask_pci(void)
{
    uint32_t address, vendor, device, class_code;
    uint64_t owner;

    return pci_find(rt_handle("pci"), PCI_ANY_ID, PCI_ANY_ID, PCI_ANY_CLASS, 0, &address, &vendor,
                    &device, &class_code, &owner);
}

static enum status ask_time(void)
{
    uint64_t unix_ns, monotonic_ns;

    return time_now(rt_handle("time"), &unix_ns, &monotonic_ns);
}

static enum status ask_entropy(void)
{
    uint64_t reseeds, bytes;
    bool present;

    return entropy_info(rt_handle("entropy"), &present, &reseeds, &bytes);
}

static enum status ask_blk(void)
{
    uint64_t sectors;
    uint32_t features, max_bytes;

    return block_info(rt_handle("disk"), &sectors, &features, &max_bytes);
}

static const struct {
    const char *name;
    enum status (*ask)(void);
} services[] = {
    {"console", ask_console}, {"pci", ask_pci}, {"time", ask_time}, {"entropy", ask_entropy},
    {"blk", ask_blk},
};

// With a spare, and all that was there before gone.
static bool await_spare(uint32_t number, uint32_t incarnation, struct rs_service *s)
{
    for (uint32_t i = 0; i < PATIENCE; i++) {
        if (rs_info(H_RS, number, s, sizeof *s) == OK && s->state == RS_READY &&
            s->spare >= RS_LINKED && s->incarnation > incarnation) {
            return true;
        }
        rt_sleep_until(rt_now_ns() + LOOK_NS);
    }
    log_error("measure: no spare");
    count.wrong++;
    return false;
}

static int by_size(const void *a, const void *b)
{
    return *(const uint64_t *)a < *(const uint64_t *)b ? -1 : 1;
}

static void tell(const char *what, const char *name, uint32_t n)
{
    char text[160];

    qsort(sample, n, sizeof sample[0], by_size);
    snprintf(text, sizeof text, "%s %s: p50=%llu p99=%llu max=%llu of %u ns\n", what, name,
             (unsigned long long)sample[n / 2], (unsigned long long)sample[n * 99 / 100],
             (unsigned long long)sample[n - 1], n);
    say(text);
}

static uint64_t kill_and_ask(uint32_t number, enum status (*ask)(void))
{
    uint64_t before = rt_now_ns();

    count.wrong += rs_kill(H_RS, number, RS_NULL_POINTER) != OK || ask() != OK;
    return rt_now_ns() - before;
}

static uint64_t move(uint32_t number, const struct rs_service *before)
{
    struct rs_service s = *before;

    count.wrong += rs_move(H_RS, number) != OK;
    for (uint32_t i = 0; i < PATIENCE && s.moves == before->moves; i++) {
        rt_sleep_until(rt_now_ns() + LOOK_NS);
        count.wrong += rs_info(H_RS, number, &s, sizeof s) != OK;
    }
    return s.pause_ns;
}

static void measure_one(uint32_t number, const char *name, enum status (*ask)(void), uint32_t n)
{
    struct rs_service s = {.incarnation = 0};

    for (uint32_t i = 0; i < n && await_spare(number, s.incarnation, &s); i++) {
        sample[i] = move(number, &s);
    }
    tell("move", name, n);
    for (uint32_t i = 0; i < n && await_spare(number, s.incarnation, &s); i++) {
        sample[i] = kill_and_ask(number, ask);
    }
    tell("crash", name, n);
}

void measure(uint32_t times)
{
    uint32_t number, n = times < SAMPLES ? times : SAMPLES;

    for (uint32_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (rs_find(H_RS, services[i].name, __builtin_strlen(services[i].name), &number) == OK) {
            measure_one(number, services[i].name, services[i].ask, n);
        } else {
            count.wrong++;
        }
    }
}
