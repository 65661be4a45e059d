// SPDX-License-Identifier: MIT
// Works a disk hard while its driver is killed in every way there is, and checks every byte.
//
// Blocks of 4 KiB carry their number and generation; a model in memory says which generation each
// block must have. Requests under way never touch the same blocks. args: requests=N kills=N
// every_us=N errors=1 (the medium is bad: I/O errors are counted, not failures) writes=0 (read-only
// medium). all=1: kills all drivers in turn, and asks each for something after each death. log=1:
// has the console show the kernel log, too. lines=N: writes N numbered lines to COM1 instead, while
// the console driver is killed; whoever reads the line must find each of them once and in order.
// battery=N, measure=N: see battery.c and measure.c.
// Says "driver_test: passed …" or "driver_test: FAILED …" on the log and on COM1, then powers off.
#include "interfaces/block.client.h"
#include "interfaces/console.client.h"
#include "interfaces/entropy.client.h"
#include "interfaces/pci.client.h"
#include "interfaces/rs.client.h"
#include "interfaces/time.client.h"
#include "lib/block/disk.h"
#include "lib/rt/rt.h"
#include "servers/args.h"
#include "servers/drivers/test/driver_test.h"
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 4096, BLOCKS = 8192, SLOTS = 24, MAX_BLOCKS = 24, DISK_BIT = 1 };
enum { WORDS = BLOCK / 8 };

struct job {
    struct disk_request request;
    uint32_t first, count, generation; // blocks; generation being written
    bool write;
};

static struct disk disk;
static struct disk_memory memory = {.bytes = (uint64_t)SLOTS * MAX_BLOCKS * BLOCK};
static struct job jobs[SLOTS];
static uint32_t generation[BLOCKS]; // 0: not written yet
static bool busy[BLOCKS];
struct driver_test_count count;
static bool tolerate_errors, may_write;
static uint64_t killed_ns; // when the driver was last killed, 0: a request has completed since
static uint32_t recovery_us[1000], recoveries; // deaths that need no heartbeat to be found
static uint64_t longest_us, longest_kill;
static uint32_t blocks;

static uint64_t *place(uint32_t slot, uint32_t block)
{
    // Every other slot is laid out backwards, so that requests have many segments.
    uint32_t at = slot % 2 ? MAX_BLOCKS - 1 - block : block;
    return (uint64_t *)((char *)memory.base + ((uint64_t)slot * MAX_BLOCKS + at) * BLOCK);
}

static uint64_t word(uint32_t block, uint32_t gen, uint32_t i)
{
    return ((uint64_t)block << 40 | (uint64_t)gen << 16 | i) * 0x9e3779b97f4a7c15;
}

static void check(struct job *j, uint32_t slot)
{
    for (uint32_t b = 0; b < j->count; b++) {
        uint32_t gen = generation[j->first + b];
        for (uint32_t i = 0; gen != 0 && i < WORDS; i++) {
            if (place(slot, b)[i] != word(j->first + b, gen, i)) {
                count.wrong++;
                log_error("block %u word %u is not of generation %u", j->first + b, i, gen);
                break;
            }
        }
    }
}

static void done(struct disk *, struct disk_request *r)
{
    struct job *j = r->arg;

    if (killed_ns != 0 && recoveries < sizeof recovery_us / sizeof recovery_us[0]) {
        uint32_t us = (uint32_t)((rt_now_ns() - killed_ns) / 1000);
        recovery_us[recoveries++] = us;
        if (us > longest_us) {
            longest_us = us;
            longest_kill = count.kills;
        }
    }
    killed_ns = 0;
    if (r->status != OK) {
        count.errors++;
        if (!tolerate_errors) {
            log_error("request for block %u+%u: status %d", j->first, j->count, r->status);
        }
        for (uint32_t b = 0; b < j->count && j->write; b++) {
            generation[j->first + b] = 0; // unknown now
        }
    } else if (r->op == BLOCK_READ) {
        check(j, (uint32_t)(j - jobs));
    } else if (r->op == BLOCK_WRITE) {
        for (uint32_t b = 0; b < j->count; b++) {
            generation[j->first + b] = j->generation;
        }
    }
    for (uint32_t b = 0; b < j->count; b++) {
        busy[j->first + b] = false;
    }
}

static bool choose_blocks(struct job *j)
{
    j->count = 1 + rt_random_below(8);
    j->first = rt_random_below(blocks - j->count);
    for (uint32_t b = 0; b < j->count; b++) {
        if (busy[j->first + b]) {
            return false;
        }
    }
    for (uint32_t b = 0; b < j->count; b++) {
        busy[j->first + b] = true;
    }
    return true;
}

static void fill(struct job *j, uint32_t slot)
{
    static uint32_t next_generation;

    j->generation = ++next_generation & 0xffffff;
    for (uint32_t b = 0; b < j->count; b++) {
        for (uint32_t i = 0; i < WORDS; i++) {
            place(slot, b)[i] = word(j->first + b, j->generation, i);
        }
    }
}

