// SPDX-License-Identifier: MIT
// The ways into the kernel and out of it. All user registers are saved into cpu->current->regs, the
// first member of struct thread; the kernel then runs on this CPU's one stack, which is empty each
// time.
//
// gs points to struct cpu while the kernel runs. swapgs happens once on entry from user mode and
// once on the way back; entries from kernel mode (only out of the idle loop, or by a kernel bug) do
// none. NMI, double fault and machine check have stacks of their own and do not touch gs at all.
#include "regs.h"

    .text

// ---- Lock: whoever comes first gets it (lock.h says why). Clobbers what C may.
    .macro LOCK
    lock btsl $0, big_lock(%rip)
    jc 9f
8:
    .pushsection .text.cold, "ax"
9:  pushq %rdi
    call lock_wait
    popq %rdi
    jmp 8b
    .popsection
    .endm

    .macro UNLOCK
    movl $0, big_lock(%rip)
    .endm

// ---- System calls. rcx = rip, r11 = rflags, rsp is still the user's; interrupts are off (SFMASK).
    .globl syscall_entry
    .balign 16
syscall_entry:
    swapgs
    movq %rsp, %gs:CPU_SCRATCH
    movq %gs:CPU_CURRENT, %rsp
    movq %rax, REGS_RAX(%rsp)
    movq %rbx, REGS_RBX(%rsp)
    movq %rcx, REGS_RIP(%rsp)
    movq %rdx, REGS_RDX(%rsp)
    movq %rsi, REGS_RSI(%rsp)
    movq %rdi, REGS_RDI(%rsp)
    movq %rbp, REGS_RBP(%rsp)
    movq %r8, REGS_R8(%rsp)
    movq %r9, REGS_R9(%rsp)
    movq %r10, REGS_R10(%rsp)
    movq %r11, REGS_RFLAGS(%rsp)
    movq %r12, REGS_R12(%rsp)
    movq %r13, REGS_R13(%rsp)
    movq %r14, REGS_R14(%rsp)
    movq %r15, REGS_R15(%rsp)
    movq $0, REGS_FULL(%rsp)
    movq %gs:CPU_SCRATCH, %rax
    movq %rax, REGS_RSP(%rsp)
    movq %gs:CPU_STACK, %rsp
    movq %gs:CPU_SELF, %rdi
    LOCK
    call kernel_syscall
    // Falls through: leaves to whatever is current now.

// ---- The way out. The lock is held, nothing on the stack matters any more.
    .globl arch_leave
arch_leave:
    movq %gs:CPU_CURRENT, %rsp
    testq %rsp, %rsp
    jz leave_idle
    UNLOCK
    cmpq $0, REGS_FULL(%rsp)
    jne leave_full
    movq REGS_RAX(%rsp), %rax
    movq REGS_RBX(%rsp), %rbx
    movq REGS_RIP(%rsp), %rcx // a user address: thread_set_regs and the page tables see to that
    movq REGS_RDX(%rsp), %rdx
    movq REGS_RSI(%rsp), %rsi
    movq REGS_RDI(%rsp), %rdi
    movq REGS_RBP(%rsp), %rbp
    movq REGS_R8(%rsp), %r8
    movq REGS_R9(%rsp), %r9
    movq REGS_R10(%rsp), %r10
    movq REGS_RFLAGS(%rsp), %r11
    movq REGS_R12(%rsp), %r12
    movq REGS_R13(%rsp), %r13
    movq REGS_R14(%rsp), %r14
    movq REGS_R15(%rsp), %r15
    movq REGS_RSP(%rsp), %rsp
    swapgs
    sysretq

leave_full: // registers of an interrupted thread: only iret restores all of them
    movq %rsp, %rax
    movq %gs:CPU_STACK, %rsp
    pushq $SEL_USER_DATA
    pushq REGS_RSP(%rax)
    pushq REGS_RFLAGS(%rax)
    pushq $SEL_USER_CODE
    // Some processors report a wild jump only after it, with an rip that is not canonical: iret
    // would fault on it in the kernel. In its place comes an address that is never mapped: then the
    // user faults.
    movq REGS_RIP(%rax), %rcx
    movq %rcx, %rdx
    shrq $47, %rdx
    jz 1f
    movabsq $0x7ffffffff000, %rcx
