// SPDX-License-Identifier: MIT
// All trace tables. Made by interfaces/gen.
#include "interfaces/trace.h"

extern const struct trace_interface lamp_trace;

const struct trace_interface *const trace_interfaces[] = {
    &lamp_trace,
    nullptr,
};
