// SPDX-License-Identifier: MIT
// The attacker: has an address leaked, thinks for a while, uses it. Args: think=US,US,… trials=N (of each think time)
// settle=N: so many moves are watched first, to know how long a layout lasts when nobody attacks.
#include "interfaces/leaky.client.h"
#include "interfaces/rs.client.h"
#include "lib/rt/rt.h"
#include "servers/args.h"
#include <stdlib.h>

enum { THINKS = 16, PATIENCE_S = 60 };
enum : uint64_t { MS = 1000000, UNMOVED_NS = 20 * MS };

static handle_t leaky;
static uint32_t number;
static uint64_t value = 0x5eed0001; // another one for each trial

static struct rs_service state_of(void)
{
    struct rs_service s = {.number = 0};
    enum status status = rs_info(H_RS, number, &s, sizeof(s));
    if (status != OK) {
        log_error("attack: no word from the supervisor: %s", rt_status_text(status));
    }
    return s;
}

// How long a layout lasts, in ns; 0: it is not moved.
static uint64_t settle(uint32_t moves)
{
    uint32_t first = state_of().moves;
    uint64_t began = rt_now_ns(), limit = began + PATIENCE_S * 1000 * MS;
    while (state_of().moves == first && rt_now_ns() < limit) { // begin with a move
        rt_sleep_until(rt_now_ns() + MS);
    }
    first = state_of().moves;
    began = rt_now_ns();
    struct rs_service s = state_of();
    while (s.moves - first < moves && rt_now_ns() < limit) {
        rt_sleep_until(rt_now_ns() + MS);
        s = state_of();
    }
    uint64_t seen = s.moves - first;
    return seen ? (rt_now_ns() - began) / seen : 0;
}

// Any moment of the life of a layout is as likely as any other.
static void wait_for_any_phase(uint64_t period)
{
    uint64_t span = period ? 2 * period : UNMOVED_NS;
    rt_sleep_until(rt_now_ns() + rt_random64() % span);
}

static bool use(uint32_t thing, uint64_t address, enum status *status)
{
    uint64_t found = 0;
    value++;
    if (thing == LEAKY_FUNCTION) {
        *status = leaky_jump(leaky, address, value, &found);
        return *status == OK && found == ~value * 3;
    }
    *status = leaky_store(leaky, address, value);
    return leaky_look(leaky, thing, &found) == OK && *status == OK && found == value;
}

static void attack(uint32_t trial, uint64_t think_ns, uint64_t period)
{
    uint64_t address = 0;
    uint32_t thing = trial % 3;
    enum status status;
    wait_for_any_phase(period);
    uint32_t before = state_of().deaths;
    uint64_t leaked = rt_now_ns();
    if (leaky_leak(leaky, thing, &address) != OK) {
        log_error("attack: nothing leaked");
        return;
    }
    rt_sleep_until(leaked + think_ns);
    uint64_t used = rt_now_ns();
    bool success = use(thing, address, &status);
    log_info("attack: think %llu thing %u took %llu success %u status %u deaths %u",
             (unsigned long long)think_ns / 1000, thing, (unsigned long long)(used - leaked), success, status,
             state_of().deaths - before);
}

static uint32_t think_times(uint64_t *us)
{
    char text[128], *at = text;
    uint32_t count = 0;
    while (count < THINKS && (count > 0 || rt_arg("think", text, sizeof(text))) && *at) {
        us[count++] = strtoull(at, &at, 10);
        at += *at == ',';
    }
    return count;
}

int service_main(void)
{
    uint64_t us[THINKS];
    uint32_t thinks = think_times(us), trials = (uint32_t)arg_number("trials", 30);
    uint32_t moves = (uint32_t)arg_number("settle", 20);
    rt_ready();
    leaky = rt_handle("leaky");
    if (rs_find(H_RS, "leaky", 5, &number) != OK) {
        rt_die("there is nobody to attack");
    }
    uint64_t period = moves ? settle(moves) : 0;
    log_info("attack: a layout lasts %llu ns", (unsigned long long)period);
    for (uint32_t i = 0; i < thinks; i++) {
        for (uint32_t trial = 0; trial < trials; trial++) {
            attack(trial, us[i] * 1000, period);
        }
    }
    rt_sleep_until(rt_now_ns() + 100 * MS); // whoever is honest tells how it was
    struct rs_service s = state_of();
    log_info("attack: end, %u moves, %u deaths", s.moves, s.deaths);
    rt_wait(1, "nothing");
    return 0;
}