1:  pushq %rcx
    movq REGS_RBX(%rax), %rbx
    movq REGS_RCX(%rax), %rcx
    movq REGS_RDX(%rax), %rdx
    movq REGS_RSI(%rax), %rsi
    movq REGS_RDI(%rax), %rdi
    movq REGS_RBP(%rax), %rbp
    movq REGS_R8(%rax), %r8
    movq REGS_R9(%rax), %r9
    movq REGS_R10(%rax), %r10
    movq REGS_R11(%rax), %r11
    movq REGS_R12(%rax), %r12
    movq REGS_R13(%rax), %r13
    movq REGS_R14(%rax), %r14
    movq REGS_R15(%rax), %r15
    movq REGS_RAX(%rax), %rax
    swapgs
    iretq

leave_idle:
    movq %gs:CPU_STACK, %rsp
    movq %gs:CPU_SELF, %rdi
    call idle_loop // returns when something is current, lock held
    jmp arch_leave

// ---- Interrupts and exceptions. Each stub is 16 bytes: vector number and, where the processor
// pushes none, an error code of 0.
    .macro STUB vector
    .balign 16
    .set has_error, \vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17
    .set has_error, has_error || \vector == 21 || \vector == 29 || \vector == 30
    .if has_error
    .else
    pushq $0
    .endif
    pushq $\vector
    jmp interrupt_common
    .endm

    .balign 16
    .globl interrupt_stubs
interrupt_stubs:
    .set v, 0
    .rept 256
    STUB v
    .set v, v + 1
    .endr

// Stack: vector, error code, rip, cs, rflags, rsp, ss.
interrupt_common:
    testb $3, 24(%rsp)
    jz interrupt_kernel
    swapgs
    movq %rax, %gs:CPU_SCRATCH
    movq %gs:CPU_CURRENT, %rax
    movq %rbx, REGS_RBX(%rax)
    movq %rcx, REGS_RCX(%rax)
    movq %rdx, REGS_RDX(%rax)
    movq %rsi, REGS_RSI(%rax)
    movq %rdi, REGS_RDI(%rax)
    movq %rbp, REGS_RBP(%rax)
    movq %r8, REGS_R8(%rax)
    movq %r9, REGS_R9(%rax)
    movq %r10, REGS_R10(%rax)
    movq %r11, REGS_R11(%rax)
    movq %r12, REGS_R12(%rax)
    movq %r13, REGS_R13(%rax)
    movq %r14, REGS_R14(%rax)
    movq %r15, REGS_R15(%rax)
    movq %gs:CPU_SCRATCH, %rcx
    movq %rcx, REGS_RAX(%rax)
    movq 16(%rsp), %rcx
    movq %rcx, REGS_RIP(%rax)
    movq 32(%rsp), %rcx
    movq %rcx, REGS_RFLAGS(%rax)
    movq 40(%rsp), %rcx
    movq %rcx, REGS_RSP(%rax)
    movq $1, REGS_FULL(%rax)
    movl (%rsp), %esi
    movq 8(%rsp), %rdx
    movq %gs:CPU_STACK, %rsp
    movq %gs:CPU_SELF, %rdi
    pushq $2
    popfq // DF and AC were the user's; with AC set SMAP would be off
    xorl %ebp, %ebp // stack traces end here
    call trap_from_user // takes the lock
    jmp arch_leave

interrupt_kernel: // out of the idle loop, or a kernel bug
    cld
    cmpl $32, (%rsp)
    jb exception_kernel
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    movl 72(%rsp), %esi   // vector
    movq %gs:CPU_SELF, %rdi
    pushq %rbp            // makes the stack trace of a panic go on, and aligns
    movq %rsp, %rbp
    andq $-16, %rsp
    call trap_from_kernel
    movq %rbp, %rsp
    popq %rbp
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

exception_kernel: // the registers go onto the stack as struct crash_frame (panic.h)
    pushq %r15
    pushq %r14
    pushq %r13
    pushq %r12
    pushq %r11
    pushq %r10
    pushq %r9
    pushq %r8
    pushq %rbp
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rbx
    pushq %rax
    movq %rsp, %rdi
    andq $-16, %rsp
    call panic_trap

// A processor that is told to stop by NMI (panic of another one) stops; any other NMI is nothing to
// us.
    .globl nmi_entry
nmi_entry:
    cmpl $0, panicking(%rip)
    jne 1f
    iretq
1:  hlt
    jmp 1b

// Double fault and machine check: there is no way on.
    .globl double_fault_entry, machine_check_entry
double_fault_entry:
    pushq $8
    jmp fatal
machine_check_entry:
    pushq $0
    pushq $18
fatal:
    cld
    jmp exception_kernel

    .section .bss
    .balign 64
    .globl big_lock
big_lock:
    .skip 64
