// SPDX-License-Identifier: MIT
// The kernel's start: makes the root task out of the boot archive and runs it.
//
// The root task finds what kernel/abi/startup.h promises: module and archive, a writable layout
// record and status page, handles to all I/O, and an account with all memory.
#include "kernel/abi/startup.h"
#include "kernel/cpio.h"
#include "kernel/ipc/port.h"
#include "kernel/irq/iorange.h"
#include "kernel/mem/page.h"
#include "kernel/mem/region.h"
#include "kernel/system/kept.h"
#include "kernel/system/log.h"
#include "kernel/system/random.h"
#include "kernel/system/calls.h"

enum : uint64_t {
    ROOT_STACK = 64 << 10,        // for the bootstrap
    ROOT_SERVICE_STACK = 256 << 10,
    ROOT_HEAP_LIMIT = 64 << 20,
    RESERVE_PART = 64,            // 1/64 of RAM stays for slab headers and index tables
    SECTION_HEADER_BYTES = 64,
    PORTS_TOTAL = 0x10000,
    IRQS_TOTAL = 1ull << 32,
};

struct machine machine;
struct task *root_task;
uint64_t boot_ns;

static void must(enum status status, const char *what)
{
    if (status != OK) {
        log_kernel("cannot start: %s: status %u\n", what, (uint32_t)status);
        arch_panic(__FILE__, __LINE__, what);
    }
}

