// SPDX-License-Identifier: MIT
// System calls as inline functions. What each takes, needs and returns is said in
// kernel/abi/syscall.def; here only what the C signature adds. Message calls are in ipc.h.
//
// `task` may be 0 for the caller's own task where syscall.def says so. Out-pointers are written
// only when the result is OK. Sizes are bytes, times are nanoseconds since boot.
#pragma once
#include "lib/rt/ipc.h"
#include <stddef.h>

#define SYS_INLINE TRAP_INLINE
#define SYS_ARG(pointer) ((uint64_t)(uintptr_t)(pointer))
// Where the kernel writes. It is none of the stores that the compiler sees, so the log is told.
#define SYS_OUT(pointer, bytes) (UNDO_WRITTEN(pointer, bytes), SYS_ARG(pointer))

// Calls whose second result is a handle: six arguments at most, the rest 0.
SYS_INLINE enum status sys_get_handle(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                                      uint64_t a3, uint64_t a4, handle_t *out)
{
    uint64_t second;
    enum status status = trap(number, a0, a1, a2, a3, a4, 0, &second);
    if (status == OK) {
        *out = (handle_t)second;
    }
    return status;
}

SYS_INLINE enum status sys_get_word(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                                    uint64_t a3, uint64_t a4, uint64_t a5, uint64_t *out)
{
    uint64_t second;
    enum status status = trap(number, a0, a1, a2, a3, a4, a5, &second);
    if (status == OK) {
        *out = second;
    }
    return status;
}

// ---- Messages, time, random numbers ----

SYS_INLINE enum status sys_null(void)
{
    return trap0(SYS_null);
}

SYS_INLINE enum status sys_notify(handle_t port)
{
    return trap1(SYS_notify, port);
}

// direction: GRANT_READ copies from the caller's range to `own`, GRANT_WRITE the other way.
MUST_USE SYS_INLINE enum status sys_grant_copy_unlogged(handle_t reply, uint64_t direction,
                                                        uint64_t offset, const void *own,
                                                        size_t bytes)
{
    uint64_t second;
    return trap(SYS_grant_copy, reply, direction, offset, SYS_ARG(own), bytes, 0, &second);
}

MUST_USE SYS_INLINE enum status sys_grant_copy(handle_t reply, uint64_t direction, uint64_t offset,
                                               const void *own, size_t bytes)
{
    if (direction == GRANT_READ) {
        UNDO_WRITTEN(own, bytes);
    }
    return sys_grant_copy_unlogged(reply, direction, offset, own, bytes);
}

MUST_USE SYS_INLINE enum status sys_reply_park(handle_t reply, bool park)
{
    return trap2(SYS_reply_park, reply, park);
}

// The caller goes back to the port it called, as if its receiver had died; the Reply is free.
SYS_INLINE enum status sys_reply_return(handle_t reply)
{
    return trap2(SYS_reply_park, reply, PARK_RETURN);
}

SYS_INLINE enum status sys_timer_set(handle_t port, uint64_t at_ns, uint64_t bits)
{
    return trap3(SYS_timer_set, port, at_ns, bits);
}

SYS_INLINE enum status sys_yield(void)
{
    return trap0(SYS_yield);
}

SYS_INLINE uint64_t sys_clock(void)
{
    uint64_t ns = 0;
    (void)sys_get_word(SYS_clock, 0, 0, 0, 0, 0, 0, &ns);
    return ns;
}

MUST_USE SYS_INLINE enum status sys_random(void *to, size_t bytes)
{
    return trap2(SYS_random, SYS_OUT(to, bytes), bytes);
}

SYS_INLINE enum status sys_random_add(const void *from, size_t bytes)
{
    return trap2(SYS_random_add, SYS_ARG(from), bytes);
}

// ---- Handles ----

SYS_INLINE enum status sys_handle_close(handle_t handle)
{
    return trap1(SYS_handle_close, handle);
}

MUST_USE SYS_INLINE enum status sys_handle_copy(handle_t handle, uint32_t rights, uint64_t badge,
                                                handle_t *out)
{
    return sys_get_handle(SYS_handle_copy, handle, rights, badge, 0, 0, out);
}

