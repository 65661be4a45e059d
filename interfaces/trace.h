// SPDX-License-Identifier: MIT
// Messages as text: "fs.read(file=3, offset=4096, data=out 65536 bytes)". The tables are generated.
// Needs no libc and no kernel: also compiled into host tools.
#pragma once
#include "kernel/abi/ipc.h"
#include <stddef.h>
#include <stdint.h>

enum trace_kind {
    TRACE_UNSIGNED,
    TRACE_SIGNED,
    TRACE_BOOL,
    TRACE_ENUM,
    TRACE_HANDLE,
    TRACE_GRANT,
};

struct trace_name {
    uint64_t value;
    const char *name; // nullptr ends the list
};

struct trace_value {
    const char *name;
    enum trace_kind kind;
    const char *type;                // of a handle or grant
    const struct trace_name *names;  // of an enum
};

struct trace_call {
    const char *name;
    const struct trace_value *params, *results;
    uint32_t param_count, result_count;
};

struct trace_interface {
    const char *name;
    uint32_t number;
    const struct trace_call *calls; // operation n is calls[n - 1]
    uint32_t count;
};

extern const struct trace_interface *const trace_interfaces[]; // nullptr ends the list

// The operation that a label names, nullptr if none. *of (may be nullptr) receives its interface.
const struct trace_call *trace_find(uint32_t label, const struct trace_interface **of);

// "fs.read", or "label 0x1234" when unknown. All three write at most `size` bytes including the final
// zero, which is always there if size > 0, and return the length of the text written.
size_t trace_label(char *to, size_t size, uint32_t label);

// A call: its tag, six words, and the grant word (kernel/abi/ipc.h). Says how often it was delivered before.
size_t trace_message(char *to, size_t size, uint64_t tag, const uint64_t w[IPC_WORDS], uint64_t grant);

// The reply to operation `label`: its tag and words.
size_t trace_reply(char *to, size_t size, uint32_t label, uint64_t tag, const uint64_t w[IPC_WORDS]);

// "ERR_BUSY" for a status number, "status 99" when unknown.
size_t trace_status(char *to, size_t size, uint32_t status);
