// SPDX-License-Identifier: MIT
// From the boot loader's world to ours: read what it told, draw the places, relocate the image,
// build the kernel's page tables. Runs at the physical address, with the first 4 GiB mapped one to
// one; nothing here may use a pointer that needs relocation before relocate() has run, nor a
// virtual one before the new tables are loaded.
#include "acpi.h"
#include "anchor.h"
#include "boot_info.h"
#include "cpu.h"
#include "early.h"
#include "kept_place.h"
#include "kernel/arch/arch.h"
#include "space.h"

#define MIB2 (1ull << 21)
#define GIB4 (1ull << 32)

struct rela {
    uint64_t offset, info;
    int64_t addend;
};

extern char image_start[], image_text_end[], image_rodata_end[], image_end[];
extern struct rela image_rela_start[], image_rela_end[];
extern uint64_t boot_pml4[512];
extern uint64_t boot_tsc;

struct early early;
uint64_t direct_map_base;
struct kernel_slot kernel_slots[KERNEL_SLOTS_MAX];
uint32_t kernel_slot_count;

static struct boot_source source;
static uint64_t table_next, table_end; // physical, one to one mapped

// ---- Random places

static uint64_t mix_state[2];

// splitmix-like stirring of whatever differs from boot to boot; the real generator comes later
// (CORE).
static uint64_t stir(uint64_t in)
{
    uint64_t x = mix_state[0] += 0x9e3779b97f4a7c15ull ^ in;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    mix_state[1] ^= x ^ (x >> 31);
    return mix_state[1] * 0x2545f4914f6cdd1dull + mix_state[0];
}

static uint64_t rdrand_or_tsc(void)
{
    uint64_t value = 0;
    if (cpuid(1, 0).c >> 30 & 1) {
        for (int i = 0; i < 16; i++) {
            uint8_t ok;
            __asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=qm"(ok));
            if (ok) {
                break;
            }
        }
    }
    return value ^ rdtsc();
}

// The value of seed= on the command line (hexadecimal); false if there is none.
static bool seed_given(uint64_t *out)
{
    const char *s = source.cmdline;
    for (uint32_t i = 0; s[i] != 0; i++) {
        if ((i == 0 || s[i - 1] == ' ') && s[i] == 's' && s[i + 1] == 'e' && s[i + 2] == 'e' &&
            s[i + 3] == 'd' && s[i + 4] == '=') {
            uint64_t value = 0;
            for (i += 5; s[i] != 0 && s[i] != ' '; i++) {
                uint32_t c = (uint32_t)(s[i] | 0x20);
                value = value << 4 | (c >= 'a' ? c - 'a' + 10 : c - '0');
            }
            *out = value;
            return true;
        }
    }
    return false;
}

static void gather_entropy(void)
{
    uint64_t seed;
    if (seed_given(&seed)) {
        stir(seed);
        stir(seed);
        return;
    }
    for (int i = 0; i < 8; i++) {
        stir(rdrand_or_tsc());
    }
    for (uint32_t i = 0; i < source.ranges; i++) {
        stir(source.range[i].base ^ source.range[i].bytes);
    }
}

static uint64_t draw(uint64_t below)
{
    return (uint64_t)((unsigned __int128)stir(0) * below >> 64);
}

static uint64_t canonical(uint64_t slot, uint64_t offset)
{
    return 0xffff000000000000ull | slot << 39 | offset;
}

// ---- Physical memory for the tables