// index: a place in the start-up range, or 0 for any dynamic one. *out: its value in that task.
MUST_USE SYS_INLINE enum status sys_handle_install(handle_t task, uint32_t index, handle_t handle,
                                                   uint32_t rights, uint64_t badge, handle_t *out)
{
    return sys_get_handle(SYS_handle_install, task, index, handle, rights, badge, out);
}

MUST_USE SYS_INLINE enum status sys_handle_info(handle_t handle, struct handle_info *out)
{
    return trap2(SYS_handle_info, handle, SYS_OUT(out, sizeof(*out)));
}

// The dynamic handle with the next larger index; start with 0. ERR_NOT_FOUND: that was the last.
MUST_USE SYS_INLINE enum status sys_handle_next(handle_t after, handle_t *out)
{
    return sys_get_handle(SYS_handle_next, after, 0, 0, 0, 0, out);
}

// ---- Ports and replies ----

MUST_USE SYS_INLINE enum status sys_port_create(handle_t *out)
{
    return sys_get_handle(SYS_port_create, 0, 0, 0, 0, 0, out);
}

MUST_USE SYS_INLINE enum status sys_reply_create(handle_t *out)
{
    return sys_get_handle(SYS_reply_create, 0, 0, 0, 0, 0, out);
}

MUST_USE SYS_INLINE enum status sys_port_info(handle_t port, struct port_info *out)
{
    return trap2(SYS_port_info, port, SYS_OUT(out, sizeof(*out)));
}

MUST_USE SYS_INLINE enum status sys_reply_info(handle_t reply, struct reply_info *out)
{
    return trap2(SYS_reply_info, reply, SYS_OUT(out, sizeof(*out)));
}

// ---- Memory ----

MUST_USE SYS_INLINE enum status sys_mem_create(uint64_t bytes, uint32_t flags, handle_t *out)
{
    return sys_get_handle(SYS_mem_create, bytes, flags, 0, 0, 0, out);
}

MUST_USE SYS_INLINE enum status sys_mem_create_device(handle_t iorange, uint64_t physical,
                                                      uint64_t bytes, uint32_t flags, handle_t *out)
{
    return sys_get_handle(SYS_mem_create_device, iorange, physical, bytes, flags, 0, out);
}

// *address: 0 on entry lets the kernel draw a random one; on success where it was mapped.
MUST_USE SYS_INLINE enum status sys_mem_map(handle_t task, handle_t memory, uint64_t *address,
                                            uint64_t offset, uint64_t bytes, uint32_t prot)
{
    return sys_get_word(SYS_mem_map, task, memory, *address, offset, bytes, prot, address);
}

SYS_INLINE enum status sys_mem_unmap(handle_t task, uint64_t address, uint64_t bytes)
{
    return trap3(SYS_mem_unmap, task, address, bytes);
}

MUST_USE SYS_INLINE enum status sys_mem_protect(handle_t task, uint64_t address, uint64_t bytes,
                                                uint32_t prot)
{
    uint64_t second;
    return trap(SYS_mem_protect, task, address, bytes, prot, 0, 0, &second);
}

// physical: room for `pages` addresses.
MUST_USE SYS_INLINE enum status sys_mem_pin(handle_t dma, handle_t memory, uint64_t first_page,
                                            uint64_t pages, uint64_t *physical)
{
    uint64_t second;
    return trap(SYS_mem_pin, dma, memory, first_page, pages, SYS_OUT(physical, pages * sizeof(*physical)), 0, &second);
}

SYS_INLINE enum status sys_mem_unpin(handle_t memory)
{
    return trap1(SYS_mem_unpin, memory);
}

MUST_USE SYS_INLINE enum status sys_mem_move(handle_t memory, handle_t task, handle_t *out)
{
    return sys_get_handle(SYS_mem_move, memory, task, 0, 0, 0, out);
}

MUST_USE SYS_INLINE enum status sys_mem_info(handle_t memory, struct mem_info *out)
{
    return trap2(SYS_mem_info, memory, SYS_OUT(out, sizeof(*out)));
}

// Maps the region of `task` that contains `there`, the whole of it. *address: as for sys_mem_map.
MUST_USE SYS_INLINE enum status sys_mem_map_from(handle_t task, uint64_t there, uint64_t *address,
                                                 uint32_t prot)
{
    return sys_get_word(SYS_mem_map_from, task, there, *address, prot, 0, 0, address);
}

