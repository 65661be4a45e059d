// SPDX-License-Identifier: MIT
// What user code must not be able to do to the kernel by means of the processor: privileged
// instructions, interrupt gates, flags and selectors that survive into the kernel, addresses at the
// edges. Each case is a small program in a task of its own, and says which exception it has to end
// with.
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"
#include <string.h>

enum { CHILD_QUOTA = 128 << 10, CHILD_PRIORITY = 1, BADGE = 77, TIMES = 2 };

// Sets of exception vectors: processors differ in how they refuse an instruction that they do not
// offer.
enum {
    DIVIDE = 1 << 0,
    DEBUG = 1 << 1,
    BREAKPOINT = 1 << 3,
    INVALID = 1 << 6,
    STACK = 1 << 12,
    PROTECTION = 1 << 13,
    PAGE = 1 << 14,
    X87 = 1 << 16,
    SSE = 1 << 19,
    // Under QEMU 7.2 SSE never raises its exception, and a bad stack address is a protection fault.
    FAR = PROTECTION |
          PAGE, // QEMU 7.2 reads the stack of a far return with kernel rights: SMAP stops that
};

// SPIN takes long enough for timer interrupts to come in between.
#define SPIN           "mov $2000000, %ecx\n 7: dec %ecx\n jnz 7b\n"
#define LOAD_SELECTORS "mov %eax, %ds\n mov %eax, %es\n mov %eax, %fs\n mov %eax, %gs\n"
#define NULL_CALL      "xor %eax, %eax\n syscall\n"
#define FLAG(bit)      "pushfq\n btsq $" #bit ", (%rsp)\n popfq\n"

#define CASES(X)                                                                                   \
    X(hlt, PROTECTION, "hlt")                                                                      \
    X(cli, PROTECTION, "cli")                                                                      \
    X(sti, PROTECTION, "sti")                                                                      \
    X(port_in, PROTECTION, "inb $0x60, %al")                                                       \
    X(port_out, PROTECTION, "outb %al, $0xf4")                                                     \
    X(rdmsr, PROTECTION, "mov $0xc0000082, %ecx\n rdmsr")                                          \
    X(wrmsr, PROTECTION, "mov $0xc0000101, %ecx\n wrmsr")                                          \
    X(read_cr3, PROTECTION, "mov %cr3, %rax")                                                      \
    X(write_cr0, PROTECTION, "mov %rax, %cr0")                                                     \
    X(write_dr7, PROTECTION, "mov %rax, %dr7")                                                     \
    X(lidt, PROTECTION, "lidt (%rsp)")                                                             \
    X(sgdt, PROTECTION, "sgdt -64(%rsp)")                                                          \
    X(invlpg, PROTECTION, "invlpg (%rsp)")                                                         \
    X(swap_gs, PROTECTION, "swapgs")                                                               \
    X(sysret, PROTECTION, "sysretq")                                                               \
    X(sysenter, PROTECTION | INVALID, "sysenter")                                                  \
    X(rdgsbase, INVALID, ".byte 0xf3, 0x48, 0x0f, 0xae, 0xc8")                                     \
    X(wrgsbase, INVALID, ".byte 0xf3, 0x48, 0x0f, 0xae, 0xd8")                                     \
    X(xgetbv, INVALID, "xor %ecx, %ecx\n xgetbv")                                                  \
    X(gate_nmi, PROTECTION, "int $2")                                                              \
    X(gate_double_fault, PROTECTION, "int $8")                                                     \
    X(gate_page_fault, PROTECTION, "int $14")                                                      \
    X(gate_80, PROTECTION, "int $0x80")                                                            \
    X(gate_timer, PROTECTION, "int $240")                                                          \
    X(gate_flush, PROTECTION, "int $242")                                                          \
    X(gate_break, BREAKPOINT, "int3")                                                              \
    X(icebp, DEBUG | INVALID, ".byte 0xf1")                                                        \
    X(divide, DIVIDE, "xor %ecx, %ecx\n div %ecx")                                                 \
    X(single_step, DEBUG, FLAG(8) "nop\n ud2")                                                     \
    X(step_over_call, DEBUG, FLAG(8) NULL_CALL "nop\n ud2")                                        \
    X(alignment_flag, INVALID, FLAG(18) NULL_CALL SPIN)                                            \
    X(nested_flag, INVALID, FLAG(14) NULL_CALL SPIN)                                               \
    X(direction_flag, INVALID, "std\n" NULL_CALL SPIN)                                             \
    X(user_selectors, INVALID, "mov $0x23, %eax\n" LOAD_SELECTORS NULL_CALL SPIN)                  \
    X(null_selectors, INVALID, "xor %eax, %eax\n" LOAD_SELECTORS NULL_CALL SPIN)                   \
    X(kernel_selector, PROTECTION, "mov $0x10, %eax\n mov %eax, %ds")                              \
    X(kernel_code, FAR, "push $8\n push $0\n lretq")                                               \
    X(code_of_32_bits, FAR, "push $0x1b\n push $0\n lretq")                                        \
    X(iret_to_kernel, FAR,                                                                         \
      "mov %rsp, %rax\n push $0x10\n push %rax\n push $2\n push $8\n push $0\n iretq")             \
    X(wild_jump, PROTECTION, "mov $0x8000000000000000, %rax\n jmp *%rax")                          \
    X(first_bad_jump, PROTECTION, "mov $0x800000000000, %rax\n jmp *%rax")                         \
    X(wild_return, PROTECTION, "mov $0x1234567890abcdef, %rax\n push %rax\n ret")                  \
    X(wild_read, PROTECTION, "mov $0x8000000000000000, %rax\n mov (%rax), %rax")                   \
    X(kernel_read, PAGE, "mov $0xffffffff80000000, %rax\n mov (%rax), %rax")                       \
    X(kernel_jump, PAGE, "mov $0xffff800000000000, %rax\n jmp *%rax")                              \
    X(null_read, PAGE, "xor %eax, %eax\n mov (%rax), %rax")                                        \
    X(write_code, PAGE, "lea (%rip), %rax\n movb $0, (%rax)")                                      \
    X(run_stack, PAGE, "lea -64(%rsp), %rax\n jmp *%rax")                                          \
    X(wild_stack, STACK | PROTECTION, "mov $0x8000000000000000, %rsp\n push %rax")                 \
    X(stack_in_kernel, INVALID, "mov $0xffff800000001000, %rsp\n" NULL_CALL SPIN)                  \
    X(no_stack, INVALID, "xor %esp, %esp\n" NULL_CALL SPIN)                                        \
    X(x87, X87, "fninit\n push $0x360\n fldcw (%rsp)\n fldz\n fld1\n fdiv %st(1), %st\n fwait")    \
    X(sse, SSE | INVALID, "push $0\n ldmxcsr (%rsp)\n xorps %xmm0, %xmm0\n divss %xmm0, %xmm0")    \
    X(bad_call_number, INVALID, "mov $0xffffffffffffffff, %rax\n syscall")

