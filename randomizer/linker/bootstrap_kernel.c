// SPDX-License-Identifier: MIT
// The bootstrap on Samsara: its first instruction, its system calls, its last instruction.
#include "randomizer/linker/bootstrap.h"
#include <stddef.h>

// Offset 0 of the blob (bootstrap.ld). rdi = start-up block, rsp = top of the initial stack.
[[gnu::naked, gnu::used, gnu::section(".text.first"), noreturn]]
void bootstrap_start(void)
{
    __asm__("mov %rsp, %rsi\n"
        "xor %ebp, %ebp\n"
        "and $-16, %rsp\n"
        "call bootstrap_main\n"
        "ud2\n");
}

struct answer {
    enum status status;
    uint64_t value;
};

static inline struct answer call6(enum syscall number, uint64_t a, uint64_t b, uint64_t c,
                                  uint64_t d, uint64_t e, uint64_t f)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;
    uint64_t status = number;
    __asm__ volatile("syscall"
                 : "+a"(status), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9), "+D"(a), "+S"(b)
                 :
                 : "rcx", "r11", "memory");
    return (struct answer){(enum status)status, c};
}

enum status boot_mem_create(uint64_t bytes, uint32_t flags, handle_t *memory)
{
    struct answer a = call6(SYS_mem_create, bytes, flags, 0, 0, 0, 0);
    *memory = (handle_t)a.value;
    return a.status;
}

enum status boot_mem_map(handle_t memory, uint64_t address, uint64_t offset, uint64_t bytes,
                         uint32_t prot, uint64_t *mapped)
{
    struct answer a = call6(SYS_mem_map, 0, memory, address, offset, bytes, prot);
    *mapped = a.value;
    return a.status;
}

enum status boot_mem_unmap(uint64_t address, uint64_t bytes)
{
    return call6(SYS_mem_unmap, 0, address, bytes, 0, 0, 0).status;
}

enum status boot_handle_close(handle_t handle)
{
    return call6(SYS_handle_close, handle, 0, 0, 0, 0, 0).status;
}

enum status boot_task_seal(void)
{
    return call6(SYS_task_seal, 0, 0, 0, 0, 0, 0).status;
}

void boot_log(const char *text, uint64_t bytes)
{
    call6(SYS_log_write, (uint64_t)text, bytes, 0, 0, 0, 0);
}

void boot_exit(uint64_t code)
{
    call6(SYS_task_exit, code, 0, 0, 0, 0, 0);
    __builtin_trap();
}

// The old stack is unmapped with the system call's arguments in registers only. Should the creator
// have given less than BOOTSTRAP_STACK, the kernel refuses and some pages stay: no harm.
void boot_enter(uint64_t entry, uint64_t stack, const struct startup *startup, uint64_t old_stack,
                uint64_t old_bytes)
{
    __asm__ volatile("mov %[stack], %%rsp\n"
                 "xor %%ebp, %%ebp\n"
                 "push %%rbp\n" // return address 0
                 "mov %[number], %%eax\n"
                 "xor %%edi, %%edi\n"
                 "syscall\n"
                 "mov %[startup], %%rdi\n"
                 "jmp *%[entry]\n"
                 :
                 : [stack] "r"(stack), [number] "i"(SYS_mem_unmap), [startup] "r"(startup),
                   [entry] "r"(entry), "S"(old_stack), "d"(old_bytes)
                 : "memory", "rax", "rdi", "rcx", "r8", "r9", "r10", "r11");
    __builtin_unreachable();
}

// The compiler calls these two for big copies.
void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    void *at = to;
    size_t words = bytes / 8, rest = bytes % 8;
    __asm__ volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
    return to;
}
