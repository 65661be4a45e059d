// SPDX-License-Identifier: MIT
// What each processor needs once: descriptor tables, system call registers, protection bits.
#include "cpu_init.h"
#include "early.h"
#include "space.h"

enum { STACK_BYTES = 16 << 10, IST_BYTES = 4 << 10, IST_STACKS = 3 };
enum { IST_DOUBLE_FAULT = 1, IST_NMI = 2, IST_MACHINE_CHECK = 3 };

// Stacks grow down into a page that cpu_prepare takes out of the address space.
struct stacks {
    uint8_t guard[PAGE_SIZE], kernel[STACK_BYTES];
    struct {
        uint8_t guard[PAGE_SIZE], ist[IST_BYTES];
    } exception[IST_STACKS];
};
alignas(4096) static struct stacks stacks[CPUS_MAX];

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
alignas(16) static struct gate idt[256];

struct pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern const char interrupt_stubs[], nmi_entry[], double_fault_entry[], machine_check_entry[],
    syscall_entry[];

static void set_gate(uint32_t vector, const char *entry, uint8_t ist, uint8_t privilege)
{
    uint64_t at = (uint64_t)entry;
    idt[vector] = (struct gate){
        .offset_low = (uint16_t)at,
        .selector = SEL_KERNEL_CODE,
        .ist = ist,
        .type = (uint8_t)(0x8e | privilege << 5), // interrupt gate: interrupts off on entry
        .offset_middle = (uint16_t)(at >> 16),
        .offset_high = (uint32_t)(at >> 32),
    };
}

void idt_build(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        set_gate(i, interrupt_stubs + 16 * i, 0, 0);
    }
    set_gate(3, interrupt_stubs + 16 * 3, 0, 3); // int3 is a user's own affair
    set_gate(2, nmi_entry, IST_NMI, 0);
    set_gate(8, double_fault_entry, IST_DOUBLE_FAULT, 0);
    set_gate(18, machine_check_entry, IST_MACHINE_CHECK, 0);
}

static void load_tables(struct cpu *cpu)
{
    struct arch_cpu *a = &cpu->arch;
    uint64_t tss = (uint64_t)&a->tss;
    a->tss.rsp[0] = cpu->kernel_stack;
    for (uint32_t i = 0; i < IST_STACKS; i++) {
        a->tss.ist[i] = (uint64_t)&stacks[cpu->number].exception[i].ist[IST_BYTES];
    }
    a->tss.io_map = sizeof a->tss; // beyond the limit: no port is open
    a->gdt[0] = 0;
    a->gdt[1] = 0x00af9b000000ffff; // kernel code
    a->gdt[2] = 0x00cf93000000ffff; // kernel data
    a->gdt[3] = 0;                  // where 32-bit user code would be
    a->gdt[4] = 0x00cff3000000ffff; // user data
    a->gdt[5] = 0x00affb000000ffff; // user code
    a->gdt[6] =
        (sizeof a->tss - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
    a->gdt[7] = tss >> 32;
    struct pointer gdt = {sizeof a->gdt - 1, (uint64_t)a->gdt},
                   table = {sizeof idt - 1, (uint64_t)idt};
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %2\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmov %3, %%ds\n\t"
                     "mov %3, %%es\n\t"
                     "mov %3, %%ss\n\t"
                     "mov %4, %%fs\n\t"
                     "mov %4, %%gs\n\t"
                     "lidt %1\n\t"
                     "ltr %w5"
                     :
                     : "m"(gdt), "m"(table), "i"(SEL_KERNEL_CODE), "r"(SEL_KERNEL_DATA), "r"(0),
                       "r"(SEL_TSS)
                     : "rax", "memory");
}

static void enable_features(void)
{
    bool has_leaf_7 = cpuid(0, 0).a >= 7;
    uint32_t b = has_leaf_7 ? cpuid(7, 0).b : 0, c = has_leaf_7 ? cpuid(7, 0).c : 0;
    uint64_t cr4 =
        CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMM; // nothing else: no XSAVE, no FSGSBASE
    machine.features |= FEAT_NX;
    if (b >> 7 & 1) {
        cr4 |= CR4_SMEP;
        machine.features |= FEAT_SMEP;
    }
    if (b >> 20 & 1) {
        cr4 |= CR4_SMAP; // AC is never set in the kernel: user memory is reached through the direct
                         // map alone
        machine.features |= FEAT_SMAP;
    }
    if (c >> 2 & 1) {
        cr4 |= CR4_UMIP;
        machine.features |= FEAT_UMIP;
    }
    if (cpuid(1, 0).c >> 30 & 1) {
        machine.features |= FEAT_RDRAND;
    }
    write_cr4(cr4);
    if (cpuid(1, 0).c >> 17 & 1) { // CR3 has PCID 0 now, as it must
        write_cr4(cr4 | CR4_PCIDE);
        pcid_enabled = true;
        machine.features |= FEAT_PCID;
    }
    write_cr0((read_cr0() | CR0_WP | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
    __asm__ volatile("fninit");
    uint64_t pat = rdmsr(MSR_PAT);
    wrmsr(MSR_PAT, (pat & ~(0xffull << 32)) | 1ull << 32); // entry 4: write-combining
}

static void enable_system_calls(void)
{
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    wrmsr(MSR_STAR, (uint64_t)(SEL_SYSRET_BASE | 3) << 48 | (uint64_t)SEL_KERNEL_CODE << 32);
    wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
    wrmsr(MSR_SFMASK,
          0x257fd5 & ~0x2ull); // everything a user can set: IF, DF, TF, AC, NT among them
}

void cpu_prepare(struct cpu *cpu, uint32_t number)
{
    cpu->number = number;
    cpu->self = cpu;
    cpu->kernel_stack = (uint64_t)&stacks[number].kernel[STACK_BYTES];
    early_unmap((uint64_t)stacks[number].guard);
    for (uint32_t i = 0; i < IST_STACKS; i++) {
        early_unmap((uint64_t)stacks[number].exception[i].guard);
    }
    cpu->arch.bit = 1u << number;
}

void cpu_init(struct cpu *cpu)
{
    write_cr3(early.root);
    load_tables(cpu);
    wrmsr(MSR_GS_BASE, (uint64_t)cpu);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    wrmsr(MSR_FS_BASE, 0);
    enable_features();
    enable_system_calls();
}
