// SPDX-License-Identifier: MIT
// Links a newborn: plan, staging image, relocations, final mappings, jump.
//
// The image is filled through a writable mapping somewhere else (the staging area), which is gone
// before the clusters are mapped at their places. So no page of code is writable and executable at
// any time, not even one after the other in one mapping, and each cluster costs one system call.
//
// All writable data is on the stack or in memory objects that are made here: the blob itself is
// mapped read-only. Instruction counts matter: every recovery of a driver runs this.
#include "randomizer/linker/bootstrap.h"
#include "randomizer/linker/relocate.h"

enum { TEXT_MAX = 240 }; // a log line may have 256 bytes

struct text {
    char line[TEXT_MAX];
    uint32_t used;
};

static void put(struct text *t, const char *s)
{
    while (*s != 0 && t->used < TEXT_MAX) {
        t->line[t->used++] = *s++;
    }
}

static void put_number(struct text *t, uint64_t x, unsigned base)
{
    char digits[21];
    unsigned at = sizeof(digits) - 1;
    digits[at] = 0;
    do {
        digits[--at] = "0123456789abcdef"[x % base];
        x /= base;
    } while (x != 0);
    put(t, digits + at);
}

// What is wrong, where, and with which symbol; in the words that a linker would use.
[[noreturn, gnu::cold, gnu::noinline]]
static void give_up(const struct startup *startup, const struct module *m,
                    const struct link_failure *why)
{
    struct text t = {.used = 0};
    put(&t, startup->name);
    put(&t, "[");
    put_number(&t, startup->incarnation, 10);
    put(&t, "]: cannot be linked: ");
    put(&t, link_error_text(why->error));
    if (m != nullptr && why->symbol != UINT32_MAX) {
        put(&t, ": symbol ");
        put(&t, module_symbol_name(m, why->symbol));
    }
    if (m != nullptr && why->section != UINT32_MAX) {
        put(&t, ", section ");
        put(&t, module_section_name(m, why->section));
        put(&t, " #");
        put_number(&t, why->section, 10);
        put(&t, "+0x");
        put_number(&t, why->offset, 16);
    }
    if (why->kind != UINT32_MAX) {
        put(&t, ", kind ");
        put_number(&t, why->kind, 10);
    }
    boot_log(t.line, t.used);
    boot_exit(LINK_EXIT_BASE + why->error);
}

// Everything that a birth needs, on the bootstrap's stack.
struct birth {
    const struct startup *startup;
    const struct recipe *recipe; // or null
    struct module module;
    struct link_failure why;
    struct plan *plan;  // in the work area
    uint64_t *values;   // likewise
    handle_t work_handle, image_handle, zero_handle;
    uint64_t work, work_bytes;
    uint64_t staging;
};

// Ends the birth if the kernel refused; `number` of the system call goes to the log as the offset.
static void must(struct birth *b, enum status status, enum syscall number)
{
    if (status != OK) {
        b->why = (struct link_failure){LINK_KERNEL, number, UINT32_MAX, status, 0};
        give_up(b->startup, nullptr, &b->why);
    }
}

static void must_link(struct birth *b, enum link_error error)
{
    if (error != LINK_OK) {
        give_up(b->startup, &b->module, &b->why);
    }
}

