// SPDX-License-Identifier: MIT
// Another client of the service that is attacked: adds numbers without end, and knows what every answer must be.
#include "interfaces/leaky.client.h"
#include "lib/rt/rt.h"
#include "servers/args.h"

enum : uint64_t { PAUSE_NS = 1000000, TELL_NS = 20000000 };

static uint64_t answers, wrong, errors;

static void add(handle_t leaky)
{
    static uint64_t dice = 1, sum, digest;
    uint64_t told_sum = 0, told_digest = 0, number = (dice = dice * 6364136223846793005u + 1442695040888963407u) >> 20;
    sum += number;
    digest = (digest ^ number) * 0x100000001b3;
    enum status status = leaky_add(leaky, number, &told_sum, &told_digest);
    answers++;
    errors += status != OK;
    wrong += status == OK && (told_sum != sum || told_digest != digest);
}

int service_main(void)
{
    uint64_t told = 0;
    handle_t leaky = rt_handle("leaky");
    rt_ready();
    for (;;) {
        add(leaky);
        if (rt_now_ns() - told >= TELL_NS) {
            told = rt_now_ns();
            log_info("honest: %llu answers, %llu wrong, %llu errors", (unsigned long long)answers,
                     (unsigned long long)wrong, (unsigned long long)errors);
        }
        rt_sleep_until(rt_now_ns() + PAUSE_NS);
    }
}
