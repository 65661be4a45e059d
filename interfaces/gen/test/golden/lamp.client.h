// SPDX-License-Identifier: MIT
// Client stubs of the lamp interface. Made from interfaces/lamp.idl by interfaces/gen; change that file, not this one.
#pragma once
#include "lib/rt/ipc.h"
#include "interfaces/lamp.types.h"
#include <stddef.h>

// Results are 0 unless the status is OK; err is 0 unless it is ERR_ERRNO.

// Does nothing.
MUST_USE static inline enum status lamp_nothing(handle_t service_port)
{
    struct ipc_message m = {.tag = LAMP_LABEL_NOTHING};
    enum status status = ipc_call_status(service_port, &m, nullptr, 0);
    return status;
}

// Six words of all types each way.
MUST_USE static inline enum status lamp_words(handle_t service_port, uint8_t a, uint16_t b,
    int32_t c, int64_t d, bool e, enum lamp_colour f, uint8_t *u, uint16_t *v, int32_t *x,
    int64_t *y, bool *z, enum lamp_colour *colour)
{
    struct ipc_message m = {.tag = LAMP_LABEL_WORDS,
        .w = {a, b, (uint64_t)(int64_t)c, (uint64_t)(int64_t)d, e, f}};
    enum status status = ipc_call_status(service_port, &m, nullptr, 0);
    *u = status == OK ? (uint8_t)m.w[0] : 0;
    *v = status == OK ? (uint16_t)m.w[1] : 0;
    *x = status == OK ? (int32_t)m.w[2] : 0;
    *y = status == OK ? (int64_t)m.w[3] : 0;
    *z = status == OK ? m.w[4] != 0 : false;
    *colour = status == OK ? (enum lamp_colour)m.w[5] : (enum lamp_colour)0;
    return status;
}

MUST_USE static inline enum status lamp_wide(handle_t service_port, uint64_t a, uint64_t b)
{
    struct ipc_message m = {.tag = LAMP_LABEL_WIDE, .w = {a, b}};
    enum status status = ipc_call_status(service_port, &m, nullptr, 0);
    return status;
}

MUST_USE static inline enum status lamp_open(handle_t service_port, const void *name,
    size_t name_len, uint32_t flags, uint32_t *lamp, uint64_t *size, int *err)
{
    if (name_len > 64)
        return ERR_RANGE;
    struct ipc_message m = {.tag = LAMP_LABEL_OPEN, .w = {flags}};
    enum status status = ipc_call_status(service_port, &m, name, name_len | GRANT_READ);
    *lamp = status == OK ? (uint32_t)m.w[0] : 0;
    *size = status == OK ? m.w[1] : 0;
    *err = status == ERR_ERRNO ? (int)m.w[0] : 0;
    return status;
}

MUST_USE static inline enum status lamp_read(handle_t service_port, uint32_t lamp, void *data,
    size_t data_len, uint32_t *count, int *err)
{
    if (data_len > 65536)
        return ERR_RANGE;
    struct ipc_message m = {.tag = LAMP_LABEL_READ, .w = {lamp}};
    enum status status = ipc_call_status(service_port, &m, data, data_len | GRANT_WRITE);
    *count = status == OK ? (uint32_t)m.w[0] : 0;
    *err = status == ERR_ERRNO ? (int)m.w[0] : 0;
    return status;
}

MUST_USE static inline enum status lamp_swap(handle_t service_port, void *both, size_t both_len)
{
    if (both_len > 16)
        return ERR_RANGE;
    struct ipc_message m = {.tag = LAMP_LABEL_SWAP};
    enum status status = ipc_call_status(service_port, &m, both, both_len | GRANT_READ | GRANT_WRITE);
    return status;
}

MUST_USE static inline enum status lamp_give(handle_t service_port, uint32_t lamp, handle_t memory)
{
    struct ipc_message m = {.tag = LAMP_LABEL_GIVE | TAG_HANDLE, .w = {lamp}, .handle = memory,
        .handle_rights = RIGHT_READ | RIGHT_WRITE};
    enum status status = ipc_call_status(service_port, &m, nullptr, 0);
    return status;
}

MUST_USE static inline enum status lamp_take(handle_t service_port, uint32_t lamp, handle_t *port,
    uint32_t *number)
{
    struct ipc_message m = {.tag = LAMP_LABEL_TAKE, .w = {lamp}};
    enum status status = ipc_call_status(service_port, &m, nullptr, 0);
    *port = status == OK && (m.tag & TAG_HANDLE) ? m.handle : HANDLE_NONE;
    *number = status == OK ? (uint32_t)m.w[0] : 0;
    return status;
}
