// SPDX-License-Identifier: MIT
// The bootstrap blob itself, as it will run on Samsara, inside a process on the host.
//
// Linux hands the blob's system calls to a signal handler (syscall user dispatch), which plays the
// kernel with memfd and mmap and checks what a kernel cannot: that no memory is ever both writable
// and executable, by one mapping or by two, and that nothing is mapped after the seal. In single
// steps (trap flag) the same run counts instructions.
#include "kernel/abi/startup.h"
#include "randomizer/linker/bootstrap.h"
#include "randomizer/linker/test/host.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

enum { OBJECTS = 64, MAPPINGS = 256, TRAP_FLAG = 0x100, REFUSED = ERR_QUOTA };

struct mapping {
    uint64_t address, bytes, offset;
    uint32_t object, prot;
};

// The played kernel.
static struct {
    int objects[OBJECTS]; // memfd, -1 when closed
    uint32_t object_count;
    struct mapping mappings[MAPPINGS];
    uint32_t mapping_count;
    bool sealed;
    uint32_t calls, refuse_call; // the refuse_call-th call (from 1) fails
    char log[512];
    uint64_t exit_code;
    const char *broken; // what the bootstrap did wrong
    uint64_t steps;
} kernel;

static volatile char dispatch = SYSCALL_DISPATCH_FILTER_ALLOW;
static sigjmp_buf finished;
static uint8_t *blob, *stack;
static size_t blob_bytes;

static void complain(const char *what)
{
    if (kernel.broken == nullptr) {
        kernel.broken = what;
    }
}

static bool objects_overlap(const struct mapping *a, const struct mapping *b)
{
    return a->object == b->object && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

static void check_write_xor_exec(const struct mapping *new)
{
    if ((new->prot & PROT_WRITE) && (new->prot & PROT_EXEC)) {
        complain("mapped writable and executable");
    }
    for (uint32_t i = 0; i < kernel.mapping_count; i++) {
        const struct mapping *old = &kernel.mappings[i];
        if (objects_overlap(old, new) && ((old->prot | new->prot) & PROT_EXEC) &&
            ((old->prot | new->prot) & PROT_WRITE)) {
            complain("one page writable here and executable there");
        }
    }
}

static uint64_t play_create(uint64_t bytes, uint64_t *value)
{
    int fd = memfd_create("memory", 0);
    if (bytes == 0 || bytes % PAGE_SIZE != 0 || kernel.object_count + 1 == OBJECTS ||
        ftruncate(fd, (off_t)bytes) != 0) {
        return ERR_ARG;
    }
    kernel.objects[++kernel.object_count] = fd;
    *value = kernel.object_count;
    return OK;
}

static uint64_t play_map(const greg_t *r, uint64_t *value)
{
    struct mapping m = {.object = (uint32_t)r[REG_RSI],
                        .address = (uint64_t)r[REG_RDX],
                        .offset = (uint64_t)r[REG_R10],
                        .bytes = (uint64_t)r[REG_R8],
                        .prot = (uint32_t)r[REG_R9]};
    if (kernel.sealed) {
        complain("mapped after the seal");
    }
    if (r[REG_RDI] != 0 || m.object == 0 || m.object > kernel.object_count ||
        kernel.objects[m.object] < 0 || m.offset % PAGE_SIZE != 0 || m.bytes % PAGE_SIZE != 0) {
        return ERR_ARG;
    }
    check_write_xor_exec(&m);
    void *want = (void *)m.address;
    int fixed = m.address == 0 ? 0 : MAP_FIXED_NOREPLACE;
    void *got = mmap(want, m.bytes, (int)m.prot, MAP_SHARED | fixed, kernel.objects[m.object],
                     (off_t)m.offset);
    if (got == MAP_FAILED || (want != nullptr && got != want)) {
        return ERR_EXISTS;
    }
    m.address = *value = (uint64_t)got;
    kernel.mappings[kernel.mapping_count++] = m;
    return OK;
}

static uint64_t play_unmap(uint64_t address, uint64_t bytes)
{
    munmap((void *)address, bytes);
    for (uint32_t i = 0; i < kernel.mapping_count; i++) {
        if (kernel.mappings[i].address == address && kernel.mappings[i].bytes == bytes) {
            kernel.mappings[i] = kernel.mappings[--kernel.mapping_count];
            return OK;
        }
    }
    if (address == (uint64_t)stack && bytes == BOOTSTRAP_STACK) {
        stack = nullptr;
        return OK;
    }
    complain("unmapped what was not mapped");
    return ERR_NOT_FOUND;
}

static uint64_t play(const greg_t *r, uint64_t *value)
{
    switch (r[REG_RAX]) {
    case SYS_mem_create:
        return play_create((uint64_t)r[REG_RDI], value);
    case SYS_mem_map:
        return play_map(r, value);
    case SYS_mem_unmap:
        return play_unmap((uint64_t)r[REG_RSI], (uint64_t)r[REG_RDX]);
    case SYS_handle_close:
        close(kernel.objects[r[REG_RDI]]);
        kernel.objects[r[REG_RDI]] = -1;
        return OK;
    case SYS_task_seal:
        kernel.sealed = true;
        return OK;
    case SYS_log_write:
        snprintf(kernel.log, sizeof(kernel.log), "%.*s", (int)r[REG_RSI], (const char *)r[REG_RDI]);
        return OK;
    case SYS_task_exit:
        kernel.exit_code = (uint64_t)r[REG_RDI];
        siglongjmp(finished, 1);
    default:
        complain("a system call that it has no business with");
        return ERR_ARG;
    }
}

static void on_system_call(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    dispatch = SYSCALL_DISPATCH_FILTER_ALLOW;
    uint64_t value = 0;
    bool refuse = ++kernel.calls == kernel.refuse_call && r[REG_RAX] != SYS_task_exit;
    r[REG_RAX] = (greg_t)(refuse ? REFUSED : play(r, &value));
    r[REG_RDX] = (greg_t)value;
    dispatch = SYSCALL_DISPATCH_FILTER_BLOCK;
}

static void on_step(int signal)
{
    (void)signal;
    kernel.steps++;
}

// Calls of the C library stay Linux's: its code range is exempt. It holds the return from signals.
// False where Linux does not offer this (before 5.11, or in a sandbox that is no real Linux).
static bool turn_on_dispatch(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned long low = 0, high = 0;
    while (fgets(line, sizeof(line), maps) != nullptr) {
        if (strstr(line, "r-xp") != nullptr && strstr(line, "libc.so") != nullptr) {
            assert_int_equal(sscanf(line, "%lx-%lx", &low, &high), 2);
        }
    }
    fclose(maps);
    assert_int_not_equal(low, 0);
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, low, high - low, &dispatch) != 0) {
        return false;
    }

    static uint8_t signal_stack[64 << 10];
    const stack_t other = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};
    return sigaltstack(&other, nullptr) == 0;
}

