// SPDX-License-Identifier: MIT
// Device interrupts: lines through the I/O APICs, and message-signalled ones. All go to the boot
// processor: with one big lock, spreading them would win nothing.
#include "acpi.h"
#include "apic.h"
#include "early.h"

enum { REG_SELECT = 0, REG_WINDOW = 0x10, REG_VERSION = 1, REG_REDIRECTION = 0x10 };
enum { ENTRY_MASKED = 1 << 16, ENTRY_LEVEL = 1 << 15, ENTRY_LOW = 1 << 13 };

struct source {
    bool used, line;
    uint8_t ioapic, pin;
    uint32_t entry; // low word of the redirection entry, without the mask
};
static struct source sources[IRQ_VECTORS];

static uint32_t get(uint32_t n, uint32_t reg)
{
    *(volatile uint32_t *)(early.ioapic[n] + REG_SELECT) = reg;
    return *(volatile uint32_t *)(early.ioapic[n] + REG_WINDOW);
}

static void set(uint32_t n, uint32_t reg, uint32_t value)
{
    *(volatile uint32_t *)(early.ioapic[n] + REG_SELECT) = reg;
    *(volatile uint32_t *)(early.ioapic[n] + REG_WINDOW) = value;
}

void pic_silence(void)
{
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

void ioapic_init(void)
{
    for (uint32_t i = 0; i < acpi.ioapics; i++) {
        uint32_t pins = (get(i, REG_VERSION) >> 16 & 0xff) + 1;
        for (uint32_t pin = 0; pin < pins; pin++) {
            set(i, REG_REDIRECTION + 2 * pin, ENTRY_MASKED);
        }
    }
}

static bool find_pin(uint32_t gsi, uint8_t *ioapic, uint8_t *pin)
{
    for (uint32_t i = 0; i < acpi.ioapics; i++) {
        uint32_t pins = (get(i, REG_VERSION) >> 16 & 0xff) + 1;
        if (gsi >= acpi.ioapic_gsi[i] && gsi - acpi.ioapic_gsi[i] < pins) {
            *ioapic = (uint8_t)i;
            *pin = (uint8_t)(gsi - acpi.ioapic_gsi[i]);
            return true;
        }
    }
    return false;
}

// The firmware may say that a line is low-active or level-triggered, whatever the caller believes.
static uint32_t polarity_and_trigger(uint32_t gsi, uint32_t flags)
{
    bool low = flags & IRQ_ACTIVE_LOW, level = flags & IRQ_LEVEL;
    for (uint32_t i = 0; i < acpi.overrides; i++) {
        if (acpi.override[i].gsi == gsi) {
            uint16_t f = acpi.override[i].flags;
            low = (f & 3) == 0 ? low : (f & 3) == 3;
            level = (f >> 2 & 3) == 0 ? level : (f >> 2 & 3) == 3;
        }
    }
    return (low ? ENTRY_LOW : 0) | (level ? ENTRY_LEVEL : 0);
}

static bool free_vector(uint32_t *vector)
{
    for (uint32_t i = 0; i < IRQ_VECTORS; i++) {
        if (!sources[i].used) {
            *vector = i;
            return true;
        }
    }
    return false;
}

enum status arch_irq_route(uint32_t gsi, uint32_t *flags, uint32_t *vector)
{
    uint8_t ioapic, pin;
    if (!find_pin(gsi, &ioapic, &pin)) {
        return ERR_RANGE;
    }
    for (uint32_t i = 0; i < IRQ_VECTORS; i++) {
        if (sources[i].used && sources[i].line && sources[i].ioapic == ioapic &&
            sources[i].pin == pin) {
            return ERR_BUSY;
        }
    }
    if (!free_vector(vector)) {
        return ERR_UNSUPPORTED;
    }
    uint32_t entry = (VECTOR_IRQ + *vector) | polarity_and_trigger(gsi, *flags);
    *flags = (*flags & ~(uint32_t)IRQ_LEVEL) | (entry & ENTRY_LEVEL ? IRQ_LEVEL : 0);
    sources[*vector] =
        (struct source){.used = true, .line = true, .ioapic = ioapic, .pin = pin, .entry = entry};
    set(ioapic, REG_REDIRECTION + 2 * pin + 1, cpus[0].arch.apic_id << 24);
    set(ioapic, REG_REDIRECTION + 2 * pin, entry | ENTRY_MASKED);
    return OK;
}

enum status arch_irq_msi(uint32_t *vector, struct irq_msi_info *info)
{
    if (!free_vector(vector)) {
        return ERR_UNSUPPORTED;
    }
    sources[*vector] = (struct source){.used = true};
    *info = (struct irq_msi_info){
        .address = 0xfee00000 | (uint64_t)cpus[0].arch.apic_id << 12,
        .data = VECTOR_IRQ + *vector,
        .vector = VECTOR_IRQ + *vector,
    };
    return OK;
}

void arch_irq_mask(uint32_t vector)
{
    const struct source *s = &sources[vector];
    if (s->used && s->line) {
        set(s->ioapic, REG_REDIRECTION + 2 * s->pin, s->entry | ENTRY_MASKED);
    }
}

void arch_irq_unmask(uint32_t vector)
{
    const struct source *s = &sources[vector];
    if (s->used && s->line) {
        set(s->ioapic, REG_REDIRECTION + 2 * s->pin, s->entry);
    }
}

void arch_irq_free(uint32_t vector)
{
    arch_irq_mask(vector);
    sources[vector].used = false;
}
