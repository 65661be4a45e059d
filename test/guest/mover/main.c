// SPDX-License-Identifier: MIT
// Two hoards are told the same. One is moved and killed all the time; they must stay equal.
// Args: rounds=N objects=N churn=N kill=1; or where=N: it is moved N times and asked where its things are; or
// checkpoints=1: see checkpoints.c; or updates=N: see updates.c; or watch=1: only the moved one, which is filled and watched; or
// files=1: see files.c.
#include "interfaces/hoard.client.h"
#include "interfaces/rs.client.h"
#include "lib/rt/rt.h"
#include "servers/args.h"
#include "test/guest/mover/mover.h"
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_S = 20, PAUSES = 20000 };

handle_t moved, still;
uint32_t number;
static uint64_t pauses[PAUSES];
static uint32_t pause_count;
uint32_t wrong;

void complain(const char *what, enum status status)
{
    wrong++;
    log_error("wrong: %s: %s", what, rt_status_text(status));
}

struct rs_service state_of(void)
{
    struct rs_service s = {.number = 0};
    enum status status = rs_info(H_RS, number, &s, sizeof(s));
    if (status != OK) {
        complain("rs_info", status);
    }
    return s;
}

void await_incarnation(uint32_t after)
{
    uint64_t limit = rt_now_ns() + PATIENCE_S * 1000000000ull;
    while (rt_now_ns() < limit) {
        struct rs_service s = state_of();
        if (s.incarnation > after && s.state == RS_READY) {
            return;
        }
        rt_sleep_until(rt_now_ns() + 1000000);
    }
    complain("no next incarnation", OK);
}

void compare(uint32_t round)
{
    uint64_t a[3], b[3];
    enum status status = hoard_check(moved, &a[0], &a[1], &a[2]);
    if (status != OK) {
        complain("check of the moved one", status);
    }
    status = hoard_check(still, &b[0], &b[1], &b[2]);
    if (status != OK || memcmp(a, b, sizeof(a)) != 0) {
        complain("they differ", status);
        log_error("round %u: %#llx %llu %llu, %#llx %llu %llu", round, (unsigned long long)a[0],
                  (unsigned long long)a[1], (unsigned long long)a[2], (unsigned long long)b[0],
                  (unsigned long long)b[1], (unsigned long long)b[2]);
    }
}

void change(uint32_t seed, uint32_t count)
{
    uint64_t done;
    enum status status = hoard_churn(moved, seed, count, &done);
    if (status != OK) {
        complain("churn of the moved one", status);
    }
    status = hoard_churn(still, seed, count, &done);
    if (status != OK) {
        complain("churn", status);
    }
}

static void next_life(uint32_t round, bool kill)
{
    uint32_t incarnation = state_of().incarnation;
    enum status status = kill && round % 3 == 0 ? rs_kill(H_RS, number, 1 + round / 3 % 7)
                                                : rs_move(H_RS, number);
    if (status != OK) {
        complain("the order", status);
    }
    if (round % 2) {
        change(round * 7 + 1, 50); // while it is on its way
    }
    await_incarnation(incarnation);
    struct rs_service s = state_of();
    if (!(kill && round % 3 == 0) && pause_count < PAUSES) {
        pauses[pause_count++] = s.pause_ns;
    }
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// In portions whose stores fit the undo log.
static void fill(uint32_t objects)
{
    enum { PORTION = 400 };
    for (uint32_t at = 0; at < objects; at += PORTION) {
        uint64_t made;
        uint32_t n = objects - at < PORTION ? objects - at : PORTION;
        if (hoard_fill(moved, at + 1, n, 0, &made) != OK || hoard_fill(still, at + 1, n, 0, &made) != OK) {
            complain("filling", OK);
        }
    }
}

static void tell_places(uint32_t moves)
{
    fill(50);
    for (uint32_t i = 0; i < moves; i++) {
        uint64_t at[5];
        next_life(2 * i, false);
        enum status status = hoard_where(moved, &at[0], &at[1], &at[2], &at[3], &at[4]);
        if (status != OK) {
            complain("where its things are", status);
        }
        log_info("where: %llx %llx %llx %llx %llx", ~(unsigned long long)at[0], ~(unsigned long long)at[1],
                 ~(unsigned long long)at[2], ~(unsigned long long)at[3], ~(unsigned long long)at[4]);
    }
    log_info("where: end");
}

int service_main(void)
{
    rt_ready();
    moved = rt_handle("moved");
    still = rt_handle("still");
    uint32_t rounds = (uint32_t)arg_number("rounds", 100), objects = (uint32_t)arg_number("objects", 2000);
    bool kill = arg_number("kill", 0) != 0;
    enum status status = rs_find(H_RS, "moved", 5, &number);
    if (status != OK) {
        complain("finding it", status);
    }
    uint32_t places = (uint32_t)arg_number("where", 0);
    if (places > 0) {
        tell_places(places);
        rt_wait(1, "nothing");
    }
    if (arg_number("files", 0) != 0) {
        use_files();
    }
    if (arg_number("watch", 0) != 0) {
        uint64_t made = 0;
        if (objects > 0 && hoard_fill(moved, 5, objects, 0, &made) != OK) {
            complain("filling", OK);
        }
        watch_contents();
    }
    fill(objects);
    compare(0);
    if (arg_number("updates", 0) != 0) {
        rounds = try_updates((uint32_t)arg_number("updates", 1));
        log_info("moved: %u rounds, %u wrong", rounds, wrong);
        rt_wait(1, "nothing");
    }
    if (arg_number("checkpoints", 0) != 0) {
        rounds = try_checkpoints();
        log_info("moved: %u rounds, %u wrong", rounds, wrong);
        rt_wait(1, "nothing");
    }
    for (uint32_t round = 1; round <= rounds; round++) {
        next_life(round, kill);
        change(round, (uint32_t)arg_number("churn", 20));
        compare(round);
    }
    qsort(pauses, pause_count, sizeof(pauses[0]), by_size);
    if (pause_count > 0) {
        log_info("pause ns: median %llu p99 %llu max %llu", (unsigned long long)pauses[pause_count / 2],
                 (unsigned long long)pauses[pause_count * 99 / 100],
                 (unsigned long long)pauses[pause_count - 1]);
    }
    log_info("moved: %u rounds, %u wrong", rounds, wrong);
    rt_wait(1, "nothing");
    return 0;
}