static uint64_t page_up(uint64_t x)
{
    return (x + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static uint64_t make_and_map(struct birth *b, uint64_t bytes, uint32_t flags, handle_t *handle,
                             uint64_t address)
{
    uint64_t mapped = 0;
    must(b, boot_mem_create(bytes, flags, handle), SYS_mem_create);
    must(b, boot_mem_map(*handle, address, 0, bytes, PROT_READ | PROT_WRITE, &mapped), SYS_mem_map);
    return mapped;
}

static void unmap_and_close(struct birth *b, uint64_t address, uint64_t bytes, handle_t handle)
{
    must(b, boot_mem_unmap(address, bytes), SYS_mem_unmap);
    must(b, boot_handle_close(handle), SYS_handle_close);
}

static void check_startup(struct birth *b)
{
    const struct startup *s = b->startup;
    enum link_error error = LINK_OK;
    if (s->magic != STARTUP_MAGIC || s->version != STARTUP_VERSION) {
        error = LINK_STARTUP;
    } else if (s->layout == 0 || s->layout_bytes < sizeof(struct layout_record)) {
        error = LINK_LAYOUT_RECORD;
    }
    if (error != LINK_OK) {
        b->why = (struct link_failure){error, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0};
        give_up(s, nullptr, &b->why);
    }
}

// What is wrong with a module is told by linking without a recipe, as there is none for it.
static void open_module(struct birth *b)
{
    const struct startup *s = b->startup;
    const struct recipe *r = (const struct recipe *)s->recipe;
    if (r != nullptr && recipe_fits(r, s->recipe_bytes, s->module_bytes)) {
        b->recipe = r;
        recipe_open(r, (const void *)s->module, &b->module);
    } else {
        must_link(b, module_open(&b->module, (const void *)s->module, s->module_bytes, &b->why));
    }
}

static enum link_error plan(struct birth *b)
{
    const struct startup *s = b->startup;
    if (b->recipe == nullptr) {
        return plan_layout(b->plan, &b->module, s->seed, s->stack_bytes, &b->why);
    }
    struct plan_objects objects = recipe_objects(b->recipe);
    return plan_again(b->plan, &objects, s->seed, s->stack_bytes, &b->why);
}

// The work area holds the plan and its tables. The addresses are planned here and copied to the
// layout record at the end: others may look at that one meanwhile.
static void plan_birth(struct birth *b)
{
    const struct startup *s = b->startup;
    uint64_t entries = plan_entries(&b->module);
    uint64_t symbols = b->recipe ? 0 : b->module.symbol_count;
    uint64_t table_bytes =
        entries * (2 * sizeof(uint64_t) + sizeof(uint32_t)) + symbols * sizeof(uint64_t);

    if (s->layout_bytes - sizeof(struct layout_record) <
        b->module.section_count * sizeof(uint64_t)) {
        b->why = (struct link_failure){LINK_LAYOUT_RECORD, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0};
        must_link(b, LINK_LAYOUT_RECORD);
    }
    b->work_bytes = page_up(sizeof(struct plan) + table_bytes);
    b->work = make_and_map(b, b->work_bytes, MEM_POPULATE, &b->work_handle, 0);
    b->plan = (struct plan *)b->work;
    b->plan->address = (uint64_t *)(b->plan + 1);
    b->plan->image = b->plan->address + entries;
    b->values = b->plan->image + entries;
    b->plan->order = (uint32_t *)(b->values + symbols);
    must_link(b, plan(b));
}

static void fill_image(struct birth *b)
{
    const struct plan *p = b->plan;
    b->staging = make_and_map(b, p->image_bytes, MEM_POPULATE, &b->image_handle, 0);
    uint8_t *image = (uint8_t *)b->staging;
    if (b->recipe != nullptr) {
        copy_again(b->recipe, &b->module, p, image);
        must_link(b, relocate_again(b->recipe, &b->module, p, image, &b->why));
    } else {
        copy_sections(&b->module, p, image);
        must_link(b, relocate(&b->module, p, image, b->values, &b->why));
    }
    must(b, boot_mem_unmap(b->staging, p->image_bytes), SYS_mem_unmap);
}

static uint32_t final_prot(enum plan_class class)
{
    switch (class) {
    case CLASS_TEXT:
        return PROT_READ | PROT_EXEC;
    case CLASS_RODATA:
        return PROT_READ;
    default:
        return PROT_READ | PROT_WRITE;
    }
}

static void map_clusters(struct birth *b)
{
    const struct plan *p = b->plan;
    if (p->zero_bytes != 0) {
        must(b, boot_mem_create(p->zero_bytes, 0, &b->zero_handle), SYS_mem_create);
    }
    for (uint32_t i = 0; i < p->cluster_count; i++) {
        const struct cluster *c = &p->clusters[i];
        handle_t from = c->class == CLASS_ZERO ? b->zero_handle : b->image_handle;
        uint64_t mapped;
        must(b, boot_mem_map(from, c->address, c->offset, c->bytes, final_prot(c->class), &mapped),
             SYS_mem_map);
    }
    must(b, boot_handle_close(b->image_handle), SYS_handle_close);
    if (p->zero_bytes != 0) {
        must(b, boot_handle_close(b->zero_handle), SYS_handle_close);
    }
}

// Pages of the stack come at their first use. Nothing is mapped around it.
static void map_stack(struct birth *b)
{
    const struct plan *p = b->plan;
    handle_t stack;
    make_and_map(b, p->stack_high - p->stack_low, 0, &stack, p->stack_low);
    must(b, boot_handle_close(stack), SYS_handle_close);
}

static void write_record(const struct birth *b)
{
    const struct plan *p = b->plan;
    struct layout_record *r = (struct layout_record *)b->startup->layout;
    r->sections = b->module.section_count;
    r->reserved = 0;
    r->window = p->window;
    r->window_bytes = p->window_bytes;
    r->stack_low = p->stack_low;
    r->stack_high = p->stack_high;
    r->entry = p->entry;
    __builtin_memcpy(r->address, p->address, b->module.section_count * sizeof(uint64_t));
    r->magic = LAYOUT_MAGIC; // last: says that the rest is complete
}

void bootstrap_main(const struct startup *startup, uint64_t stack_top)
{
    struct birth b = {.startup = startup};
    check_startup(&b);
    open_module(&b);
    plan_birth(&b);
    fill_image(&b);
    map_clusters(&b);
    map_stack(&b);
    write_record(&b);
    uint64_t entry = b.plan->entry, stack = b.plan->stack_start;
    unmap_and_close(&b, b.work, b.work_bytes, b.work_handle);
    must(&b, boot_task_seal(), SYS_task_seal);
    boot_enter(entry, stack, startup, page_up(stack_top) - BOOTSTRAP_STACK, BOOTSTRAP_STACK);
}