#define PROGRAM(name, vectors, code) "case_" #name ":\n" code "\n ud2\n"
#define DECLARE(name, vectors, code) extern const char case_##name[];
#define ENTRY(name, vectors, code)   {#name, case_##name, vectors},

// edge_call is two bytes long and stands at the very end of the address space: the instruction
// after it would be at USER_MAX.
__asm__(".pushsection .rodata.cases, \"a\"\ncases_begin:\n" CASES(
    PROGRAM) "cases_end:\nedge_call: syscall\n.popsection\n");
extern const char cases_begin[], cases_end[], edge_call[];
CASES(DECLARE)

static const struct {
    const char *name, *start;
    uint32_t vectors;
} cases[] = {CASES(ENTRY)};

static uint32_t passed, failed;

static void check(bool ok, const char *name, const char *what, uint64_t got)
{
    passed += ok;
    failed += !ok;
    if (!ok) {
        log_error("processor: %s: %s, got %lu", name, what, got);
    }
    rt_progress();
}

// A page with `code` at its end or start, mapped executable into the task at `at` (0: anywhere).
MOVE_ADDRESSES static bool load(handle_t task, const char *code, size_t bytes, size_t offset, uint64_t *at)
{
    handle_t memory;
    uint64_t here = 0;
    if (sys_mem_create(PAGE_SIZE, 0, &memory) != OK) {
        return false;
    }
    bool ok = sys_mem_map(0, memory, &here, 0, PAGE_SIZE, PROT_READ | PROT_WRITE) == OK;
    if (ok) {
        memcpy((char *)here + offset, code, bytes);
        ok = sys_mem_unmap(0, here, PAGE_SIZE) == OK &&
             sys_mem_map(task, memory, at, 0, PAGE_SIZE, PROT_READ | PROT_EXEC) == OK;
    }
    return sys_handle_close(memory) == OK && ok;
}