// ---- Tasks ----

// name: NAME_SIZE bytes, zero-terminated. quota 0: the account of `account_of` pays (0: the
// caller's).
MUST_USE SYS_INLINE enum status sys_task_create(uint64_t quota, handle_t account_of,
                                                const char *name, handle_t *out)
{
    return sys_get_handle(SYS_task_create, quota, account_of, SYS_ARG(name), 0, 0, out);
}

MUST_USE SYS_INLINE enum status sys_task_kill(handle_t task)
{
    return trap1(SYS_task_kill, task);
}

MUST_USE SYS_INLINE enum status sys_task_inherit(handle_t heir, handle_t dead)
{
    return trap2(SYS_task_inherit, heir, dead);
}

[[noreturn]] SYS_INLINE void sys_task_exit(uint64_t code)
{
    for (;;) {
        (void)trap1(SYS_task_exit, code);
    }
}

MUST_USE SYS_INLINE enum status sys_task_set_fault_port(handle_t task, handle_t port)
{
    return trap2(SYS_task_set_fault_port, task, port);
}

MUST_USE SYS_INLINE enum status sys_task_read(handle_t task, uint64_t there, void *own,
                                              size_t bytes)
{
    uint64_t second;
    return trap(SYS_task_read, task, there, SYS_OUT(own, bytes), bytes, 0, 0, &second);
}

MUST_USE SYS_INLINE enum status sys_task_write(handle_t task, uint64_t there, const void *own,
                                               size_t bytes)
{
    uint64_t second;
    return trap(SYS_task_write, task, there, SYS_ARG(own), bytes, 0, 0, &second);
}

MUST_USE SYS_INLINE enum status sys_task_info(handle_t task, struct task_info *out)
{
    return trap2(SYS_task_info, task, SYS_OUT(out, sizeof(*out)));
}

MUST_USE SYS_INLINE enum status sys_task_seal(handle_t task)
{
    return trap1(SYS_task_seal, task);
}

MUST_USE SYS_INLINE enum status sys_task_set_quota(handle_t task, uint64_t limit)
{
    return trap2(SYS_task_set_quota, task, limit);
}

MUST_USE SYS_INLINE enum status sys_task_suspend(handle_t task)
{
    return trap1(SYS_task_suspend, task);
}

MUST_USE SYS_INLINE enum status sys_task_resume(handle_t task)
{
    return trap1(SYS_task_resume, task);
}

// *out: a handle to the n-th living thread of the task.
MUST_USE SYS_INLINE enum status sys_task_thread(handle_t task, uint32_t n, handle_t *out)
{
    return sys_get_handle(SYS_task_thread, task, n, 0, 0, 0, out);
}

// The region that contains `address`, or the next above it. ERR_NOT_FOUND: that was the last.
MUST_USE SYS_INLINE enum status sys_task_region(handle_t task, uint64_t address,
                                                struct region_info *out)
{
    return trap3(SYS_task_region, task, address, SYS_ARG(out));
}

// ---- Threads ----

MUST_USE SYS_INLINE enum status sys_thread_create(handle_t task, const struct thread_args *args,
                                                  handle_t *out)
{
    return sys_get_handle(SYS_thread_create, task, SYS_ARG(args), 0, 0, 0, out);
}

MUST_USE SYS_INLINE enum status sys_thread_start(handle_t thread)
{
    return trap1(SYS_thread_start, thread);
}

MUST_USE SYS_INLINE enum status sys_thread_stop(handle_t thread)
{
    return trap2(SYS_thread_stop, thread, HANDLE_NONE);
}

// Oneself, with a notification when that is done.
MUST_USE SYS_INLINE enum status sys_thread_stop_and_tell(handle_t self, handle_t bell)
{
    return trap2(SYS_thread_stop, self, bell);
}

[[noreturn]] SYS_INLINE void sys_thread_exit(void)
{
    for (;;) {
        (void)trap0(SYS_thread_exit);
    }
}

MUST_USE SYS_INLINE enum status sys_thread_get_regs(handle_t thread, struct thread_regs *out)
{
    return trap2(SYS_thread_get_regs, thread, SYS_OUT(out, sizeof(*out)));
}

MUST_USE SYS_INLINE enum status sys_thread_set_regs(handle_t thread, const struct thread_regs *regs)
{
    return trap2(SYS_thread_set_regs, thread, SYS_ARG(regs));
}

