// SPDX-License-Identifier: MIT
// Trace tables of the lamp interface. Made from interfaces/lamp.idl by interfaces/gen; change that file, not this one.
#include "interfaces/trace.h"

static const struct trace_name lamp_colour_names[] = {
    {1, "RED"},
    {2, "GREEN"},
    {7, "BLUE"},
    {0, nullptr},
};

static const struct trace_value words_params[] = {
    {.name = "a", .kind = TRACE_UNSIGNED},
    {.name = "b", .kind = TRACE_UNSIGNED},
    {.name = "c", .kind = TRACE_SIGNED},
    {.name = "d", .kind = TRACE_SIGNED},
    {.name = "e", .kind = TRACE_BOOL},
    {.name = "f", .kind = TRACE_ENUM, .names = lamp_colour_names},
};

static const struct trace_value words_results[] = {
    {.name = "u", .kind = TRACE_UNSIGNED},
    {.name = "v", .kind = TRACE_UNSIGNED},
    {.name = "x", .kind = TRACE_SIGNED},
    {.name = "y", .kind = TRACE_SIGNED},
    {.name = "z", .kind = TRACE_BOOL},
    {.name = "colour", .kind = TRACE_ENUM, .names = lamp_colour_names},
};

static const struct trace_value wide_params[] = {
    {.name = "a", .kind = TRACE_UNSIGNED},
    {.name = "b", .kind = TRACE_UNSIGNED},
};

static const struct trace_value open_params[] = {
    {.name = "name", .kind = TRACE_GRANT, .type = "in"},
    {.name = "flags", .kind = TRACE_UNSIGNED},
};

static const struct trace_value open_results[] = {
    {.name = "lamp", .kind = TRACE_UNSIGNED},
    {.name = "size", .kind = TRACE_UNSIGNED},
};

static const struct trace_value read_params[] = {
    {.name = "lamp", .kind = TRACE_UNSIGNED},
    {.name = "data", .kind = TRACE_GRANT, .type = "out"},
};

static const struct trace_value read_results[] = {
    {.name = "count", .kind = TRACE_UNSIGNED},
};

static const struct trace_value swap_params[] = {
    {.name = "both", .kind = TRACE_GRANT, .type = "inout"},
};

static const struct trace_value give_params[] = {
    {.name = "lamp", .kind = TRACE_UNSIGNED},
    {.name = "memory", .kind = TRACE_HANDLE, .type = "memory"},
};

static const struct trace_value take_params[] = {
    {.name = "lamp", .kind = TRACE_UNSIGNED},
};

static const struct trace_value take_results[] = {
    {.name = "port", .kind = TRACE_HANDLE, .type = "port"},
    {.name = "number", .kind = TRACE_UNSIGNED},
};

static const struct trace_call lamp_calls[] = {
    {.name = "nothing"},
    {.name = "words", .params = words_params, .param_count = 6, .results = words_results, .result_count = 6},
    {.name = "wide", .params = wide_params, .param_count = 2},
    {.name = "open", .params = open_params, .param_count = 2, .results = open_results, .result_count = 2},
    {.name = "read", .params = read_params, .param_count = 2, .results = read_results, .result_count = 1},
    {.name = "swap", .params = swap_params, .param_count = 1},
    {.name = "give", .params = give_params, .param_count = 2},
    {.name = "take", .params = take_params, .param_count = 1, .results = take_results, .result_count = 2},
};

const struct trace_interface lamp_trace = {
    .name = "lamp", .number = 200, .calls = lamp_calls, .count = 8,
};