// For each run, because cmocka has handlers of its own for these.
static void catch_signals(void)
{
    struct sigaction call = {.sa_sigaction = on_system_call,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    struct sigaction step = {.sa_handler = on_step, .sa_flags = SA_ONSTACK};
    sigaction(SIGSYS, &call, nullptr);
    sigaction(SIGTRAP, &step, nullptr);
}

static void map_blob(void)
{
    struct file file = file_read(BOOTSTRAP);
    blob_bytes = (file.size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    blob = mmap(nullptr, blob_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(blob, file.bytes, file.size);
    assert_int_equal(mprotect(blob, blob_bytes, PROT_READ | PROT_EXEC), 0);
    free(file.bytes);
}

static void clean_up(void)
{
    for (uint32_t i = 0; i < kernel.mapping_count; i++) {
        munmap((void *)kernel.mappings[i].address, kernel.mappings[i].bytes);
    }
    for (uint32_t i = 1; i <= kernel.object_count; i++) {
        if (kernel.objects[i] >= 0) {
            close(kernel.objects[i]);
        }
    }
    if (stack != nullptr) {
        munmap(stack, BOOTSTRAP_STACK);
    }
}

static struct startup *startup_new(const struct file *module, uint64_t seed,
                                   struct layout_record *r, uint64_t record_bytes)
{
    struct startup *s = calloc(1, sizeof(*s));
    *s = (struct startup){.magic = STARTUP_MAGIC,
                          .version = STARTUP_VERSION,
                          .name = "sample",
                          .incarnation = 3,
                          .module = (uint64_t)module->bytes,
                          .module_bytes = module->size,
                          .layout = (uint64_t)r,
                          .layout_bytes = record_bytes,
                          .stack_bytes = 64 << 10};
    seed_from(s->seed, seed);
    return s;
}

// Enters the blob as a creator would: rsp at the top of the initial stack, rdi = start-up block.
// Comes back by siglongjmp when the newborn ends.
[[gnu::noinline]] static void enter(const struct startup *s, uint64_t flags)
{
    dispatch = SYSCALL_DISPATCH_FILTER_BLOCK;
    __asm__ volatile("mov %[top], %%rsp\n"
                     "push %[flags]\n"
                     "popf\n"
                     "jmp *%[entry]\n"
                     :
                     : [top] "r"(stack + BOOTSTRAP_STACK), [flags] "r"(flags), [entry] "r"(blob),
                       "D"(s)
                     : "memory");
    __builtin_unreachable();
}

static void run(const struct startup *s, bool count)
{
    catch_signals();
    stack =
        mmap(nullptr, BOOTSTRAP_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sigsetjmp(finished, 1) == 0) {
        enter(s, 2 | (count ? TRAP_FLAG : 0));
    }
}

struct birth_file {
    struct file module;
    struct recipe *recipe; // or NULL
    uint64_t record_bytes;
    struct layout_record *record;
};

static struct birth_file open_birth(const char *path)
{
    struct birth_file f = {.module = file_read(path), .record_bytes = 16 << 10};
    f.record = calloc(1, f.record_bytes);
    return f;
}

static void add_recipe(struct birth_file *f)
{
    struct module m;
    struct link_failure why;
    assert_int_equal(module_open(&m, f->module.bytes, f->module.size, &why), LINK_OK);
    f->recipe = recipe_new(&m);
    assert_non_null(f->recipe);
}

static void close_birth(struct birth_file *f)
{
    free(f->recipe);
    free(f->module.bytes);
    free(f->record);
}

// One birth. False if its places were taken by the test program.
static bool be_born(struct birth_file *f, uint64_t seed, bool count, uint32_t refuse_call)
{
    memset(&kernel, 0, sizeof(kernel));
    kernel.refuse_call = refuse_call;
    struct startup *s = startup_new(&f->module, seed, f->record, f->record_bytes);
    s->recipe = (uint64_t)f->recipe;
    s->recipe_bytes = f->recipe ? f->recipe->bytes : 0;
    run(s, count);
    free(s);
    clean_up();
    if (kernel.broken != nullptr) {
        fail_msg("seed %lu: %s", seed, kernel.broken);
    }
    return strstr(kernel.log, "the kernel refused") == nullptr || refuse_call != 0;
}

static void check_record(const struct birth_file *f, uint64_t seed_number)
{
    struct module m;
    struct link_failure why;
    uint8_t seed[CHACHA_KEY_BYTES];
    seed_from(seed, seed_number);
    assert_int_equal(module_open(&m, f->module.bytes, f->module.size, &why), LINK_OK);
    struct plan *p = plan_new(&m);
    assert_int_equal(plan_layout(p, &m, seed, 64 << 10, &why), LINK_OK);
    assert_int_equal(f->record->magic, LAYOUT_MAGIC);
    assert_int_equal(f->record->sections, m.section_count);
    assert_int_equal(f->record->window, p->window);
    assert_int_equal(f->record->window_bytes, p->window_bytes);
    assert_int_equal(f->record->entry, p->entry);
    assert_int_equal(f->record->stack_low, p->stack_low);
    assert_int_equal(f->record->stack_high, p->stack_high);
    assert_memory_equal(f->record->address, p->address, m.section_count * sizeof(uint64_t));
    plan_delete(p);
}

static void many_births(const char *path, bool from_recipe, uint64_t count, uint64_t least)
{
    struct birth_file f = open_birth(path);
    uint64_t born = 0;
    if (from_recipe) {
        add_recipe(&f);
    }
    for (uint64_t seed = 0; seed < count; seed++) {
        if (!be_born(&f, seed, false, 0)) {
            continue;
        }
        if (kernel.exit_code != 0) {
            fail_msg("seed %lu: exit code %lu, log: %s", seed, kernel.exit_code, kernel.log);
        }
        assert_true(kernel.sealed);
        assert_null(stack); // the initial one has been given back
        check_record(&f, seed);
        born++;
    }
    print_message("%s: %lu of %lu seeds born, %u system calls\n", path, born, count, kernel.calls);
    assert_in_range(born, least, count);
    close_birth(&f);
}

static void test_births_small(void **state)
{
    (void)state;
    many_births(MODULE_DIR "/sample-small.mod", false, 1000, 900);
    many_births(MODULE_DIR "/sample-small.mod", true, 1000, 900);
}

static void test_births_large(void **state)
{
    (void)state;
    many_births(MODULE_DIR "/sample-large.mod", false, 1000, 900);
    many_births(MODULE_DIR "/sample-large.mod", true, 1000, 900);
}

// 277 sections, 2,353 relocations. A driver's recovery may cost 2,000,000 instructions in all; its
// share of the linker is well below 400,000 and shall stay so.
static uint64_t instructions(bool from_recipe)
{
    struct birth_file f = open_birth(MODULE_DIR "/sample-small.mod");
    uint64_t seed = 0;
    if (from_recipe) {
        add_recipe(&f);
    }
    while (!be_born(&f, seed, true, 0)) {
        seed++;
    }
    assert_int_equal(kernel.exit_code, 0);
    print_message("%lu instructions, the module's own tests included\n", kernel.steps);
    close_birth(&f);
    return kernel.steps;
}

static void test_instruction_count(void **state)
{
    (void)state;
    assert_in_range(instructions(false), 10000, 280000);
    assert_in_range(instructions(true), 10000, 120000);
}

// Whatever call the kernel refuses, the newborn says so and ends with that reason.
static void test_every_refusal_is_reported(void **state)
{
    (void)state;
    struct birth_file f = open_birth(MODULE_DIR "/sample-small.mod");
    uint32_t refused = 0;
    for (uint32_t n = 1;; n++) {
        be_born(&f, 1, false, n);
        if (kernel.calls < n) {
            break; // more than a birth needs
        }
        if (kernel.exit_code == 0) {
            assert_true(
                kernel.sealed); // only unmapping the initial stack and the module's exit are left
            continue;
        }
        assert_int_equal(kernel.exit_code, LINK_EXIT_BASE + LINK_KERNEL);
        assert_non_null(
            strstr(kernel.log, "sample[3]: cannot be linked: the kernel refused a call"));
        assert_non_null(strstr(kernel.log, "kind 7"));
        refused++;
    }
    assert_in_range(refused, 10, 30);
    close_birth(&f);
}

// A recipe of another module, or none at all, is as good as no recipe.
static void test_foreign_recipe(void **state)
{
    (void)state;
    struct birth_file f = open_birth(MODULE_DIR "/sample-small.mod");
    add_recipe(&f);
    f.recipe->module_bytes--;
    be_born(&f, 1, false, 0);
    assert_int_equal(kernel.exit_code, 0);
    f.recipe->module_bytes++;
    f.recipe->magic = 0;
    be_born(&f, 1, false, 0);
    assert_int_equal(kernel.exit_code, 0);
    close_birth(&f);
}

static void test_bad_startup(void **state)
{
    (void)state;
    struct birth_file f = open_birth(MODULE_DIR "/sample-small.mod");
    f.record_bytes = sizeof(struct layout_record) + 8;
    be_born(&f, 1, false, 0);
    assert_int_equal(kernel.exit_code, LINK_EXIT_BASE + LINK_LAYOUT_RECORD);
    f.record_bytes = 16 << 10;
    f.module.bytes[1] = 'X';
    be_born(&f, 1, false, 0);
    assert_int_equal(kernel.exit_code, LINK_EXIT_BASE + LINK_NOT_ELF);
    assert_string_equal(kernel.log, "sample[3]: cannot be linked: not an ELF file");
    close_birth(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_births_small),
        cmocka_unit_test(test_births_large),
        cmocka_unit_test(test_instruction_count),
        cmocka_unit_test(test_every_refusal_is_reported),
        cmocka_unit_test(test_foreign_recipe),
        cmocka_unit_test(test_bad_startup),
    };
    if (!turn_on_dispatch()) {
        print_message(
            "[  SKIPPED ] this Linux cannot hand system calls to a program (PASSED: none)\n");
        return 0;
    }
    map_blob();
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