static uint64_t page_up(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static void fill(struct memory *m, uint64_t at, const void *from, uint64_t bytes)
{
    const uint8_t *f = from;
    while (bytes > 0) {
        uint64_t pa = memory_page(m, at / PAGE_SIZE), in = at % PAGE_SIZE;
        uint64_t n = min_u64(bytes, PAGE_SIZE - in);
        must(pa != 0 ? OK : ERR_MEMORY, "memory of the root task");
        arch_copy((uint8_t *)phys_to_virt(pa) + in, f, n);
        at += n;
        f += n;
        bytes -= n;
    }
}

// Maps new memory into the root task at a random place, optionally with a content. The reference
// is the caller's.
static struct memory *give_memory(uint64_t bytes, const void *content, uint64_t content_bytes,
                                  uint32_t prot, uint64_t *at)
{
    struct memory *m;
    must(memory_create(&root_account, page_up(bytes), 0, &m), "memory of the root task");
    if (content != NULL) {
        fill(m, 0, content, content_bytes);
    }
    *at = 0;
    must(region_map(root_task, m, at, 0, m->bytes, prot, prot), "map memory of the root task");
    return m;
}

static void map_archive(struct startup *s)
{
    struct memory *m;
    uint64_t first = machine.archive & ~(uint64_t)(PAGE_SIZE - 1), at = 0;
    uint64_t offset = machine.archive - first;
    must(memory_create_fixed(&root_account, first, page_up(offset + machine.archive_bytes), 0,
                             false, &m), "boot archive");
    must(region_map(root_task, m, &at, 0, m->bytes, PROT_READ, PROT_READ), "map the boot archive");
    object_put(&m->obj);
    s->boot_archive = at + offset;
    s->boot_archive_bytes = machine.archive_bytes;
}

static void copy_text(char *to, const char *from, size_t size)
{
    for (size_t i = 0; i + 1 < size && from[i] != 0; i++) {
        to[i] = from[i];
    }
}

static void put_handle(uint32_t index, struct object *o, uint32_t rights)
{
    must(handle_put_at(root_task, index, o, rights, 0), "handle of the root task");
}

// The reference is given away.
static void give_named(struct startup *s, const char *name, struct object *o, uint32_t rights)
{
    uint32_t index = H_FIRST_NAMED + s->handle_count;
    struct named_handle *h = &s->handles[s->handle_count++];
    put_handle(index, o, RIGHT_COPY | RIGHT_TRANSFER | rights);
    copy_text(h->name, name, sizeof(h->name));
    h->handle = index;
    h->type = o->type;
    object_put(o);
}

static void give_iorange(struct startup *s, const char *name, enum iorange_kind kind,
                         uint64_t length)
{
    struct iorange *range;
    must(iorange_create(&root_account, kind, 0, length, &range), name);
    give_named(s, name, &range->obj, RIGHT_CONTROL);
}

// The only object on it; the root task does without where there is no such memory.
static void give_kept(struct startup *s)
{
    struct memory *m;
    if (machine.kept_bytes != 0) {
        must(kept_memory(&root_account, &m), "kept memory");
        give_named(s, "kept", &m->obj, RIGHT_READ | RIGHT_WRITE);
    }
}

static void give_handles(struct startup *s)
{
    struct port *port;
    uint32_t port_rights = RIGHT_COPY | RIGHT_TRANSFER | RIGHT_BADGE | RIGHT_CALL | RIGHT_RECV |
                           RIGHT_NOTIFY | RIGHT_MANAGE;
    must(port_create(&root_account, &port), "port of the root task");
    put_handle(H_SERVICE_PORT, &port->obj, port_rights);
    object_put(&port->obj);
    // With all rights, so that it can give itself into the hands of a supervisor.
    put_handle(H_SELF_TASK, &root_task->obj,
               RIGHT_COPY | RIGHT_TRANSFER | RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE);
    give_iorange(s, "ports", IORANGE_PORT, PORTS_TOTAL);
    give_iorange(s, "mmio", IORANGE_MMIO, machine.phys_limit);
    give_iorange(s, "irq", IORANGE_IRQ, IRQS_TOTAL);
    give_iorange(s, "dma", IORANGE_DMA, machine.phys_limit);
    give_kept(s);
}

static void describe_machine(const struct startup *s, struct boot_info *b)
{
    b->bootstrap = s->bootstrap;
    b->rsdp = machine.rsdp;
    b->ecam_base = machine.ecam_base;
    b->ecam_bus_first = machine.ecam_bus_first;
    b->ecam_bus_last = machine.ecam_bus_last;
    b->memory_bytes = machine.memory_bytes;
    b->cpus = cpu_count;
    copy_text(b->cmdline, machine.cmdline, sizeof(b->cmdline));
    static_assert(sizeof(b->last_words) == KEPT_WORDS);
    kept_hear(b->last_words);
}

static void describe_root(struct startup *s)
{
    s->magic = STARTUP_MAGIC;
    s->version = STARTUP_VERSION;
    copy_text(s->name, "rs", sizeof(s->name));
    copy_text(s->args, machine.cmdline, sizeof(s->args));
    s->incarnation = 1;
    s->cause = BIRTH_FIRST;
    random_bytes(s->seed, sizeof(s->seed));
    s->tsc_hz = machine.tsc_hz;
    s->tsc_base = machine.tsc_base;
    s->stack_bytes = ROOT_SERVICE_STACK;
    s->heap_limit_bytes = ROOT_HEAP_LIMIT;
}

static void find_file(const char *name, const uint8_t **data, size_t *bytes)
{
    const uint8_t *archive = phys_to_virt(machine.archive);
    bool found = machine.archive_bytes != 0 &&
                 cpio_find(archive, machine.archive_bytes, name, data, bytes);
    must(found ? OK : ERR_NOT_FOUND, name);
}

// Memory objects of the root task; fills in where they are.
static void give_images(struct startup *s)
{
    const uint8_t *blob, *module;
    size_t blob_bytes, module_bytes;
    find_file("bootstrap", &blob, &blob_bytes);
    find_file("rs.mod", &module, &module_bytes);

    struct memory *m = give_memory(blob_bytes, blob, blob_bytes, PROT_READ | PROT_EXEC,
                                   &s->bootstrap);
    s->bootstrap_bytes = m->bytes;
    give_named(s, "bootstrap", &m->obj, RIGHT_READ | RIGHT_EXEC);

    m = give_memory(module_bytes, module, module_bytes, PROT_READ, &s->module);
    s->module_bytes = module_bytes;
    put_handle(H_MODULE, &m->obj, RIGHT_COPY | RIGHT_TRANSFER | RIGHT_READ);
    object_put(&m->obj);

    uint64_t sections = module_bytes / SECTION_HEADER_BYTES; // there cannot be more
    m = give_memory(sizeof(struct layout_record) + sections * sizeof(uint64_t), NULL, 0,
                    PROT_READ | PROT_WRITE, &s->layout);
    s->layout_bytes = m->bytes;
    put_handle(H_LAYOUT, &m->obj, RIGHT_COPY | RIGHT_TRANSFER | RIGHT_READ | RIGHT_WRITE);
    object_put(&m->obj);

    m = give_memory(sizeof(struct status_page), NULL, 0, PROT_READ | PROT_WRITE, &s->status);
    object_put(&m->obj);
    map_archive(s);
}

// The start-up block takes the first page, the machine's description the second.
static uint64_t give_startup(struct startup *s)
{
    struct boot_info boot = {.rsdp = 0};
    uint64_t at;
    struct memory *m = give_memory(2 * PAGE_SIZE, NULL, 0, PROT_READ, &at);
    s->boot = (struct boot_info *)(uintptr_t)(at + PAGE_SIZE);
    describe_machine(s, &boot);
    fill(m, 0, s, sizeof(*s));
    fill(m, PAGE_SIZE, &boot, sizeof(boot));
    object_put(&m->obj);
    return at;
}

static void start_root_thread(const struct startup *s, uint64_t startup_at)
{
    struct thread *thread;
    uint64_t stack;
    struct memory *m = give_memory(ROOT_STACK, NULL, 0, PROT_READ | PROT_WRITE, &stack);
    object_put(&m->obj);
    struct thread_args args = {
        .entry = s->bootstrap,
        .stack = stack + ROOT_STACK,
        .args = {startup_at},
        .priority = PRIORITIES - 1,
    };
    must(thread_create(root_task, &args, &thread), "thread of the root task");
    put_handle(H_SELF_THREAD, &thread->obj,
               RIGHT_COPY | RIGHT_TRANSFER | RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE);
    object_put(&thread->obj);
    root_task->started = true;
    thread_release(thread, HOLD_NEW);
}

void kernel_start(struct cpu *cpu)
{
    static struct startup startup; // too big for the kernel stack
    cpu->timer_at = UINT64_MAX;
    cpu->online = true;
    random_start(machine.cmdline);
    uint64_t pages = page_available();
    root_account.limit = (pages - pages / RESERVE_PART) * PAGE_SIZE;
    must(task_create(&root_account, "rs", &root_task), "the root task");
    describe_root(&startup);
    give_handles(&startup);
    give_images(&startup);
    start_root_thread(&startup, give_startup(&startup));
    boot_ns = arch_now_ns();
    log_kernel("kernel up: %lu MiB, %u CPUs\n", machine.memory_bytes >> 20, cpu_count);
    cpu->resched = true;
    sched_run(cpu);
}
