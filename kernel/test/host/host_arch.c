// SPDX-License-Identifier: MIT
#include "kernel/test/host/host_arch.h"
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum : uint64_t { PRESENT = 1, WRITE = 2, EXEC = 4, DEVICE = 8, ADDRESS = 0x000ffffffffff000ull };
enum { ENTRIES = 512 };

uint8_t *host_ram;
uint64_t host_ticks = 1000;
struct cpu *host_cpu = &cpus[0];
uint64_t host_flushes, host_writes;
uint32_t host_unread;
struct host_write host_written[HOST_WRITTEN];
bool host_halted;
jmp_buf *host_halt_to;
bool host_irq_masked[IRQ_VECTORS], host_irq_used[IRQ_VECTORS];

void host_ram_create(void)
{
    host_ram = aligned_alloc(PAGE_SIZE, HOST_RAM_BYTES); // untouched pages cost nothing
    if (host_ram == NULL) {
        abort();
    }
}

void arch_memory_freed(void *p, size_t n)
{
    ASAN_POISON_MEMORY_REGION(p, n);
}

void arch_memory_used(void *p, size_t n)
{
    ASAN_UNPOISON_MEMORY_REGION(p, n);
}

void arch_panic(const char *file, int line, const char *text)
{
    fprintf(stderr, "kernel panic: %s:%d: %s\n", file, line, text);
    abort();
}

// ---- Address spaces: four levels; each table entry of an upper level exists only while something
// below it is mapped.

enum status arch_space_create(struct arch_space *s, struct account *a)
{
    enum status why;
    s->account = a;
    s->root = table_page_alloc(a, &why);
    s->tables = s->root != 0;
    s->destroyed = 0;
    return s->root != 0 ? OK : why;
}

static uint64_t *entry(uint64_t table, uint64_t va, int level)
{
    return (uint64_t *)phys_to_virt(table) + (va >> (12 + 9 * level) & (ENTRIES - 1));
}

static bool table_empty(uint64_t table)
{
    const uint64_t *e = phys_to_virt(table);
    for (int i = 0; i < ENTRIES; i++) {
        if (e[i] != 0) {
            return false;
        }
    }
    return true;
}

// Frees tables on the way to va that hold nothing, from the bottom up.
static void prune(struct arch_space *s, uint64_t va)
{
    for (int depth = 1; depth <= 3; depth++) {
        uint64_t *path[4], table = s->root;
        int level = 3;
        for (; level >= depth; level--) {
            path[level] = entry(table, va, level);
            if (*path[level] == 0) {
                break;
            }
            table = *path[level] & ADDRESS;
        }
        if (level < depth && table_empty(table)) {
            *path[depth] = 0;
            table_page_free(s->account, table);
            s->tables--;
        }
    }
}

enum status arch_page_map(struct arch_space *s, uint64_t va, uint64_t pa, uint32_t prot,
                          enum arch_cache cache)
{
    uint64_t table = s->root;
    for (int level = 3; level > 0; level--) {
        uint64_t *e = entry(table, va, level);
        if (*e == 0) {
            enum status why;
            uint64_t made = table_page_alloc(s->account, &why);
            if (made == 0) {
                prune(s, va);
                return why;
            }
            *e = made | PRESENT;
            s->tables++;
        }
        table = *e & ADDRESS;
    }
    *entry(table, va, 0) = pa | PRESENT | (prot & PROT_WRITE ? WRITE : 0) |
                           (prot & PROT_EXEC ? EXEC : 0) | (cache != CACHE_WRITE_BACK ? DEVICE : 0);
    return OK;
}

static uint64_t *find(struct arch_space *s, uint64_t va)
{
    uint64_t table = s->root;
    for (int level = 3; level > 0; level--) {
        uint64_t e = *entry(table, va, level);
        if (e == 0) {
            return NULL;
        }
        table = e & ADDRESS;
    }
    uint64_t *e = entry(table, va, 0);
    return *e != 0 ? e : NULL;
}

