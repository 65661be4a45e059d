// SPDX-License-Identifier: MIT
// The reincarnation server: starts what the manifest lists, watches it, and brings it back when it
// dies.
//
// It runs as the first task, above all others in priority, and is an ordinary server otherwise: one
// thread, one event loop. What wakes it: fault messages from the kernel (somebody died), a
// notification (somebody became ready), its timers (time to look after somebody), and requests. It
// never waits for any of those that it supervises: not in a call, not in a reply.
#include "interfaces/rs.server.h"
#include "lib/rt/movable.h"
#include "lib/rt/tx.h"
#include "rs/archive.h"
#include "rs/boots.h"
#include "rs/events.h"
#include "rs/letters.h"
#include "rs/record.h"
#include <stdlib.h>
#include <string.h>

struct service *services;
uint32_t service_count;
uint64_t ready_mask;
struct machine machine;

static struct manifest manifest;

[[noreturn]] static void cannot_start(const char *what, const char *why)
{
    rt_die("%s: %s", what, why);
}

// The file is copied through a mapping that is gone before anybody else sees the memory.
MOVE_ADDRESSES handle_t archive_memory(const struct archive_file *file, void **mapped)
{
    uint64_t bytes = (file->bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1), at = 0;
    handle_t memory;
    enum status status = sys_mem_create(bytes, MEM_POPULATE, &memory);
    status = status == OK ? sys_mem_map(0, memory, &at, 0, bytes, PROT_READ | PROT_WRITE) : status;
    if (status != OK) {
        cannot_start("boot archive", rt_status_text(status));
    }
    memcpy((void *)at, file->data, file->bytes);
    (void)sys_mem_unmap(0, at, bytes);
    if (weaken(&memory, RIGHT_READ | RIGHT_COPY | RIGHT_TRANSFER) != OK) {
        cannot_start("boot archive", "no handle");
    }
    if (rt_map(memory, 0, bytes, PROT_READ, RT_SHARED, mapped) != OK) {
        cannot_start("boot archive", "cannot be mapped");
    }
    return memory;
}

bool archive_has(const char *name, struct archive_file *file)
{
    return archive_find(machine.archive, machine.archive_bytes, name, file);
}

// A word of the kernel's command line replaces a period of the manifest for all services that have
// one, so that one image can be measured with several.
static void replace_period(uint32_t *period, const char *word)
{
    char text[16];
    if (*period != 0 && rt_arg(word, text, sizeof(text))) {
        *period = (uint32_t)strtoul(text, nullptr, 10);
    }
}

static void replace_periods(struct manifest_care *care)
{
    replace_period(&care->move_jitter_ms, "move_jitter_ms");
    replace_period(&care->move_ms, "move_ms");
    replace_period(&care->move_every_requests, "move_every_requests");
}

// The manifest is copied: in the archive it may lie at any address.
static void load_manifest(void)
{
    struct archive_file file;
    if (!archive_has("manifest.bin", &file)) {
        cannot_start("manifest.bin", "not in the boot archive");
    }
    void *copy = rt_malloc(file.bytes);
    if (copy == nullptr) {
        cannot_start("manifest.bin", "no memory");
    }
    memcpy(copy, file.data, file.bytes);
    const char *wrong = manifest_open(&manifest, copy, file.bytes);
    if (wrong != nullptr) {
        cannot_start("manifest.bin", wrong);
    }
    struct manifest_service *entries = (struct manifest_service *)((struct manifest_header *)copy + 1);
    for (uint32_t i = 0; i < manifest.header->services; i++) {
        replace_periods(&entries[i].care);
    }
}

// Heirs are not given the archive. They inherit its mapping.
MOVE_ADDRESSES static void find_archive(void)
{
    uint64_t at = rt_startup->boot_archive, in = at % PAGE_SIZE;
    machine.archive = (const void *)at;
    machine.archive_bytes = rt_startup->boot_archive_bytes;
    uint64_t bytes = (in + machine.archive_bytes + PAGE_SIZE - 1) & -(uint64_t)PAGE_SIZE;
    if (rt_map_adopt((char *)(at - in), bytes, PROT_READ, RT_STATE) != OK) {
        cannot_start("boot archive", "no room");
    }
}

