// SPDX-License-Identifier: MIT
// What outlives every incarnation of a service: its port, pages shared with it, its program, its
// handles. All of it is made once at start-up, so that a rebirth allocates nothing here and a
// thousand of them leave the supervisor as they found it.
#include "randomizer/linker/bootstrap.h"
#include "lib/rt/tx.h"
#include "rs/args.h"
#include "rs/service.h"
#include <stdio.h>
#include <string.h>

enum { PAGE_MASK = PAGE_SIZE - 1 };

static uint64_t page_round(uint64_t bytes)
{
    return (bytes + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
}

enum status weaken(handle_t *handle, uint32_t rights)
{
    handle_t weak;
    enum status status = sys_handle_copy(*handle, rights, 0, &weak);
    if (status == OK) {
        (void)sys_handle_close(*handle);
        *handle = weak;
    }
    return status;
}

// A service's pages are one memory object, mapped here once: the status page, then a start-up block
// and a layout record for each body. Another module may have twice as many sections.
static uint64_t layout_bytes_of(const struct module *m)
{
    return page_round(sizeof(struct layout_record) + 2ull * m->section_count * sizeof(uint64_t));
}

static void divide_pages(struct service *s, uint8_t *at, uint64_t layout_bytes)
{
    s->status = (struct status_page *)(void *)at;
    s->layout_bytes = layout_bytes;
    for (uint32_t i = 0; i < BODIES; i++) {
        struct body *b = &s->bodies[i];
        b->startup_offset = PAGE_SIZE * (1ull + i);
        b->layout_offset = PAGE_SIZE * (1ull + BODIES) + i * layout_bytes;
        b->startup = (struct startup *)(void *)(at + b->startup_offset);
        b->layout = (struct layout_record *)(void *)(at + b->layout_offset);
    }
}

static uint64_t pages_bytes(const struct service *s)
{
    return PAGE_SIZE * (1ull + BODIES) + BODIES * layout_bytes_of(&s->module->elf);
}

enum status service_map_pages(struct service *s)
{
    void *at;
    enum status status = sys_handle_copy(s->pages, RIGHT_READ, 0, &s->pages_to_read);
    status = status == OK ? rt_map(s->pages, 0, pages_bytes(s), PROT_READ | PROT_WRITE, RT_SHARED,
                                   &at) : status;
    if (status == OK) {
        divide_pages(s, at, layout_bytes_of(&s->module->elf));
    }
    return status;
}

enum status service_make_pages(struct service *s)
{
    enum status status = sys_mem_create(pages_bytes(s), MEM_POPULATE, &s->pages);
    status = status == OK ? sys_mem_create(BODIES * BOOTSTRAP_STACK, 0, &s->stacks) : status;
    return status == OK ? service_map_pages(s) : status;
}

static enum status make_port(struct service *s)
{
    enum status status = sys_port_create(&s->port);
    status = status == OK ? sys_handle_copy(s->port, RIGHT_NOTIFY, NOTIFY_PING, &s->ping) : status;
    return status == OK ? sys_handle_copy(s->port, RIGHT_NOTIFY, NOTIFY_CHECKPOINT,
                                          &s->checkpoint_bell)
                        : status;
}

void service_describe(const struct service *s, struct startup *b)
{
    b->magic = STARTUP_MAGIC;
    b->version = STARTUP_VERSION;
    copy_name(b->name, sizeof(b->name), s->name);
    b->tsc_hz = rt_startup->tsc_hz;
    b->tsc_base = rt_startup->tsc_base;
    b->stack_bytes = s->entry->stack;
    b->heap_limit_bytes = s->entry->heap;
    b->undo_bytes = s->entry->undo;
}

static const char *fill_startup(const struct service *s, struct startup *b,
                                const struct manifest *m)
{
    service_describe(s, b);
    b->handle_count = s->entry->handles;
    for (uint32_t i = 0; i < s->entry->handles; i++) {
        struct named_handle *named = &b->handles[i];
        copy_name(named->name, sizeof(named->name), s->given[i].name);
        named->handle = H_FIRST_NAMED + i;
        named->type = s->given[i].type;
    }
    const char *args = manifest_string(m, s->entry->args);
    bool fits = args_expand(args, &machine.boot, b->args, sizeof(b->args));
    return fits ? nullptr : "its args do not fit";
}

// ---- Handles of the manifest ----

// A part of one of the machine's ranges; everything when the length is 0.
static enum status part_of(handle_t range, uint64_t base, uint64_t length, struct given_handle *out)
{
    out->type = OBJ_IORANGE;
    out->rights = RIGHT_CONTROL | RIGHT_COPY | RIGHT_TRANSFER;
    if (length == 0) {
        out->handle = range;
        return OK;
    }
    return sys_iorange_split(range, base, length, &out->handle);
}

static enum status make_irq(const struct manifest_handle *h, struct given_handle *out)
{
    out->type = OBJ_IRQ;
    out->rights = RIGHT_CONTROL | RIGHT_COPY;
    return sys_irq_create(machine.irqs, h->a, (uint32_t)h->b, &out->handle);
}

static enum status make_ecam(struct given_handle *out)
{
    const struct boot_info *boot = &machine.boot;
    uint64_t buses = boot->ecam_bus_last - boot->ecam_bus_first + 1ull;
    if (boot->ecam_base == 0) {
        out->handle = HANDLE_NONE; // no such machine: the service finds no handle and says so
        return OK;
    }
    return part_of(machine.mmio, boot->ecam_base + ((uint64_t)boot->ecam_bus_first << 20),
                   buses << 20, out);
}

static void give_port(const struct manifest_handle *h, struct given_handle *out)
{
    out->handle = services[h->a].port;
    out->rights = h->rights | RIGHT_TRANSFER;
    out->badge = h->badge;
    out->type = OBJ_PORT;
}

static enum status make_handle(const struct manifest_handle *h, struct given_handle *out)
{
    switch ((enum manifest_kind)h->kind) {
    case HANDLE_IO:
        return part_of(machine.ports, h->a, h->b, out);
    case HANDLE_MMIO:
        return part_of(machine.mmio, h->a, h->b, out);
    case HANDLE_IRQS:
        return part_of(machine.irqs, h->a, h->b, out);
    case HANDLE_DMA:
        return part_of(machine.dma, 0, 0, out);
    case HANDLE_IRQ:
        return make_irq(h, out);
    case HANDLE_ECAM:
        return make_ecam(out);
    case HANDLE_PORT:
        give_port(h, out);
        return OK;
    case HANDLE_SUPERVISOR:
        return self_part((enum manifest_part)h->a, out);
    default:
        return ERR_ARG; // manifest_open refuses it
    }
}

static const char *make_handles(struct service *s, const struct manifest *m)
{
    static char sentence[96];
    for (uint32_t i = 0; i < s->entry->handles; i++) {
        const struct manifest_handle *h = &m->handles[s->entry->first_handle + i];
        s->given[i].name = manifest_string(m, h->name);
        enum status status = make_handle(h, &s->given[i]);
        if (status != OK) {
            snprintf(sentence, sizeof(sentence), "handle '%s': %s", s->given[i].name,
                     rt_status_text(status));
            return sentence;
        }
        s->calls |= h->kind == HANDLE_PORT ? 1ull << h->a : 0;
    }
    return nullptr;
}

// Ports of all services are there before any service's handles are made; see main.c.
const char *service_prepare_port(struct service *s)
{
    enum status status = make_port(s);
    return status == OK ? nullptr : rt_status_text(status);
}

const char *service_prepare(struct service *s, const struct manifest *m)
{
    if (!s->module->usable) {
        return "its module is missing or damaged";
    }
    const char *wrong = make_handles(s, m);
    if (wrong != nullptr) {
        return wrong;
    }
    enum status status = service_make_pages(s);
    wrong = status == OK ? nullptr : rt_status_text(status);
    for (uint32_t i = 0; i < BODIES && wrong == nullptr; i++) {
        wrong = fill_startup(s, s->bodies[i].startup, m);
    }
    s->prepared = wrong == nullptr;
    return wrong;
}