static bool overlaps(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

static uint64_t image_bytes(void)
{
    return (uint64_t)(image_end - image_start);
}

static void take_table_memory(uint64_t bytes)
{
    for (uint32_t i = 0; i < source.ranges; i++) {
        const struct boot_range *r = &source.range[i];
        uint64_t top = r->base + r->bytes;
        top = (top < GIB4 ? top : GIB4) & ~0xfffull;
        if (r->type != 1 || r->base < 1 << 20) {
            continue;
        }
        // From the top of the range downwards, over what lies in the way.
        while (top >= bytes && top - bytes >= r->base) {
            uint64_t low = top - bytes;
            if (overlaps(low, bytes, source.archive, source.archive_bytes)) {
                top = source.archive & ~0xfffull;
            } else if (overlaps(low, bytes, source.info, source.info_bytes)) {
                top = source.info & ~0xfffull;
            } else if (overlaps(low, bytes, (uint64_t)image_start, image_bytes())) {
                break;
            } else {
                early.tables = table_next = low;
                early.tables_bytes = bytes;
                table_end = top;
                return;
            }
        }
    }
    early_fail("no memory below 4 GiB for the page tables");
}

static uint64_t *new_table(void)
{
    if (table_next == table_end) {
        early_fail("page tables for the direct map do not fit");
    }
    uint64_t *table = (uint64_t *)table_next;
    table_next += 4096;
    for (uint32_t i = 0; i < 512; i++) {
        table[i] = 0;
    }
    return table;
}

// When all that is needed itself has its place.
static void choose_kept_memory(void)
{
    const struct boot_range used[] = {
        {(uint64_t)image_start, (image_bytes() + MIB2 - 1) & ~(MIB2 - 1), 0},
        {source.archive, source.archive_bytes, 0},
        {source.info, source.info_bytes, 0},
        {early.tables, early.tables_bytes, 0},
    };
    machine.kept = kept_place(&source, used, sizeof used / sizeof used[0]);
    machine.kept_bytes = machine.kept != 0 ? KEPT_BYTES : 0;
}

// ---- The kernel's tables

static uint64_t *below(uint64_t *entry)
{
    if (!(*entry & PTE_PRESENT)) {
        *entry = (uint64_t)new_table() | PTE_PRESENT | PTE_WRITE;
    }
    return (uint64_t *)(*entry & PTE_ADDRESS);
}

static uint64_t *root;

static void map_4k(uint64_t va, uint64_t pa, uint64_t bits)
{
    uint64_t *pdpt = below(&root[va >> 39 & 511]);
    uint64_t *pd = below(&pdpt[va >> 30 & 511]);
    uint64_t *pt = below(&pd[va >> 21 & 511]);
    pt[va >> 12 & 511] = pa | bits | PTE_PRESENT;
}

static void map_2m(uint64_t va, uint64_t pa)
{
    uint64_t *pdpt = below(&root[va >> 39 & 511]);
    uint64_t *pd = below(&pdpt[va >> 30 & 511]);
    pd[va >> 21 & 511] = pa | PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_GLOBAL | PTE_NX;
}

static void map_image(uint64_t base)
{
    for (char *at = image_start; at < image_end; at += 4096) {
        uint64_t bits = at < image_text_end     ? PTE_GLOBAL
                        : at < image_rodata_end ? PTE_GLOBAL | PTE_NX
                                                : PTE_GLOBAL | PTE_NX | PTE_WRITE;
        map_4k(base + (uint64_t)(at - image_start), (uint64_t)at, bits);
    }
}

static void map_direct(void)
{
    for (uint32_t i = 0; i < source.ranges; i++) {
        const struct boot_range *r = &source.range[i];
        if (r->type != 1) {
            continue;
        }
        for (uint64_t at = r->base & ~(MIB2 - 1); at < r->base + r->bytes; at += MIB2) {
            map_2m(direct_map_base + at, at);
        }
    }
    // The archive may lie in memory that the loader does not call usable any more.
    for (uint64_t at = source.archive & ~(MIB2 - 1); at < source.archive + source.archive_bytes;
         at += MIB2) {
        map_2m(direct_map_base + at, at);
    }
}

static uint64_t map_device(uint64_t va, uint64_t pa)
{
    map_4k(va, pa & ~0xfffull, PTE_GLOBAL | PTE_NX | PTE_WRITE | PTE_PCD | PTE_PWT);
    return va + (pa & 0xfff);
}

static void relocate(uint64_t base)
{
    for (const struct rela *r = image_rela_start; r < image_rela_end; r++) {
        if ((uint32_t)r->info !=
            8) { // R_X86_64_RELATIVE: the only kind in a static position-independent image
            early_fail("unexpected relocation in the kernel image");
        }
        *(uint64_t *)(image_start + r->offset) = base + (uint64_t)r->addend;
    }
}

static uint64_t top_of_memory(void)
{
    uint64_t top = 0;
    for (uint32_t i = 0; i < source.ranges; i++) {
        uint64_t end = source.range[i].base + source.range[i].bytes;
        if (source.range[i].type == 1 && end > top) {
            top = end;
        }
    }
    return top;
}

static void fill_machine(void)
{
    machine.archive = source.archive;
    machine.archive_bytes = source.archive_bytes;
    // Multiboot2 gives a copy of the RSDP, in memory that will hold other things.
    machine.rsdp = overlaps(acpi.rsdp, 1, source.info, source.info_bytes) ? 0 : acpi.rsdp;
    machine.ecam_base = acpi.ecam;
    machine.ecam_bus_first = acpi.ecam_first;
    machine.ecam_bus_last = acpi.ecam_last;
    machine.tsc_base = boot_tsc;
    uint32_t bits = cpuid(0x80000000, 0).a >= 0x80000008 ? cpuid(0x80000008, 0).a & 0xff : 36;
    machine.phys_limit = 1ull << bits;
    for (uint32_t i = 0; i < sizeof machine.cmdline - 1 && source.cmdline[i] != 0; i++) {
        machine.cmdline[i] = source.cmdline[i];
    }
}

// Called from boot.S. Returns the image's virtual base, with the new tables loaded.
uint64_t early_main(uint32_t how, uint64_t info)
{
    if (!boot_source_read(&source, how, info)) {
        early_fail("neither PVH nor Multiboot2 started this kernel");
    }
    if (source.archive == 0) {
        early_fail("no boot archive: give one with -initrd, or module2 in GRUB");
    }
    acpi_read(source.rsdp);
    gather_entropy();

    // One PML4 slot for the image, another for the direct map; any page in the first, any GiB in
    // the second.
    uint64_t slot = 257 + draw(250), direct = 257 + draw(250);
    while (direct == slot) {
        direct = 257 + draw(250);
    }
    uint64_t top = (top_of_memory() + (1ull << 30) - 1) >> 30;
    if (top > 510) {
        early_fail("more than 510 GiB of memory are not supported");
    }
    direct_map_base = canonical(direct, draw(511 - top) << 30);
    uint64_t base = canonical(slot, draw(512) << 30 | draw(500) << 21 | draw(512) << 12);

    take_table_memory(((top << 30) / MIB2 / 512 + 24) * 4096);
    root = new_table();
    map_image(base);
    map_direct();
    uint64_t device = base + image_bytes() + 4096;
    early.local_apic = map_device(device, acpi.local_apic != 0 ? acpi.local_apic : 0xfee00000);
    for (uint32_t i = 0; i < acpi.ioapics; i++) {
        early.ioapic[i] = map_device(device + 4096 * (i + 1), acpi.ioapic[i]);
    }
    relocate(base);

    fill_machine();
    choose_kept_memory();
    machine.kernel_base = base;
    early.root = (uint64_t)root;
    for (uint32_t i = 256; i < 512; i++) {
        if (root[i] & PTE_PRESENT) {
            kernel_slots[kernel_slot_count++] = (struct kernel_slot){i, root[i]};
            boot_pml4[i] =
                root[i]; // the boot tables stay for this jump and for the other processors' start
        }
    }
    early.boot_root = (uint64_t)boot_pml4;
    early.phys_offset = (uint64_t)image_start - base;
    kernel_anchor.base = base;
    kernel_anchor.direct_map = direct_map_base;
    kernel_anchor.image_bytes = image_bytes();
    write_cr3((uint64_t)boot_pml4);
    return base;
}

// ---- What is left for the page allocator; called at the virtual address.

// Gives [base, top) without what lies in the way.
static void give(uint64_t base, uint64_t top, const uint64_t (*holes)[2], uint32_t count)
{
    base = (base + 0xfff) & ~0xfffull;
    top &= ~0xfffull;
    for (uint32_t i = 0; i < count && base < top; i++) {
        uint64_t low = holes[i][0] & ~0xfffull,
                 high = (holes[i][0] + holes[i][1] + 0xfff) & ~0xfffull;
        if (low < top && base < high) {
            give(base, low < base ? base : low, holes + i + 1, count - i - 1);
            base = high;
        }
    }
    if (base < top) {
        machine.memory_bytes += top - base;
        page_add_range(base, top - base);
    }
}

void early_give_memory(void)
{
    uint64_t image = early.phys_offset + machine.kernel_base;
    const uint64_t holes[][2] = {
        {0, 1 << 20},
        {image, (image_bytes() + MIB2 - 1) & ~(MIB2 - 1)},
        {source.archive, source.archive_bytes},
        {early.tables, early.tables_bytes},
        {machine.kept, machine.kept_bytes},
    };
    for (uint32_t i = 0; i < source.ranges; i++) {
        const struct boot_range *r = &source.range[i];
        if (r->type == 1 || r->type == 3 ||
            r->type == 4) { // usable, ACPI tables, ACPI non-volatile; "reserved" (2) may be devices
            page_add_ram(r->base & ~0xfffull, (r->bytes + (r->base & 0xfff) + 0xfff) & ~0xfffull);
        }
        if (r->type == 1) {
            give(r->base, r->base + r->bytes, holes, sizeof holes / sizeof holes[0]);
        }
    }
}

void early_unmap(uint64_t va)
{
    uint64_t *table = phys_to_virt(early.root);
    for (int level = 3; level > 0; level--) {
        table = phys_to_virt(table[va >> (12 + 9 * level) & 511] & PTE_ADDRESS);
    }
    table[va >> 12 & 511] = 0;
    invlpg(va);
}

// The seed that drives early choices is no secret any more afterwards.
void early_forget(void)
{
    mix_state[0] = mix_state[1] = 0;
}