static void start(uint32_t slot)
{
    struct job *j = &jobs[slot];
    uint32_t kind = rt_random_below(100);
    enum block_op op = kind < 4 ? BLOCK_FLUSH : kind < 50 && may_write ? BLOCK_WRITE : BLOCK_READ;

    j->count = 0;
    if (op != BLOCK_FLUSH && !choose_blocks(j)) {
        return;
    }
    j->write = op == BLOCK_WRITE;
    if (j->write) {
        fill(j, slot);
    }
    disk_request_init(&j->request, op, (uint64_t)j->first * (BLOCK / BLOCK_SECTOR));
    j->request.done = done;
    j->request.arg = j;
    for (uint32_t b = 0; b < j->count; b++) {
        uint32_t offset = (uint32_t)((char *)place(slot, b) - (char *)memory.base);
        enum status status = disk_request_add(&j->request, 0, offset, BLOCK);
        rt_assert(status == OK);
    }
    enum status status = disk_submit(&disk, &j->request);
    rt_assert(status == OK);
    count.started++;
    count.reads += op == BLOCK_READ;
    count.writes += op == BLOCK_WRITE;
    count.flushes += op == BLOCK_FLUSH;
}

static void kill_service(uint32_t service)
{
    static const enum rs_how ways[] = {RS_NULL_POINTER, RS_JUMP, RS_ASSERTION, RS_END,
                                       RS_NOW,          RS_LOOP, RS_SILENCE};
    enum rs_how how = ways[count.kills % (sizeof ways / sizeof ways[0])];

    disk_poll(&disk); // what is done by now is not the next incarnation's work
    uint64_t now = rt_now_ns();
    enum status status = rs_kill(H_RS, service, how);
    if (status == OK) {
        killed_ns = how != RS_LOOP && how != RS_SILENCE ? now : 0;
        count.kills++;
    } else if (status != ERR_STATE) { // not alive at the moment
        log_error("kill: status %d", status);
        count.wrong++;
    }
}

// What the other services must be able to do whatever happened to them.
bool others_work(uint64_t *unix_ns)
{
    static uint64_t last_ns;
    uint8_t a[32] = {0}, b[32] = {0};
    uint32_t address, vendor, device, class_code, subsystem, revision;
    uint64_t monotonic_ns, owner;
    enum status found = pci_find(rt_handle("pci"), 0x1af4, 0x1042, PCI_ANY_CLASS, 0, &address,
                                 &vendor, &device, &class_code, &owner);
    enum status claim =
        pci_claim(rt_handle("pci"), address, &vendor, &device, &class_code, &subsystem, &revision);
    enum status first = entropy_get(rt_handle("entropy"), a, sizeof a);
    enum status second = entropy_get(rt_handle("entropy"), b, sizeof b);
    enum status clock = time_now(rt_handle("time"), unix_ns, &monotonic_ns);
    // The disk belongs to its driver; the clock goes on; no two draws are alike.
    bool good = found == OK && owner != 0 && claim == ERR_BUSY && first == OK && second == OK &&
                clock == OK && *unix_ns >= last_ns && __builtin_memcmp(a, b, sizeof a) != 0;

    if (!good) {
        log_error("pci %d %d entropy %d %d clock %d", found, claim, first, second, clock);
        count.wrong++;
    }
    last_ns = *unix_ns;
    return good;
}

static uint32_t next_victim(uint32_t service)
{
    static const char *const names[] = {"blk", "pci", "entropy", "time", "console"};
    static uint32_t next;
    uint32_t number = service;
    uint64_t unix_ns;

    if (arg_number("all", 0) != 0) {
        const char *name = names[next++ % (sizeof names / sizeof names[0])];
        (void)others_work(&unix_ns);
        if (rs_find(H_RS, name, __builtin_strlen(name), &number) != OK) {
            count.wrong++;
        }
    }
    return number;
}

void load_step(void)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (!jobs[i].request.under_way) {
            start(i);
        }
    }
    disk_wait_any(&disk);
}

static void finish_load(void)
{
    while (disk_under_way(&disk) > 0) {
        disk_wait_any(&disk);
    }
}

static void run(uint64_t requests, uint64_t kills, uint64_t every_ns, uint32_t service)
{
    uint64_t next_kill = rt_now_ns() + every_ns;

    while (count.started < requests || count.kills < kills) {
        if (count.kills < kills && rt_now_ns() >= next_kill) {
            kill_service(next_victim(service));
            next_kill = rt_now_ns() + every_ns;
        }
        load_step();
    }
    finish_load();
}

void say(const char *text)
{
    static uint32_t number;

    log_info("%s", text);
    (void)console_write(rt_handle("console"), ++number, true, text, __builtin_strlen(text));
    (void)console_flush(rt_handle("console"));
}

