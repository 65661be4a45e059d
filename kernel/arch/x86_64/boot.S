// SPDX-License-Identifier: MIT
// Where the boot processor enters: by PVH (QEMU -kernel) or by Multiboot2 (GRUB), both in 32-bit
// protected mode without paging, flat segments, and no stack.
//
// The image lies at 2 MiB physically but is linked at 0, and nothing is relocated yet: code here
// reaches data as (symbol - image_start)(%ebp) with ebp = 2 MiB. It maps the first 4 GiB one to
// one, goes to 64-bit mode and calls early_main (early.c), which builds the real address space.

#define KERNEL_PHYS 0x200000
#define PHYS(symbol) ((symbol) - image_start + KERNEL_PHYS)

    .section .boot, "ax"
    .code32
    .globl image_start
image_start:

// struct kernel_anchor (anchor.h): at a fixed physical place, so that a debugger finds the kernel.
    .globl kernel_anchor
kernel_anchor:
    .quad 0x524f48434e41534d // "MSANCHOR"
    .fill 15, 8, 0

    .balign 8
multiboot2_header:
    .long 0xe85250d6, 0, multiboot2_header_end - multiboot2_header
    .long -(0xe85250d6 + (multiboot2_header_end - multiboot2_header))
    // Information request: memory map (6), modules (3), command line (1); modules page aligned.
    .balign 8
    .short 1, 0
    .long 20, 1, 3, 6
    .balign 8
    .short 3, 0 // entry address, physical
    .long 12, PHYS(multiboot2_start)
    .balign 8
    .short 6, 0 // modules on page boundaries
    .long 8
    .balign 8
    .short 0, 0
    .long 8
multiboot2_header_end:

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18 // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad PHYS(pvh_start)

    .section .boot, "ax"
    .globl pvh_start
pvh_start:
    xorl %eax, %eax // how = 0: ebx points to hvm_start_info
    .globl multiboot2_start
multiboot2_start: // eax = 0x36d76289, ebx points to the boot information
    cli
    cld
    movl $KERNEL_PHYS, %ebp
    movl %eax, %esi
    leal (boot_stack_top - image_start)(%ebp), %esp

    // Time starts here.
    rdtsc
    movl %eax, (boot_tsc - image_start)(%ebp)
    movl %edx, (boot_tsc - image_start + 4)(%ebp)

    // PML4[0] -> PDPT[0..3] -> 4 page directories of 2 MiB pages.
    leal (boot_pml4 - image_start)(%ebp), %edi
    leal (boot_pdpt - image_start + 3)(%ebp), %eax
    movl %eax, (%edi)
    leal (boot_pdpt - image_start)(%ebp), %edi
    leal (boot_pd - image_start + 3)(%ebp), %eax
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x1000, %eax
    decl %ecx
    jnz 1b
    leal (boot_pd - image_start)(%ebp), %edi
    movl $0x83, %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    decl %ecx
    jnz 1b

    leal (boot_gdt_pointer - image_start)(%ebp), %eax
    leal (boot_gdt - image_start)(%ebp), %ecx
    movl %ecx, 2(%eax)
    lgdt (%eax)
    leal (boot_pml4 - image_start)(%ebp), %eax
    movl %eax, %cr3
    movl $0x6a0, %eax // PAE, PGE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    movl $0x901, %eax // EFER: SCE, LME, NXE
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax // CR0: PG, WP, NE, ET, MP, PE
    movl %eax, %cr0
    leal (boot_long - image_start)(%ebp), %eax
    pushl $0x08
    pushl %eax
    lret

    .code64
boot_long:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl %esp, %esp
    movl %esi, %edi // how
    movl %ebx, %esi // boot information
    xorl %ebp, %ebp
    call early_main // returns the image's virtual base; the new address space is loaded
    // Go on at the same place of the image, seen at its random address, on the same stack.
    leaq image_start(%rip), %rcx
    movq %rax, %rdi
    subq %rcx, %rdi // virtual - physical
    addq %rdi, %rsp
    leaq boot_virtual(%rip), %rax
    addq %rdi, %rax
    jmpq *%rax
boot_virtual:
    xorl %ebp, %ebp
    call boot_main
    ud2

// Other processors: started by smp.c at a page below 1 MiB, to which this code is copied. Fields at
// the end are filled in there.
    .section .rodata
    .balign 16
    .globl trampoline_start, trampoline_end, trampoline_fields
    .code16
trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    xorl %ebx, %ebx
    movw %ax, %bx
    shll $4, %ebx // our own physical address
    // The GDT pointer and the two far pointers need absolute addresses: smp.c has put them in.
    lgdtl (trampoline_gdt_pointer - trampoline_start)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl *(trampoline_far32 - trampoline_start)
    .code32
trampoline_32:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $0x6a0, %eax
    movl %eax, %cr4
    movl (trampoline_cr3 - trampoline_start)(%ebx), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    movl $0x901, %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax
    movl %eax, %cr0
    ljmpl *(trampoline_far64 - trampoline_start)(%ebx)
    .code64
trampoline_64:
    movl %ebx, %ebx
    movq (trampoline_stack - trampoline_start)(%rbx), %rsp
    movq (trampoline_cpu - trampoline_start)(%rbx), %rdi
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    xorl %ebp, %ebp
    callq *(trampoline_entry - trampoline_start)(%rbx)
    ud2
    .balign 16
trampoline_gdt:
    .quad 0
    .quad 0x00af9b000000ffff // 0x08: 64-bit code
    .quad 0x00cf93000000ffff // 0x10: data
    .quad 0x00cf9b000000ffff // 0x18: 32-bit code
// struct trampoline_fields of smp.c
    .balign 8
trampoline_fields:
trampoline_gdt_pointer:
    .short 31
    .long trampoline_gdt - trampoline_start
    .short 0
trampoline_far32:
    .long trampoline_32 - trampoline_start
    .short 0x18, 0
trampoline_far64:
    .long trampoline_64 - trampoline_start
    .short 0x08, 0
trampoline_cr3:
    .quad 0
trampoline_stack:
    .quad 0
trampoline_cpu:
    .quad 0
trampoline_entry:
    .quad 0
trampoline_end:

    .section .rodata
    .balign 16
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff

    .section .data
    .balign 8
boot_gdt_pointer:
    .short 23
    .long 0
    .short 0

    .section .bss
    .balign 4096
    .globl boot_pml4, boot_pdpt, boot_pd, boot_tsc, boot_stack_top
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_pd:
    .skip 4 * 4096
boot_stack:
    .skip 16384
boot_stack_top:
boot_tsc:
    .skip 8
