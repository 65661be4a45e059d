// SPDX-License-Identifier: MIT
// Moving messages between the saved registers of two threads.
#pragma once
#include "kernel/ipc/port.h"
#include "kernel/ipc/reply.h"

// Hands the message of `from` to `to` and binds `from` to the Reply object. Cannot fail: a handle
// that cannot be passed (gone meanwhile, no room) is missing at the receiver, TAG_HANDLE cleared.
void message_deliver(struct port *, struct thread *from, struct thread *to, struct reply *);
// Whether the handle named by rbx may be sent by the thread; OK if the message has none.
MUST_USE enum status message_check_handle(struct thread *);
// Answers the caller bound to `reply` out of the server's registers. The caller is ready afterwards,
// but nobody was preempted for it (sched_kick). Returns the caller, NULL if it vanished.
struct thread *message_reply(struct thread *server, struct reply *);
// Copies the words, as the fast path does.
static inline void message_copy_words(struct regs *to, const struct regs *from)
{
    to->rdx = from->rdx;
    to->r10 = from->r10;
    to->r8 = from->r8;
    to->r9 = from->r9;
    to->r12 = from->r12;
    to->r13 = from->r13;
}
// A fault message for the thread, which waits until it is answered. Without a fault port it waits
// for ever.
void message_fault(struct thread *, uint32_t kind, const uint64_t words[IPC_WORDS]);
// The thread's fault message will be answered by nobody: a line in the log, and the machine's end if
// that was the root task.
void message_fault_unheard(const struct thread *);