enum status arch_pages_map(struct arch_space *s, uint64_t va, const uint64_t *pa, uint32_t count,
                           uint32_t prot, enum arch_cache cache)
{
    for (uint32_t i = 0; i < count; i++) {
        enum status status =
            pa[i] != 0 ? arch_page_map(s, va + (uint64_t)i * PAGE_SIZE, pa[i], prot, cache) : OK;
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

uint64_t arch_pages_unmap(struct arch_space *s, uint64_t va, uint64_t end, uint32_t *budget, bool *any)
{
    for (; (va = arch_page_next(s, va)) < end && *budget > 0; va += PAGE_SIZE, --*budget) {
        uint64_t *e = find(s, va);
        if (e != NULL) {
            *e = 0;
            prune(s, va);
            *any = true;
        }
    }
    return va < end ? va : end;
}

bool arch_page_protect(struct arch_space *s, uint64_t va, uint32_t prot)
{
    uint64_t *e = find(s, va);
    if (e == NULL) {
        return false;
    }
    *e = (*e & ~(uint64_t)(WRITE | EXEC)) | (prot & PROT_WRITE ? WRITE : 0) |
         (prot & PROT_EXEC ? EXEC : 0);
    return true;
}

bool arch_page_lookup(struct arch_space *s, uint64_t va, uint64_t *pa, uint32_t *prot)
{
    uint64_t *e = find(s, va);
    if (e == NULL) {
        return false;
    }
    *pa = *e & ADDRESS;
    *prot = PROT_READ | (*e & WRITE ? PROT_WRITE : 0u) | (*e & EXEC ? PROT_EXEC : 0u) |
            (*e & DEVICE ? PAGE_DEVICE : 0u);
    return true;
}

uint64_t arch_page_next(struct arch_space *s, uint64_t va)
{
    while (va < USER_MAX) {
        uint64_t table = s->root;
        int level = 3;
        for (; level >= 0; level--) {
            uint64_t e = *entry(table, va, level);
            if (e == 0) {
                break;
            }
            table = e & ADDRESS;
        }
        if (level < 0) {
            return va;
        }
        uint64_t step = 1ull << (12 + 9 * level);
        va = (va & ~(step - 1)) + step;
    }
    return va;
}

static void free_below(struct arch_space *s, uint64_t table, int level)
{
    uint64_t *e = phys_to_virt(table);
    for (int i = 0; i < ENTRIES && level > 0; i++) {
        if (e[i] != 0) {
            free_below(s, e[i] & ADDRESS, level - 1);
        }
    }
    table_page_free(s->account, table);
    s->tables--;
}

bool arch_space_destroy_step(struct arch_space *s, uint32_t)
{
    for (uint32_t i = 0; i < CPUS_MAX; i++) {
        ASSERT(cpus[i].arch.space != s);
    }
    ASSERT(s->root != 0);
    uint64_t *top = phys_to_virt(s->root);
    while (s->destroyed < ENTRIES && top[s->destroyed] == 0) {
        s->destroyed++;
    }
    if (s->destroyed < ENTRIES) {
        free_below(s, top[s->destroyed] & ADDRESS, 2);
        top[s->destroyed] = 0;
        return false;
    }
    table_page_free(s->account, s->root);
    s->root = 0;
    s->tables--;
    return true;
}

void arch_flush(struct arch_space *, uint64_t, uint64_t)
{
    host_flushes++;
}

// ---- Threads

void arch_switch_state(struct arch_cpu *cpu, struct arch_thread *from, struct arch_thread *to,
                       struct arch_space *space)
{
    if (from != NULL) {
        from->fpu = cpu->fpu;
    }
    if (to != NULL) {
        cpu->fpu = to->fpu;
        cpu->fs_base = to->fs_base;
    }
    cpu->space = space;
}

void arch_thread_init(struct regs *r, struct arch_thread *t, uint64_t entry_point, uint64_t stack,
                      uint64_t arg0, uint64_t arg1)
{
    memset(r, 0, sizeof(*r));
    memset(t, 0, sizeof(*t));
    r->rip = entry_point;
    r->rsp = stack;
    r->rdi = arg0;
    r->rsi = arg1;
    r->rflags = 0x202;
    r->full = 1;
}

void arch_thread_get_regs(const struct regs *r, const struct arch_thread *t, struct thread_regs *out)
{
    memcpy(out, r, offsetof(struct regs, full));
    out->fs_base = t->fs_base;
}

bool arch_thread_set_regs(struct regs *r, struct arch_thread *t, const struct thread_regs *in)
{
    if (in->rip >= USER_MAX || in->fs_base >= USER_MAX) {
        return false;
    }
    memcpy(r, in, offsetof(struct regs, full));
    r->rflags = (r->rflags & 0xcd5) | 0x202;
    r->full = 1;
    t->fs_base = in->fs_base;
    return true;
}

void arch_set_fsbase(struct arch_thread *t, uint64_t address)
{
    t->fs_base = address;
    host_cpu->arch.fs_base = address;
}

// ---- Time: one tick is a nanosecond

uint64_t arch_ticks_to_ns(uint64_t ticks)
{
    return ticks;
}

uint64_t arch_ns_to_ticks(uint64_t ns)
{
    return ns;
}

uint64_t arch_now_ns(void)
{
    return host_ticks;
}

void arch_timer_set(struct cpu *cpu, uint64_t ticks)
{
    cpu->arch.timer = ticks;
}

void arch_ipi_resched(struct cpu *cpu)
{
    cpu->arch.ipi = true;
}

// ---- Interrupts: lines 0..23

enum status arch_irq_route(uint32_t gsi, uint32_t *flags, uint32_t *vector)
{
    if (gsi >= 24) {
        return ERR_RANGE;
    }
    *flags |= gsi == HOST_LEVEL_GSI ? IRQ_LEVEL : 0;
    if (host_irq_used[gsi]) {
        return ERR_BUSY;
    }
    host_irq_used[gsi] = host_irq_masked[gsi] = true;
    *vector = gsi;
    return OK;
}

enum status arch_irq_msi(uint32_t *vector, struct irq_msi_info *info)
{
    for (uint32_t v = 24; v < IRQ_VECTORS; v++) {
        if (!host_irq_used[v]) {
            host_irq_used[v] = host_irq_masked[v] = true;
            *vector = v;
            *info = (struct irq_msi_info){0xfee00000, v, v};
            return OK;
        }
    }
    return ERR_BUSY;
}

void arch_irq_mask(uint32_t vector)
{
    host_irq_masked[vector] = true;
}

void arch_irq_unmask(uint32_t vector)
{
    host_irq_masked[vector] = false;
}

void arch_irq_free(uint32_t vector)
{
    ASSERT(host_irq_used[vector]);
    host_irq_used[vector] = false;
}

// ---- The rest

size_t arch_entropy(void *to, size_t bytes)
{
    memset(to, 0x5a, bytes);
    return 0;
}

uint32_t arch_io_read(uint16_t port, uint32_t width)
{
    if (port == HOST_SERIAL + HOST_SERIAL_STATUS) {
        return host_unread > 0 ? 0x61 : 0x60;
    }
    if (port == HOST_SERIAL && host_unread > 0) {
        return 0xf0 - --host_unread;
    }
    return port * 10u + width;
}

void arch_io_write(uint16_t port, uint32_t, uint32_t value)
{
    host_written[host_writes++ % HOST_WRITTEN] = (struct host_write){port, value};
}

void arch_debug_write(const char *, size_t) {}

void arch_system(enum system_action)
{
    if (host_halt_to != NULL) {
        longjmp(*host_halt_to, 1);
    }
    host_halted = true;
    abort();
}

void arch_page_clear(void *page)
{
    memset(page, 0, PAGE_SIZE);
}

void arch_copy(void *to, const void *from, size_t bytes)
{
    memmove(to, from, bytes); // users may name overlapping ranges; the content is then theirs to explain
}