static uint64_t make_stack(handle_t task)
{
    handle_t memory;
    uint64_t at = 0;
    if (sys_mem_create(PAGE_SIZE, 0, &memory) != OK) {
        return 0;
    }
    bool ok = sys_mem_map(task, memory, &at, 0, PAGE_SIZE, PROT_READ | PROT_WRITE) == OK;
    return sys_handle_close(memory) == OK && ok ? at + PAGE_SIZE - 256 : 0;
}

static bool report_to(handle_t task, handle_t port)
{
    handle_t faults;
    return sys_handle_copy(port, RIGHT_CALL, BADGE, &faults) == OK &&
           sys_task_set_fault_port(task, faults) == OK && sys_handle_close(faults) == OK;
}

// Starts the program and waits for its end.
static bool run(handle_t task, uint64_t entry, handle_t port, handle_t reply,
                struct ipc_message *death)
{
    handle_t thread;
    struct thread_args args = {
        .entry = entry, .stack = make_stack(task), .priority = CHILD_PRIORITY};
    if (args.stack == 0 || sys_thread_create(task, &args, &thread) != OK) {
        return false;
    }
    bool ok = sys_thread_start(thread) == OK && ipc_recv(port, reply, death, 0) == OK;
    return sys_handle_close(thread) == OK && ok;
}

static void one(const char *name, const char *start, uint32_t vectors, handle_t port,
                handle_t reply)
{
    static const char task_name[NAME_SIZE] = "processor child";
    struct ipc_message death = {0};
    handle_t task;
    bool edge = start == edge_call;
    uint64_t at = edge ? USER_MAX - PAGE_SIZE : 0;
    size_t all = (size_t)(cases_end - cases_begin), offset = edge ? PAGE_SIZE - 2 : 0;
    if (sys_task_create(CHILD_QUOTA, 0, task_name, &task) != OK) {
        check(false, name, "no task", 0);
        return;
    }
    bool ok = load(task, edge ? edge_call : cases_begin, edge ? 2 : all, offset, &at) &&
              report_to(task, port) &&
              run(task, at + (edge ? offset : (size_t)(start - cases_begin)), port, reply, &death);
    check(ok, name, "could not be run", 0);
    if (ok) {
        bool fault =
            (death.tag & TAG_FAULT) && ipc_label(&death) == FAULT_EXCEPTION && death.badge == BADGE;
        check(fault, name, "not an exception: label", ipc_label(&death));
        check(death.w[0] < 32 && (1u << death.w[0] & vectors) != 0, name, "another vector",
              death.w[0]);
    }
    check(sys_task_kill(task) == OK && sys_handle_close(task) == OK, name, "does not go away", 0);
}

// Registers that would make the kernel's own return instruction fault are refused.
static void bad_registers(void)
{
    static const uint64_t bad[] = {USER_MAX, 0x800000000000, 0x8000000000000000, UINT64_MAX};
    static const char task_name[NAME_SIZE] = "processor child";
    handle_t task, thread;
    if (sys_task_create(CHILD_QUOTA, 0, task_name, &task) != OK) {
        check(false, "bad_registers", "no task", 0);
        return;
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct thread_args args = {.entry = bad[i], .stack = USER_MIN, .priority = CHILD_PRIORITY};
        enum status status = sys_thread_create(task, &args, &thread);
        check(status != OK, "bad_registers", "entry taken", i);
        struct thread_regs regs = {.rip = bad[i]}, based = {.rip = USER_MIN, .fs_base = bad[i]};
        args.entry = USER_MIN;
        status = sys_thread_create(task, &args, &thread);
        check(status == OK, "bad_registers", "no thread", status);
        check(sys_thread_set_regs(thread, &regs) != OK, "bad_registers", "rip taken", i);
        check(sys_thread_set_regs(thread, &based) != OK, "bad_registers", "fs base taken", i);
        check(sys_handle_close(thread) == OK, "bad_registers", "close", 0);
    }
    check(sys_handle_close(task) == OK, "bad_registers", "close", 0);
}

int service_main(void)
{
    handle_t port, reply;
    if (sys_port_create(&port) != OK || sys_reply_create(&reply) != OK) {
        log_error("processor: no port");
        return 1;
    }
    for (int time = 0; time < TIMES; time++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            one(cases[i].name, cases[i].start, cases[i].vectors, port, reply);
        }
        one("edge_call", edge_call, PAGE, port, reply);
        bad_registers();
    }
    log_info("processor: %u passed, %u failed", passed, failed);
    return rt_serve(nullptr, 0);
}
