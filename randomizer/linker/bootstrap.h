// SPDX-License-Identifier: MIT
// The bootstrap: first code of every newborn. It links the module into its own address space and
// jumps to the service. See randomizer/README.md for what its creator must provide.
//
// It is built twice: for Samsara as a flat position-independent file (bootstrap_kernel.c supplies
// the system calls), and for the host, where tests supply them.
#pragma once
#include "kernel/abi/startup.h"

enum : uint64_t { BOOTSTRAP_STACK = 64 << 10 }; // what the creator maps below the initial rsp

// Never returns: enters the service, or logs a reason and ends the task.
// stack_top: rsp as the creator set it.
[[noreturn]] void bootstrap_main(const struct startup *startup, uint64_t stack_top);

// The kernel as the bootstrap needs it; arguments as in syscall.def, always for the own task.
enum status boot_mem_create(uint64_t bytes, uint32_t flags, handle_t *memory);
enum status boot_mem_map(handle_t memory, uint64_t address, uint64_t offset, uint64_t bytes,
                         uint32_t prot, uint64_t *mapped);
enum status boot_mem_unmap(uint64_t address, uint64_t bytes);
enum status boot_handle_close(handle_t handle);
enum status boot_task_seal(void);
void boot_log(const char *text, uint64_t bytes);
[[noreturn]] void boot_exit(uint64_t code);

// Leaves the bootstrap's stack for good: switches to `stack`, unmaps [old_stack, +old_bytes) and
// calls entry(startup) with a zero return address and a zero frame pointer, which end backtraces.
[[noreturn]] void boot_enter(uint64_t entry, uint64_t stack, const struct startup *startup,
                             uint64_t old_stack, uint64_t old_bytes);
