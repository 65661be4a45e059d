// SPDX-License-Identifier: MIT
// The other side of the message benchmarks: answers every call at once, with a loop as short as a
// server's can be. What a full event loop adds is measured with the services themselves.
#include "bench/echo/echo.h"
#include "lib/rt/ipc.h"
#include "lib/rt/rt.h"

static char buffer[ECHO_BUFFER];

// Copies the caller's whole grant in or out, in pieces that the kernel takes at once.
static enum status copy_grant(handle_t reply, const struct ipc_message *m)
{
    uint64_t direction = ipc_label(m) == ECHO_COPY_IN ? GRANT_READ : GRANT_WRITE;
    uint64_t bytes = m->grant & GRANT_LEN_MASK;
    if (bytes > sizeof buffer) {
        return ERR_RANGE;
    }
    return sys_grant_copy(reply, direction, 0, buffer, bytes);
}

int service_main(void)
{
    handle_t reply;
    if (sys_reply_create(&reply) != OK) {
        return 1;
    }
    rt_ready();
    struct ipc_message m = {};
    enum status status = ipc_recv(rt_port, reply, &m, 0);
    while (status == OK) {
        if (m.tag & TAG_NOTIFY) {
            if (m.bits & NOTIFY_PING) {
                rt_beat();
                rt_progress();
            }
            status = ipc_recv(rt_port, reply, &m, 0);
            continue;
        }
        m.tag = ipc_label(&m) == ECHO_WORDS ? OK : copy_grant(reply, &m);
        m.handle = HANDLE_NONE;
        status = ipc_reply_recv(rt_port, reply, &m, 0);
    }
    return 2;
}