static void find_machine(void)
{
    machine.boot = *rt_startup->boot;
    machine.ports = rt_handle("ports");
    machine.mmio = rt_handle("mmio");
    machine.irqs = rt_handle("irq");
    machine.dma = rt_handle("dma");
    machine.bootstrap_at = machine.boot.bootstrap;
    // A copy, because what was given by name is not inherited.
    const uint32_t rights = RIGHT_READ | RIGHT_EXEC | RIGHT_COPY | RIGHT_TRANSFER;
    struct mem_info info;
    if (sys_handle_copy(rt_handle("bootstrap"), rights, 0, &machine.bootstrap) != OK ||
        sys_mem_info(machine.bootstrap, &info) != OK) {
        cannot_start("bootstrap", "no handle");
    }
    const uint32_t of_kept = RIGHT_READ | RIGHT_WRITE | RIGHT_COPY | RIGHT_TRANSFER;
    if (sys_handle_copy(rt_handle("kept"), of_kept, 0, &machine.kept) != OK) {
        machine.kept = HANDLE_NONE; // not every machine has it
    }
    machine.bootstrap_bytes = info.bytes;
}

static void name_service(struct service *s, uint32_t index)
{
    s->entry = &manifest.services[index];
    s->name = manifest_string(&manifest, s->entry->name);
    s->index = index;
    s->number = index + 1;
    s->rules = policy_rules(&s->entry->rules, s->entry->flags);
    s->module = module_named(manifest_string(&manifest, s->entry->module));
    s->state = RS_WAITING;
}

// A service that cannot be prepared is given up at once; the others start all the same.
static void prepare_all(void)
{
    for (uint32_t i = 0; i < service_count; i++) {
        name_service(&services[i], i);
        const char *wrong = service_prepare_port(&services[i]);
        if (wrong != nullptr) {
            cannot_start(services[i].name, wrong);
        }
    }
    for (uint32_t i = 0; i < service_count; i++) {
        const char *wrong = service_prepare(&services[i], &manifest);
        if (wrong != nullptr) {
            services[i].state = RS_GIVEN_UP;
            log_error("%s cannot be started: %s", services[i].name, wrong);
            struct rs_event *e = event_add(RS_GIVE_UP, &services[i]);
            copy_name(e->text, sizeof(e->text), wrong);
            answer_for_the_dead(&services[i]);
        }
    }
}

static void check(const char *what, const char *wrong)
{
    if (wrong != nullptr) {
        cannot_start(what, wrong);
    }
}

int service_main(void)
{
    static const struct rt_interface list[] = {{RS_PROTOCOL, rs_dispatch, &rs_commands}};
    if (rt_startup->boot == nullptr) {
        return twin_main();
    }
    find_archive();
    load_manifest();
    find_machine();
    check("events", events_init());
    check("records", records_init());
    check("letters", letters_init());
    boots_begin();
    service_count = manifest.header->services;
    services = new_array(struct service, service_count);
    check("services", services ? nullptr : "no memory");
    prepare_all();
    rt_on_fault(on_fault, nullptr);
    rt_on_notify(0x3f, watch_news, nullptr); // badges are service numbers: any of their bits
    self_begin();
    const struct boot_info *boot = &machine.boot;
    log_info("image %s: %u services; %u CPUs, %llu MiB, PCI at %#llx, buses %u to %u",
             manifest_string(&manifest, manifest.header->image_name), service_count, boot->cpus,
             (unsigned long long)(boot->memory_bytes >> 20), (unsigned long long)boot->ecam_base,
             boot->ecam_bus_first, boot->ecam_bus_last);
    services_start();
    boots_keep();
    return rt_serve(list, 1);
}
