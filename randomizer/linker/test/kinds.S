// SPDX-License-Identifier: MIT
// One reference of each relocation kind that the compiler does not make by itself.
    .section .text.kinds, "ax", @progbits
    .globl kinds_start
    .type kinds_start, @function
kinds_start:
    mov kinds_datum@GOTPCREL(%rip), %rax   // REX_GOTPCRELX
    mov (%rax), %ecx
    cmp $0x11223344, %ecx
    jne 1f
    call *kinds_two@GOTPCREL(%rip)         // GOTPCRELX
    cmp $2, %eax
    jne 1f
    movq $kinds_fixed, %rax                // 32S against an absolute symbol
    cmp $0x1234, %rax
    jne 1f
    lea kinds_table(%rip), %rdx
    mov (%rdx), %rax                       // PC64
    add %rdx, %rax
    cmpl $0x11223344, (%rax)
    jne 1f
    cmpl $0x1234, 8(%rdx)                  // 32
    jne 1f
    cmpl $0, 12(%rdx)                      // 32, weak and undefined
    jne 1f
    mov 16(%rdx), %rax                     // 64 with an addend
    cmpl $0x55667788, (%rax)
    jne 1f
    xor %eax, %eax
    ret
1:  mov $1, %eax
    ret
    .size kinds_start, . - kinds_start

    .section .text.kinds_two, "ax", @progbits
    .globl kinds_two
    .type kinds_two, @function
kinds_two:
    mov $2, %eax
    ret
    .size kinds_two, . - kinds_two

    .section .text.start_service, "ax", @progbits
    .globl start_service
    .type start_service, @function
start_service:
    jmp kinds_start
    .size start_service, . - start_service

    .globl kinds_fixed
    .set kinds_fixed, 0x1234
    .weak kinds_absent

    .section .rodata.kinds_table, "a", @progbits
kinds_table:
    .quad kinds_datum - .
    .long kinds_fixed
    .long kinds_absent
    .quad kinds_datum + 4

    .section .data.kinds_datum, "aw", @progbits
    .globl kinds_datum
    .type kinds_datum, @object
kinds_datum:
    .long 0x11223344, 0x55667788
    .size kinds_datum, 8
