// SPDX-License-Identifier: MIT
// Time: the TSC counts, the local APIC's timer (or the TSC deadline) wakes.
//
// How fast they run is asked of the processor or the hypervisor where they say it, and measured
// against the ACPI timer (or, without one, the PIT) for two milliseconds where they do not.
#include "acpi.h"
#include "apic.h"
#include "timing.h"

enum {
    PIT_HZ = 1193182,
    PIT_MS = 2,
    PM_HZ = 3579545,
    PM_MASK = 0xffffff,
    PM_SAMPLES = 8,
    PM_MS = 2,
    PIT_TRIES = 3
};

static uint64_t ns_per_tick;   // 32.32 fixed point
static uint64_t ticks_per_ns;  // 32.32
static uint64_t apic_per_tick; // 32.32: counts of the APIC's clock for each TSC tick
static bool deadline_mode;

// The three clocks at one moment.
struct moment {
    uint64_t tsc;
    uint32_t pm, apic;
};

// A processor of a loaded host may stand still between two reads: of several tries, the quickest
// counts.
static struct moment look(void)
{
    struct moment best = {};
    uint64_t shortest = UINT64_MAX;
    for (int i = 0; i < PM_SAMPLES; i++) {
        uint64_t before = rdtsc();
        uint32_t pm = inl(acpi.pm_timer), apic = apic_timer_left();
        uint64_t after = rdtsc();
        if (after - before < shortest) {
            shortest = after - before;
            best = (struct moment){before + shortest / 2, pm, apic};
        }
    }
    return best;
}

static void measure_by_pm_timer(uint64_t *tsc_hz, uint64_t *apic_hz)
{
    apic_timer_count(~0u);
    struct moment start = look(), end;
    do {
        end = look();
    } while (((end.pm - start.pm) & PM_MASK) < PM_HZ * PM_MS / 1000);
    apic_timer_count(0);
    uint64_t count = (end.pm - start.pm) & PM_MASK;
    *tsc_hz = (end.tsc - start.tsc) * PM_HZ / count;
    *apic_hz = (uint64_t)(start.apic - end.apic) * PM_HZ / count;
}

static void pit_start(void)
{
    uint32_t count = PIT_HZ * PIT_MS / 1000;
    outb(0x61, (inb(0x61) & ~2u) | 1); // gate of channel 2 on, speaker off
    outb(0x43, 0xb0);                  // channel 2, one shot
    outb(0x42, count & 0xff);
    outb(0x42, (uint8_t)(count >> 8));
}

static void measure_by_pit(uint64_t *tsc_hz, uint64_t *apic_hz)
{
    *tsc_hz = *apic_hz = UINT64_MAX;
    for (int i = 0; i < PIT_TRIES; i++) {
        apic_timer_count(~0u);
        pit_start();
        uint64_t start = rdtsc();
        uint32_t from = apic_timer_left();
        while (!(inb(0x61) & 0x20)) {
        }
        uint64_t taken = rdtsc() - start;
        uint32_t counted = from - apic_timer_left();
        apic_timer_count(0);
        uint64_t count = PIT_HZ * PIT_MS / 1000;
        if (taken * PIT_HZ / count < *tsc_hz) {
            *tsc_hz = taken * PIT_HZ / count;
            *apic_hz = (uint64_t)counted * PIT_HZ / count;
        }
    }
}

static void measure(uint64_t *tsc_hz, uint64_t *apic_hz)
{
    if (acpi.pm_timer != 0) {
        measure_by_pm_timer(tsc_hz, apic_hz);
    } else {
        measure_by_pit(tsc_hz, apic_hz);
    }
}

// Leaf 0x40000010, where hypervisors tell both clocks in kHz.
static bool ask_hypervisor(uint64_t *tsc_hz, uint64_t *apic_hz)
{
    if (!(cpuid(1, 0).c >> 31 & 1) || cpuid(0x40000000, 0).a < 0x40000010) {
        return false;
    }
    struct cpuid r = cpuid(0x40000010, 0);
    *tsc_hz = r.a * 1000ull;
    *apic_hz = r.b * 1000ull;
    return r.a != 0 && r.b != 0;
}

static uint64_t ratio(uint64_t a, uint64_t b) // a / b as 32.32
{
    uint64_t quotient,
        remainder; // the processor divides 128 by 64 bits, the compiler would call a library
    __asm__("divq %4" : "=a"(quotient), "=d"(remainder) : "a"(a << 32), "d"(a >> 32), "r"(b));
    return quotient;
}

static uint64_t scale(uint64_t x, uint64_t fixed)
{
    unsigned __int128 product = (unsigned __int128)x * fixed >> 32;
    return product >> 64 ? UINT64_MAX : (uint64_t)product;
}

void timing_init(void)
{
    uint64_t tsc_hz, apic_hz;
    if (!ask_hypervisor(&tsc_hz, &apic_hz)) {
        measure(&tsc_hz, &apic_hz);
    }
    machine.tsc_hz = tsc_hz;
    ns_per_tick = ratio(1000000000, tsc_hz);
    ticks_per_ns = ratio(tsc_hz, 1000000000);
    apic_per_tick = ratio(apic_hz, tsc_hz);
    deadline_mode = cpuid(1, 0).c >> 24 & 1;
}

void timing_init_cpu(void)
{
    if (deadline_mode) {
        apic_timer_use_deadline();
    }
}

void timing_delay_us(uint64_t us)
{
    uint64_t end = rdtsc() + machine.tsc_hz / 1000000 * us;
    while (rdtsc() < end) {
        cpu_pause();
    }
}

uint64_t arch_ticks_to_ns(uint64_t ticks)
{
    return scale(ticks, ns_per_tick);
}

uint64_t arch_ns_to_ticks(uint64_t ns)
{
    return scale(ns, ticks_per_ns);
}

uint64_t arch_now_ns(void)
{
    return arch_ticks_to_ns(rdtsc() - machine.tsc_base);
}

void arch_timer_set(struct cpu *, uint64_t at)
{
    if (deadline_mode) {
        wrmsr(MSR_TSC_DEADLINE, at == UINT64_MAX ? 0 : at == 0 ? 1 : at);
        return;
    }
    if (at == UINT64_MAX) {
        apic_timer_count(0);
        return;
    }
    uint64_t now = rdtsc();
    uint64_t count = at > now ? scale(at - now, apic_per_tick) : 0;
    // Too far for the counter: it fires early, and whoever asked asks again.
    apic_timer_count(count == 0 ? 1 : count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
}
