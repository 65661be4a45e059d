// SPDX-License-Identifier: MIT
// On the host there is no kernel: a test program defines these three functions and plays it.
// lib/rt/test/fake_kernel.c is one that is good enough for most tests.
#pragma once
#define TRAP_INLINE static inline

enum status fake_trap(uint64_t number, const uint64_t args[6], uint64_t *second);
enum status fake_ipc(uint64_t number, uint64_t where, struct ipc_message *m, uint64_t r14,
                     uint64_t r15);

uint64_t fake_ticks(void);

TRAP_INLINE uint64_t trap_ticks(void)
{
    return fake_ticks();
}

TRAP_INLINE enum status trap(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                             uint64_t a4, uint64_t a5, uint64_t *second)
{
    *second = 0;
    return fake_trap(number, (uint64_t[6]){a0, a1, a2, a3, a4, a5}, second);
}

TRAP_INLINE enum status trap3(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    uint64_t second;
    return trap(number, a0, a1, a2, 0, 0, 0, &second);
}

TRAP_INLINE enum status trap2(uint64_t number, uint64_t a0, uint64_t a1)
{
    return trap3(number, a0, a1, 0);
}

TRAP_INLINE enum status trap1(uint64_t number, uint64_t a0)
{
    return trap3(number, a0, 0, 0);
}

TRAP_INLINE enum status trap0(uint64_t number)
{
    return trap3(number, 0, 0, 0);
}

TRAP_INLINE enum status trap_ipc(uint64_t number, uint64_t where, struct ipc_message *m,
                                 uint64_t r14, uint64_t r15)
{
    return fake_ipc(number, where, m, r14, r15);
}
