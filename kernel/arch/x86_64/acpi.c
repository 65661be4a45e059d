// SPDX-License-Identifier: MIT
#include "acpi.h"
#include <stdbool.h>
#include <stddef.h>

struct acpi acpi;

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt, length;
    uint64_t xsdt;
} __attribute__((packed));

struct table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

static bool sum_is_zero(const void *data, uint32_t bytes)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
    }
    return sum == 0;
}

static bool same(const char *a, const char *b, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

static uint16_t u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t u32(const uint8_t *at)
{
    return u16(at) | (uint32_t)u16(at + 2) << 16;
}

static uint64_t u64(const uint8_t *at)
{
    return u32(at) | (uint64_t)u32(at + 4) << 32;
}

static bool reachable(uint64_t at, uint64_t bytes)
{
    return at != 0 && at < 1ull << 32 && bytes < 1ull << 24 && at + bytes <= 1ull << 32;
}

static uint64_t search(uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at + sizeof(struct rsdp) <= to; at += 16) {
        if (same((const char *)at, "RSD PTR ", 8) && sum_is_zero((const void *)at, 20)) {
            return at;
        }
    }
    return 0;
}

static uint64_t find_rsdp(void)
{
    // The EBDA's segment stands at 0x40e; the compiler must not think it is a null pointer.
    uint64_t where = 0x40e;
    __asm__("" : "+r"(where));
    uint64_t ebda = (uint64_t) * (const volatile uint16_t *)where << 4;
    uint64_t found = ebda >= 0x80000 && ebda < 0xa0000 ? search(ebda, ebda + 1024) : 0;
    return found != 0 ? found : search(0xe0000, 0x100000);
}

static void read_madt_entry(const uint8_t *e)
{
    switch (e[0]) {
    case 0: // processor: id, APIC id, flags (enabled)
        if ((u32(e + 4) & 1) && acpi.cpus < ACPI_CPUS) {
            acpi.apic_id[acpi.cpus++] = e[3];
        }
        break;
    case 1: // I/O APIC: id, reserved, address, first interrupt
        if (acpi.ioapics < ACPI_IOAPICS) {
            acpi.ioapic[acpi.ioapics] = u32(e + 4);
            acpi.ioapic_gsi[acpi.ioapics++] = u32(e + 8);
        }
        break;
    case 2: // override: bus, source, interrupt, flags
        if (acpi.overrides < ACPI_OVERRIDES) {
            acpi.override[acpi.overrides++] = (struct acpi_override){e[3], u16(e + 8), u32(e + 4)};
        }
        break;
    case 5: // local APIC address, 64 bits
        acpi.local_apic = u64(e + 4);
        break;
    case 9: // x2APIC processor: reserved, id, flags
        if ((u32(e + 8) & 1) && acpi.cpus < ACPI_CPUS && u32(e + 4) > 255) {
            acpi.apic_id[acpi.cpus++] = u32(e + 4);
        }
        break;
    default:
        break;
    }
}

static void read_madt(const uint8_t *t, uint32_t length)
{
    acpi.local_apic = u32(t + 36);
    for (uint32_t at = 44; at + 2 <= length;) {
        uint32_t bytes = t[at + 1];
        if (bytes < 2 || at + bytes > length) {
            break;
        }
        read_madt_entry(t + at);
        at += bytes;
    }
}

// S5's sleep type stands in AML: Name (_S5_, Package () { a, b, … }). Found by its bytes, as small
// kernels do; a full AML interpreter has no place here.
static void read_dsdt(const uint8_t *t, uint32_t length)
{
    for (uint32_t i = 36; i + 12 < length; i++) {
        if (!same((const char *)t + i, "_S5_", 4) || t[i + 4] != 0x12) {
            continue;
        }
        uint32_t at = i + 5;
        at += (t[at] >> 6) + 2u; // package length bytes, element count
        uint8_t value = t[at] == 0x0a ? t[at + 1] : t[at] <= 1 ? t[at] : 0;
        acpi.sleep_type = (uint16_t)(value << 10);
        acpi.sleep_known = true;
        return;
    }
}

static void read_fadt(const uint8_t *t, uint32_t length)
{
    if (length < 116) {
        return;
    }
    acpi.pm_timer = (uint16_t)u32(t + 76);
    acpi.pm1a_control = (uint16_t)u32(t + 64);
    acpi.pm1b_control = (uint16_t)u32(t + 68);
    if (length >= 129 && (u32(t + 112) & 1u << 10) && t[116] == 1) { // reset register in I/O space
        acpi.reset_port = (uint16_t)u64(t + 120);
        acpi.reset_value = t[128];
        acpi.reset_known = true;
    }
    uint64_t dsdt = u32(t + 40);
    if (reachable(dsdt, sizeof(struct table))) {
        const struct table *table = (const struct table *)dsdt;
        if (reachable(dsdt, table->length)) {
            read_dsdt((const uint8_t *)dsdt, table->length);
        }
    }
}

static void read_mcfg(const uint8_t *t, uint32_t length)
{
    if (length >= 60) {
        acpi.ecam = u64(t + 44);
        acpi.ecam_first = t[54];
        acpi.ecam_last = t[55];
    }
}

static void read_table(uint64_t at)
{
    if (!reachable(at, sizeof(struct table))) {
        return;
    }
    const struct table *t = (const struct table *)at;
    if (t->length < sizeof *t || !reachable(at, t->length) || !sum_is_zero(t, t->length)) {
        return;
    }
    const uint8_t *bytes = (const uint8_t *)t;
    if (same(t->signature, "APIC", 4)) {
        read_madt(bytes, t->length);
    } else if (same(t->signature, "FACP", 4)) {
        read_fadt(bytes, t->length);
    } else if (same(t->signature, "MCFG", 4)) {
        read_mcfg(bytes, t->length);
    }
}

void acpi_read(uint64_t where)
{
    acpi.rsdp = where != 0 ? where : find_rsdp();
    if (!reachable(acpi.rsdp, sizeof(struct rsdp))) {
        return;
    }
    const struct rsdp *rsdp = (const struct rsdp *)acpi.rsdp;
    bool wide = rsdp->revision >= 2 && reachable(rsdp->xsdt, sizeof(struct table));
    uint64_t root = wide ? rsdp->xsdt : rsdp->rsdt;
    if (!reachable(root, sizeof(struct table))) {
        return;
    }
    const struct table *list = (const struct table *)root;
    if (list->length < sizeof *list || !reachable(root, list->length)) {
        return;
    }
    const uint8_t *entries = (const uint8_t *)(list + 1);
    uint32_t step = wide ? 8 : 4, count = (list->length - (uint32_t)sizeof *list) / step;
    for (uint32_t i = 0; i < count; i++) {
        read_table(wide ? u64(entries + i * 8) : u32(entries + i * 4));
    }
}
