// SPDX-License-Identifier: MIT
// Start-up: what comes between the bootstrap and service_main. Also holds the functions that die on
// purpose, because this file is part of every module.
#include "lib/rt/internal.h"
#include "lib/rt/movable.h"

RT_OWN static struct startup own_startup;
RT_OWN static const struct startup *given_startup;
RT_OWN static struct status_page own_status; // for the root task, which nobody supervises

RT_OWN const struct startup *rt_startup;
RT_OWN struct status_page *rt_status;
handle_t rt_port;

// Goes on counting where the predecessor stopped; what it was doing is over.
MOVE_ADDRESSES static void begin_status_page(void)
{
    rt_status->magic = STATUS_MAGIC;
    rt_status->incarnation = own_startup.incarnation;
    rt_status->ready = 0;
    rt_status->movable = 0;
    rt_status->request_since = 0;
    rt_status->waiting_since = 0;
    rt_status->heap_bytes = 0;
    rt_status->heap_objects = 0;
}

void own_port(void)
{
    struct handle_info info;
    if (sys_handle_info(H_SERVICE_PORT, &info) == OK && info.type == OBJ_PORT) {
        rt_port = H_SERVICE_PORT;
    } else if (sys_port_create(&rt_port) != OK) {
        rt_die("no port to receive from");
    }
}

static void unmap(const char *what, uint64_t address, uint64_t bytes)
{
    uint64_t start = address & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t end = (address + bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    if (address == 0 || bytes == 0) {
        return;
    }
    enum status status = sys_mem_unmap(0, start, end - start);
    if (status != OK) {
        log_warn("the %s stays mapped: %s", what, rt_status_text(status));
    }
}

// The linker and what it worked from show where everything is: of no use from here on.
void drop_bootstrap(void)
{
    unmap("bootstrap", own_startup.bootstrap, own_startup.bootstrap_bytes);
    unmap("layout record", own_startup.layout, own_startup.layout_bytes);
    unmap("module", own_startup.module, own_startup.module_bytes);
    unmap("recipe", own_startup.recipe, own_startup.recipe_bytes);
    if (!own_startup.boot) { // the root task's start-up block may share pages with its boot_info
        unmap("start-up block", (uint64_t)given_startup, sizeof(*given_startup));
    }
    unmap("predecessor's layout record", own_startup.old_layout, own_startup.old_layout_bytes);
    unmap("predecessor's module", own_startup.old_module, own_startup.old_module_bytes);
    unmap("checkpoint", own_startup.checkpoint, own_startup.checkpoint_bytes);
    own_startup.checkpoint = 0;
    own_startup.bootstrap = own_startup.layout = own_startup.module = own_startup.old_layout = 0;
}

// What an incarnation has of its own, a spare too: not the status page, which belongs to the living.
MOVE_ADDRESSES static void begin_own(void)
{
    rt_startup = &own_startup;
    own_startup = *given_startup;
    rt_status = own_startup.status ? (struct status_page *)own_startup.status : &own_status;
    time_init(own_startup.tsc_hz, own_startup.tsc_base);
    random_init(own_startup.seed);
    __builtin_memset(own_startup.seed, 0, sizeof(own_startup.seed));
    tx_init();
    rt_heap_init(own_startup.heap_limit_bytes);
}

// A spare waits until the supervisor has written the rest of the start-up block. Meanwhile it may be
// told to copy ahead. A debugger may start it too early.
static void wait_as_spare(void)
{
    const volatile uint32_t *flags = &given_startup->flags;
    bool spare = *flags & STARTUP_SPARE;
    while (*flags & STARTUP_SPARE) {
        if (*flags & STARTUP_AHEAD) {
            spare_copies_ahead(given_startup);
        }
        if (sys_thread_stop_and_tell(H_SELF_THREAD, H_RS) != OK) { // nobody to tell
            (void)sys_thread_stop(H_SELF_THREAD);
        }
    }
    if (spare) {
        own_startup = *given_startup;
        __builtin_memset(own_startup.seed, 0, sizeof(own_startup.seed));
    }
}

void rt_begin(const struct startup *given)
{
    given_startup = given;
    begin_own();
    wait_as_spare();
    rt_heap_policy(&(struct heap_policy){.pad_bytes = own_startup.heap_pad, .zero = own_startup.heap_zero,
                                         .delay = own_startup.heap_delay});
    begin_status_page();
    if (own_startup.flags & STARTUP_HEIR) {
        return; // everything else comes with the state
    }
    own_port();
    if (own_startup.flags & STARTUP_RESTORE) {
        return; // should the checkpoint be of no use, all is as it was for the next one
    }
    reply_init();
    drop_inherited();
    drop_bootstrap();
}

handle_t rt_handle(const char *name)
{
    for (uint32_t i = 0; i < own_startup.handle_count && i < STARTUP_HANDLES; i++) {
        const struct named_handle *named = &own_startup.handles[i];
        if (__builtin_strncmp(named->name, name, sizeof(named->name)) == 0) {
            return named->handle;
        }
    }
    return HANDLE_NONE;
}

static size_t word_length(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0' && text[length] != ' ') {
        length++;
    }
    return length;
}

bool rt_arg(const char *name, char *out, size_t out_bytes)
{
    size_t name_length = __builtin_strlen(name);
    const char *at = own_startup.args;
    while (*at != '\0') {
        size_t length = word_length(at);
        if (length > name_length && at[name_length] == '=' &&
            __builtin_memcmp(at, name, name_length) == 0) {
            size_t value_length = length - name_length - 1;
            if (value_length >= out_bytes) {
                return false;
            }
            __builtin_memcpy(out, at + name_length + 1, value_length);
            out[value_length] = '\0';
            return true;
        }
        at += length + (at[length] == ' ');
    }
    return false;
}

void rt_ready(void)
{
    rt_status->ready = 1;
    // So that whoever needs this service starts at once; the root task has no H_RS.
    (void)ipc_notify(H_RS);
}

void rt_beat(void)
{
    rt_status->beats++;
}

// ---- Dying on purpose. `retain`: nobody calls these, the supervisor enters them by address ----

#define RT_DIE [[gnu::used, gnu::retain, gnu::noinline, gnu::force_align_arg_pointer]]

RT_DIE void rt_die_null(void)
{
    volatile uint64_t *null = nullptr;
    __asm__("" : "+r"(null)); // hides from the compiler what it would turn into a trap of its own
    *null = 1;
}

RT_DIE void rt_die_jump(void)
{
    void (*nowhere)(void) = (void (*)(void))0x5a5a5a5a5a50;
    __asm__("" : "+r"(nowhere));
    nowhere();
    __asm__ volatile(""); // keeps this a call, so that the return address names this function
}

RT_DIE void rt_die_loop(void)
{
    for (;;) {
        __asm__ volatile("pause");
    }
}

RT_DIE void rt_die_assert(void)
{
    rt_die("asked to fail an assertion");
}

RT_DIE void rt_die_exit(void)
{
    sys_task_exit(1);
}
