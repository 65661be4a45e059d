// SPDX-License-Identifier: MIT
#include "bench/guest/measure.h"
#include "lib/rt/rt.h"
#include <stdio.h>
#include <stdlib.h>

static uint32_t failures;

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// One decimal of value / divisor, without floating point.
static void tenths(char out[32], uint64_t value, uint64_t divisor)
{
    uint64_t scaled = divisor ? (value * 10 + divisor / 2) / divisor : 0;
    snprintf(out, 32, "%llu.%llu", (unsigned long long)(scaled / 10), (unsigned long long)(scaled % 10));
}

static void put(const char *line)
{
    log_info("B %s", line);
}

void measure(const char *name, long n, void (*fn)(long n, void *arg), void *arg)
{
    uint64_t taken[BATCHES], ns[BATCHES];
    fn(n, arg);
    for (int i = 0; i < BATCHES; i++) {
        uint64_t since = rt_now_ns(), start = ticks();
        fn(n, arg);
        taken[i] = ticks() - start;
        ns[i] = rt_now_ns() - since;
        rt_beat();
    }
    qsort(taken, BATCHES, sizeof taken[0], compare);
    qsort(ns, BATCHES, sizeof ns[0], compare);
    char low[32], middle[32], time[32], line[160];
    tenths(low, taken[0], (uint64_t)n);
    tenths(middle, taken[BATCHES / 2], (uint64_t)n);
    tenths(time, ns[BATCHES / 2], (uint64_t)n);
    snprintf(line, sizeof line, "%s n=%ld min=%s med=%s ns=%s", name, n, low, middle, time);
    put(line);
}

void samples_add(struct samples *s, uint64_t value)
{
    if (s->count == s->room) {
        uint32_t room = s->room ? s->room * 2 : 256;
        uint64_t *larger = realloc(s->value, room * sizeof *larger);
        if (!larger) {
            return report_failure("samples", "out of memory", 0);
        }
        s->value = larger;
        s->room = room;
    }
    s->value[s->count++] = value;
}

void samples_report(const char *name, struct samples *s)
{
    if (!s->count) {
        return report_failure(name, "no sample", 0);
    }
    qsort(s->value, s->count, sizeof s->value[0], compare);
    uint32_t p99 = s->count * 99 / 100;
    char line[200];
    snprintf(line, sizeof line, "%s n=%u min=%llu med=%llu p99=%llu max=%llu", name, s->count,
             (unsigned long long)s->value[0], (unsigned long long)s->value[s->count / 2],
             (unsigned long long)s->value[p99 < s->count ? p99 : s->count - 1],
             (unsigned long long)s->value[s->count - 1]);
    put(line);
    free(s->value);
    *s = (struct samples){};
}

uint64_t busy_ns(void)
{
    struct system_info info;
    return sys_system_info(&info) == OK ? rt_now_ns() * info.cpus - info.idle_ns : 0;
}

void wait_until_idle(void)
{
    enum { LOOK_NS = 10000000, IDLE_NS = LOOK_NS / 20, LOOKS = 500 };
    for (int i = 0; i < LOOKS; i++) {
        uint64_t before = busy_ns();
        rt_sleep_until(rt_now_ns() + LOOK_NS);
        rt_beat();
        if (busy_ns() - before < IDLE_NS) {
            return;
        }
    }
}

struct lap lap_begin(void)
{
    return (struct lap){.busy = busy_ns(), .ns = rt_now_ns(), .ticks = ticks()};
}

struct lap lap_end(struct lap begun)
{
    uint64_t now = ticks();
    return (struct lap){.ticks = now - begun.ticks, .ns = rt_now_ns() - begun.ns, .busy = busy_ns() - begun.busy};
}

void report_each(const char *name, uint64_t count, struct lap took)
{
    char each[32], time[32], busy[32], line[160];
    tenths(each, took.ticks, count);
    tenths(time, took.ns, count);
    tenths(busy, took.busy, count);
    snprintf(line, sizeof line, "%s n=%llu ticks=%s ns=%s busy=%s", name, (unsigned long long)count, each, time, busy);
    put(line);
    rt_beat();
}

void report_bulk(const char *name, uint64_t bytes, struct lap took)
{
    char each[32], rate[32], busy[32], line[160];
    tenths(each, took.ticks, bytes / 1024);
    tenths(rate, bytes * 1000 / 1048576 * 1000000, took.ns ? took.ns : 1);
    tenths(busy, took.busy, bytes / 1024);
    snprintf(line, sizeof line, "%s bytes=%llu ticks_per_KiB=%s MBs=%s busy=%s", name, (unsigned long long)bytes, each, rate,
             busy);
    put(line);
    rt_beat();
}

void report_failure(const char *name, const char *what, int code)
{
    failures++;
    log_error("B %s failed: %s (%d)", name, what, code);
}

uint32_t report_failures(void)
{
    return failures;
}
