// SPDX-License-Identifier: MIT
// Small services of the processor to the core: threads' registers, ports, entropy, the end of the
// machine.
#include "acpi.h"
#include "apic.h"
#include "early.h"
#include "kernel/task/thread.h"
#include "lock.h"

// ---- Threads

enum { FPU_CONTROL = 0x37f, FPU_MXCSR = 0x1f80 };

void arch_thread_init(struct regs *regs, struct arch_thread *arch, uint64_t entry, uint64_t stack,
                      uint64_t arg0, uint64_t arg1)
{
    *regs = (struct regs){.rip = entry,
                          .rsp = stack,
                          .rdi = arg0,
                          .rsi = arg1,
                          .rflags = RFLAGS_FIXED | RFLAGS_IF,
                          .full = 1};
    *arch = (struct arch_thread){};
    *(uint16_t *)arch->fpu = FPU_CONTROL;
    *(uint32_t *)(arch->fpu + 24) = FPU_MXCSR;
}

void arch_thread_get_regs(const struct regs *r, const struct arch_thread *arch,
                          struct thread_regs *out)
{
    *out = (struct thread_regs){
        r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->rsp,    r->r8,         r->r9,
        r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip, r->rflags, arch->fs_base,
    };
}

bool arch_thread_set_regs(struct regs *r, struct arch_thread *arch, const struct thread_regs *in)
{
    if (in->rip >= USER_MAX || in->fs_base >= USER_MAX) {
        return false;
    }
    *r = (struct regs){
        in->rax, in->rbx, in->rcx,
        in->rdx, in->rsi, in->rdi,
        in->rbp, in->rsp, in->r8,
        in->r9,  in->r10, in->r11,
        in->r12, in->r13, in->r14,
        in->r15, in->rip, (in->rflags & RFLAGS_USER) | RFLAGS_FIXED | RFLAGS_IF,
        1,
    };
    arch->fs_base = in->fs_base;
    return true;
}

void arch_set_fsbase(struct arch_thread *arch, uint64_t address)
{
    arch->fs_base = address;
    wrmsr(MSR_FS_BASE, address);
}

// ---- Other CPUs, ports, pages

void arch_ipi_resched(struct cpu *cpu)
{
    apic_send(cpu, VECTOR_RESCHED);
}

uint32_t arch_io_read(uint16_t port, uint32_t width)
{
    return width == 1 ? inb(port) : width == 2 ? inw(port) : inl(port);
}

void arch_io_write(uint16_t port, uint32_t width, uint32_t value)
{
    if (width == 1) {
        outb(port, (uint8_t)value);
    } else if (width == 2) {
        outw(port, (uint16_t)value);
    } else {
        outl(port, value);
    }
}

void arch_debug_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        outb(0xe9, (uint8_t)text[i]);
    }
}

// ---- Entropy

static bool rdseed(uint64_t *out)
{
    uint8_t ok = 0;
    for (int i = 0; i < 32 && !ok; i++) {
        __asm__ volatile("rdseed %0; setc %1" : "=r"(*out), "=qm"(ok));
    }
    return ok;
}

static bool rdrand(uint64_t *out)
{
    uint8_t ok = 0;
    for (int i = 0; i < 32 && !ok; i++) {
        __asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok));
    }
    return ok;
}

size_t arch_entropy(void *to, size_t bytes)
{
    bool has_seed = cpuid(7, 0).b >> 18 & 1, has_rand = cpuid(1, 0).c >> 30 & 1;
    size_t real = 0;
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t word = 0;
        bool good = (has_seed && rdseed(&word)) || (has_rand && rdrand(&word));
        word ^= rdtsc();
        size_t n = bytes - at < 8 ? bytes - at : 8;
        for (size_t i = 0; i < n; i++) {
            ((uint8_t *)to)[at + i] = (uint8_t)(word >> 8 * i);
        }
        real += good ? n : 0;
    }
    return real;
}

// ---- The end

enum { ICH9_PM_CONTROL = 0x604, SLEEP_ENABLE = 1 << 13, QEMU_EXIT = 0xf4 };

[[noreturn]] static void power_off(void)
{
    if (acpi.sleep_known && acpi.pm1a_control != 0) {
        outw(acpi.pm1a_control, acpi.sleep_type | SLEEP_ENABLE);
        if (acpi.pm1b_control != 0) {
            outw(acpi.pm1b_control, acpi.sleep_type | SLEEP_ENABLE);
        }
    }
    outw(ICH9_PM_CONTROL, SLEEP_ENABLE); // where QEMU's q35 has it, should the tables have lied
    cpu_halt_forever();
}

// What is in memory stays there over a reset, but what is only in the caches may not.
[[noreturn]] static void reboot(void)
{
    __asm__ volatile("wbinvd" ::: "memory");
    if (acpi.reset_known) {
        outb(acpi.reset_port, acpi.reset_value);
    }
    outb(0xcf9, 0x06);
    outb(0x64, 0xfe); // keyboard controller
    const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) none = {};
    __asm__ volatile("lidt %0; int3" ::"m"(none)); // a triple fault resets, if nothing else does
    cpu_halt_forever();
}

void arch_system(enum system_action action)
{
    __asm__ volatile("cli");
    if (action == SYSTEM_POWEROFF) {
        power_off();
    }
    if (action == SYSTEM_REBOOT) {
        reboot();
    }
    cpu_halt_forever();
}
