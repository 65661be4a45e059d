// SPDX-License-Identifier: MIT
// How a call ended: a status, and an errno value when that is ERR_ERRNO. Fits into one register.
#pragma once
#include "kernel/abi/status.h"
#include <stddef.h>
#include <stdint.h>

struct outcome {
    enum status status;
    int err; // Linux errno value if status is ERR_ERRNO, else 0
};

#define OUTCOME_OK ((struct outcome){OK, 0})

static inline bool failed(struct outcome o)
{
    return o.status != OK;
}

static inline struct outcome outcome_errno(int err)
{
    return (struct outcome){ERR_ERRNO, err};
}

// Was it this errno value?
static inline bool is_errno(struct outcome o, int err)
{
    return o.status == ERR_ERRNO && o.err == err;
}

// What happened, and where it helps what to do about it; no full stop, no line feed. Never nullptr.
const char *outcome_text(struct outcome o);

// "ERR_BUSY", "ENOENT": a short name for logs and event lines. Never nullptr.
const char *outcome_name(struct outcome o);