MUST_USE SYS_INLINE enum status sys_thread_set_sched(handle_t thread, uint32_t priority,
                                                     uint32_t budget_us, uint32_t period_us)
{
    uint64_t second;
    return trap(SYS_thread_set_sched, thread, priority, budget_us, period_us, 0, 0, &second);
}

SYS_INLINE enum status sys_thread_set_fsbase(uint64_t address)
{
    return trap1(SYS_thread_set_fsbase, address);
}

// ---- Devices ----

MUST_USE SYS_INLINE enum status sys_iorange_split(handle_t iorange, uint64_t base, uint64_t length,
                                                  handle_t *out)
{
    return sys_get_handle(SYS_iorange_split, iorange, base, length, 0, 0, out);
}

MUST_USE SYS_INLINE enum status sys_irq_create(handle_t iorange, uint64_t gsi, uint32_t flags,
                                               handle_t *out)
{
    return sys_get_handle(SYS_irq_create, iorange, gsi, flags, 0, 0, out);
}

MUST_USE SYS_INLINE enum status sys_irq_bind(handle_t irq, handle_t port)
{
    return trap2(SYS_irq_bind, irq, port);
}

SYS_INLINE enum status sys_irq_ack(handle_t irq)
{
    return trap1(SYS_irq_ack, irq);
}

MUST_USE SYS_INLINE enum status sys_irq_msi(handle_t irq, struct irq_msi_info *out)
{
    return trap2(SYS_irq_msi, irq, SYS_OUT(out, sizeof(*out)));
}

// width: 1, 2 or 4 bytes.
MUST_USE SYS_INLINE enum status sys_io_read(handle_t iorange, uint16_t port, uint32_t width,
                                            uint32_t *out)
{
    uint64_t value = 0;
    enum status status = sys_get_word(SYS_io_read, iorange, port, width, 0, 0, 0, &value);
    if (status == OK) {
        *out = (uint32_t)value;
    }
    return status;
}

SYS_INLINE enum status sys_io_write(handle_t iorange, uint16_t port, uint32_t width, uint32_t value)
{
    uint64_t second;
    return trap(SYS_io_write, iorange, port, width, value, 0, 0, &second);
}

// Writes count bytes to the port and adds count to *sent, all of it or nothing. count <= IO_SEND_MAX.
// *sent is never undone: it lies in memory that is mapped with RT_SHARED.
MUST_USE SYS_INLINE enum status sys_io_send(handle_t iorange, uint16_t port, const void *bytes,
                                            uint64_t count, uint64_t *sent)
{
    uint64_t second;
    return trap(SYS_io_send, iorange, port, SYS_ARG(bytes), count, SYS_ARG(sent), 0, &second);
}

// While the status port has a bit of `mask`, reads the data port and stores data | status << 8, at
// most count times; adds their number to *received. All of it or nothing. ports: IO_RECEIVE_PORTS;
// count <= IO_RECEIVE_MAX. *to and *received are never undone: mapped with RT_SHARED.
MUST_USE SYS_INLINE enum status sys_io_receive(handle_t iorange, uint64_t ports, uint16_t *to,
                                               uint64_t count, uint64_t *received)
{
    uint64_t second;
    return trap(SYS_io_receive, iorange, ports, SYS_ARG(to), count, SYS_ARG(received), 0, &second);
}

// ---- The system ----

SYS_INLINE enum status sys_log_write(const char *text, size_t bytes)
{
    return trap2(SYS_log_write, SYS_ARG(text), bytes);
}

// *next: on entry the sequence number to start at, on success the one after what was copied.
MUST_USE SYS_INLINE enum status sys_log_read(handle_t iorange, uint64_t *next, void *to,
                                             size_t bytes)
{
    return sys_get_word(SYS_log_read, iorange, *next, SYS_OUT(to, bytes), bytes, 0, 0, next);
}

MUST_USE SYS_INLINE enum status sys_system_info(struct system_info *out)
{
    return trap1(SYS_system_info, SYS_OUT(out, sizeof(*out)));
}

MUST_USE SYS_INLINE enum status sys_system_control(handle_t iorange, enum system_action action)
{
    return trap2(SYS_system_control, iorange, action);
}
