// SPDX-License-Identifier: MIT
// Message format: what is in which register for call, reply and receive.
//
// Six words travel in registers, always all six: the stubs clear those that an operation does not use,
// so that no stale register content (an address, say) leaks to the other side.
//
//   register  call                reply / reply_recv           on return from receive
//   rax       SYS_CALL            SYS_REPLY[_RECV]             status of the system call itself
//   rdi       port                port | reply << 32           badge of the handle that was called
//   rsi       tag                 tag                          tag
//   rdx r10 r8 r9 r12 r13         words 0..5                   words 0..5
//   rbx       handle sent | rights << 32, if TAG_HANDLE        handle received, if TAG_HANDLE
//   r14       grant: address      (receive flags)              notification bits, if TAG_NOTIFY
//   r15       grant: length|dir   0                            grant: length|dir, 0 if none
//
// rcx and r11 are clobbered by the syscall instruction; rbp and rsp are untouched.
// Return from call: rax status, rsi tag, words 0..5, rbx handle received if TAG_HANDLE.
// SYS_RECV takes rdi = port | reply << 32 and r14 = receive flags. SYS_REPLY takes rdi = reply << 32.
#pragma once
#include <stdint.h>

enum { IPC_WORDS = 6 };

// Tag bits. A sender sets the label and TAG_HANDLE; everything else is set by the kernel alone.
#define TAG_LABEL_MASK     0xffffull       // operation (call) or enum status (reply)
#define TAG_DELIVERY_SHIFT 16              // how often this message was delivered before, saturating at 255
#define TAG_DELIVERY_MASK  (0xffull << 16)
#define TAG_NOTIFY         (1ull << 24)    // not a call: notification bits, nothing to reply to
#define TAG_FAULT          (1ull << 25)    // a call made by the kernel for a faulting thread: struct fault_words
#define TAG_HANDLE         (1ull << 26)    // a handle travels with the message
#define TAG_CALL_SHIFT     32              // of a received call: its number, the same at each delivery; never 0

// Grant length word (r15).
#define GRANT_LEN_MASK ((1ull << 32) - 1)
#define GRANT_READ     (1ull << 62) // the receiver may copy out of the caller's range
#define GRANT_WRITE    (1ull << 63) // the receiver may copy into the caller's range

// Receive flags (r14 of SYS_RECV and SYS_REPLY_RECV).
#define RECV_NONBLOCK    (1ull << 0) // ERR_AGAIN instead of waiting
#define RECV_NOTIFY_ONLY (1ull << 1) // leave calls in the queue (a server waiting in the middle of a request)

// A fault message: TAG_FAULT is set, the label is the fault kind, the badge is that of the fault port.
// Words: 0 vector, 1 error code, 2 instruction pointer, 3 fault address (page fault) or exit code,
//        4 stack pointer, 5 kernel thread id. Replying with label FAULT_RESUME lets the thread go on
// (with registers as set by thread_set_regs); any other label leaves it stopped for good.
enum fault_kind {
    FAULT_EXCEPTION = 1, // a CPU exception
    FAULT_EXIT = 2,      // the task's last thread ended or task_exit was called; word 3 is the code
    FAULT_QUOTA = 3,     // a page could not be supplied: quota or memory exhausted
};
enum { FAULT_RESUME = 0x5253, FAULT_STOP = 0 };
