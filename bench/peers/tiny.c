// SPDX-License-Identifier: MIT
/* tiny: the smallest static program; the exec target of lxbench. */
__asm__(".globl _start\n_start:\n mov $60,%eax\n xor %edi,%edi\n syscall\n");
