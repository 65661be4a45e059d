// SPDX-License-Identifier: MIT
// Messages: call, receive, reply. Always inlined; the generated stubs are built on these.
//
// Each returns the status of the system call itself. What the other side answered is the label of
// the reply: ipc_call_status() folds the two into one.
#pragma once
#include "lib/rt/trap.h"

static inline uint32_t ipc_label(const struct ipc_message *m)
{
    return (uint32_t)(m->tag & TAG_LABEL_MASK);
}

// How often this message was delivered to an earlier incarnation, saturating at 255.
static inline uint32_t ipc_delivery(const struct ipc_message *m)
{
    return (uint32_t)((m->tag & TAG_DELIVERY_MASK) >> TAG_DELIVERY_SHIFT);
}

// The number of a received call: the same when it is delivered again, another for each other call
// (until 2^32 calls later); never 0.
static inline uint32_t ipc_call_number(const struct ipc_message *m)
{
    return (uint32_t)(m->tag >> TAG_CALL_SHIFT);
}

// Sends *m to `port` and waits for the answer, which replaces it. m->tag is the label, with
// TAG_HANDLE if m->handle travels along. `grant` and `grant_bytes` (length | GRANT_READ and/or
// GRANT_WRITE; 0: no grant) open that range of own memory to the receiver until it answers.
// The answer's handle is in m->handle if its tag has TAG_HANDLE, else m->handle means nothing.
MUST_USE TRAP_INLINE enum status ipc_call(handle_t port, struct ipc_message *m, const void *grant,
                                          uint64_t grant_bytes)
{
    return trap_ipc(SYS_call, port, m, (uint64_t)grant, grant_bytes);
}

// The same; the answer's label is the result when the call itself went well.
MUST_USE TRAP_INLINE enum status ipc_call_status(handle_t port, struct ipc_message *m,
                                                 const void *grant, uint64_t grant_bytes)
{
    enum status status = ipc_call(port, m, grant, grant_bytes);
    return status != OK ? status : (enum status)ipc_label(m);
}

// Calls with a label alone; the answer's words are dropped.
MUST_USE TRAP_INLINE enum status ipc_call0(handle_t port, uint64_t label)
{
    struct ipc_message m = {.tag = label};
    return ipc_call_status(port, &m, nullptr, 0);
}

// Waits on `port` for a call, whose sender is bound to the Reply object `reply`, or for
// notification bits (TAG_NOTIFY: nothing to answer, `reply` stays free). flags: RECV_*.
// With RECV_NOTIFY_ONLY `reply` may be HANDLE_NONE.
MUST_USE TRAP_INLINE enum status ipc_recv(handle_t port, handle_t reply, struct ipc_message *m,
                                          uint64_t flags)
{
    return trap_ipc(SYS_recv, port | (uint64_t)reply << 32, m, flags, 0);
}

// Answers the caller bound to `reply` with *m and at once waits on `port` for the next message,
// which replaces *m; its sender is bound to the same Reply object.
MUST_USE TRAP_INLINE enum status ipc_reply_recv(handle_t port, handle_t reply,
                                                struct ipc_message *m, uint64_t flags)
{
    return trap_ipc(SYS_reply_recv, port | (uint64_t)reply << 32, m, flags, 0);
}

// Answers the caller bound to `reply`; does not wait. *m is unspecified afterwards.
TRAP_INLINE enum status ipc_reply(handle_t reply, struct ipc_message *m)
{
    return trap_ipc(SYS_reply, (uint64_t)reply << 32, m, 0, 0);
}

// Raises the bits in the badge of `port` (a handle with NOTIFY). Never waits.
TRAP_INLINE enum status ipc_notify(handle_t port)
{
    return trap1(SYS_notify, port);
}