// Long lines, so that writers have to wait for room.
static void write_lines(uint64_t lines, uint64_t kills, uint64_t every_ns, uint32_t service)
{
    uint64_t next_kill = rt_now_ns() + every_ns;
    char text[200];

    for (uint32_t i = 0; i < lines || count.kills < kills; i++) {
        int bytes = snprintf(
            text, sizeof text, "line %08u %.*s\n", i, (int)(i % 150),
            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
        enum status status = console_write(rt_handle("console"), i, true, text, (size_t)bytes);
        if (status != OK) {
            log_error("line %u: status %d", i, status);
            count.errors++;
        }
        if (count.kills < kills && rt_now_ns() >= next_kill) {
            kill_service(service);
            next_kill = rt_now_ns() + every_ns;
        }
    }
}

static int by_size(const void *a, const void *b)
{
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static void report_recovery(void)
{
    char text[128];

    if (recoveries > 0) {
        qsort(recovery_us, recoveries, sizeof recovery_us[0], by_size);
        snprintf(text, sizeof text,
                 "death to first completed request, us: p50 %u p99 %u max %u of %u (kill %llu)\n",
                 recovery_us[recoveries / 2], recovery_us[recoveries * 99 / 100],
                 recovery_us[recoveries - 1], recoveries, (unsigned long long)longest_kill);
        say(text);
    }
}

// What the machine and the driver hold; to be the same before and after any number of deaths.
void report_held(const char *when, const char *service)
{
    struct system_info system;
    struct rs_service driver;
    char text[260];
    uint32_t number;

    if (sys_system_info(&system) != OK ||
        rs_find(H_RS, service, __builtin_strlen(service), &number) != OK ||
        rs_info(H_RS, number, &driver, sizeof driver) != OK) {
        count.wrong++;
        return;
    }
    snprintf(
        text, sizeof text,
        "%s: %s memory %llu heap %llu handles %u; free pages %llu objects %llu memories %llu ports %llu "
        "replies %llu irqs %llu\n",
        when, service, (unsigned long long)driver.memory_bytes,
        (unsigned long long)driver.heap_bytes, driver.handles,
        (unsigned long long)system.free_pages, (unsigned long long)system.kernel_object_bytes,
        (unsigned long long)system.memories, (unsigned long long)system.ports,
        (unsigned long long)system.replies, (unsigned long long)system.irqs);
    say(text);
}

static void report(uint64_t ns)
{
    char text[240];
    uint64_t completed, failed, resets, repeated;
    uint32_t under_way;
    enum status status =
        block_statistics(rt_handle("disk"), &completed, &failed, &resets, &repeated, &under_way);
    bool passed = status == OK && count.wrong == 0 && under_way == 0 &&
                  (tolerate_errors || count.errors == 0);

    snprintf(text, sizeof text,
             "driver_test: %s reads=%llu writes=%llu flushes=%llu kills=%llu errors=%llu "
             "wrong=%llu resets=%llu "
             "repeated=%llu ms=%llu\n",
             passed ? "passed" : "FAILED", (unsigned long long)count.reads,
             (unsigned long long)count.writes, (unsigned long long)count.flushes,
             (unsigned long long)count.kills, (unsigned long long)count.errors,
             (unsigned long long)count.wrong, (unsigned long long)resets,
             (unsigned long long)repeated, (unsigned long long)(ns / 1000000));
    say(text);
}

static void work(uint64_t lines, uint32_t service)
{
    uint64_t kills = arg_number("kills", 0), every_ns = arg_number("every_us", 20000) * 1000;

    if (arg_number("battery", 0) > 0) {
        battery((uint32_t)arg_number("battery", 0));
        finish_load();
    } else if (arg_number("measure", 0) > 0) {
        measure((uint32_t)arg_number("measure", 0));
    } else if (lines > 0) {
        write_lines(lines, kills, every_ns, service);
    } else {
        run(arg_number("requests", 2000), kills, every_ns, service);
    }
}

int service_main(void)
{
    uint32_t service = 0;
    uint64_t lines = arg_number("lines", 0);
    const char *name = lines > 0 ? "console" : "blk";
    enum status status = disk_memory_create(&memory);

    if (status == OK) {
        status = disk_attach(&disk, rt_handle("disk"), 64, DISK_BIT, &memory, 1);
    }
    if (status == OK) {
        status = rs_find(H_RS, name, __builtin_strlen(name), &service);
    }
    if (status != OK) {
        char text[64];
        snprintf(text, sizeof text, "driver_test: FAILED to attach, status %d\n", status);
        say(text);
    } else {
        rt_ready();
        tolerate_errors = arg_number("errors", 0) != 0;
        may_write = arg_number("writes", 1) != 0 && !disk.read_only;
        blocks = disk.sectors / 8 < BLOCKS ? (uint32_t)(disk.sectors / 8) : BLOCKS;
        uint64_t unix_ns;
        char text[96];
        bool good = others_work(&unix_ns);
        snprintf(text, sizeof text, "time %llu, other services %s\n",
                 (unsigned long long)(unix_ns / 1000000000), good ? "work" : "do NOT work");
        say(text);
        if (arg_number("log", 0) != 0 && console_show_log(rt_handle("console"), true) != OK) {
            count.wrong++;
        }
        report_held("before", name);
        uint64_t start_ns = rt_now_ns();
        work(lines, service);
        uint64_t end_ns = rt_now_ns();
        report_held("after", name);
        report_recovery();
        report(end_ns - start_ns);
    }
    (void)rs_power(H_RS, SYSTEM_POWEROFF);
    return 0;
}
