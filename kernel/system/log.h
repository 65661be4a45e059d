// SPDX-License-Identifier: MIT
// The kernel log: a ring of text, also written to the debug port as it comes.
#pragma once
#include "kernel/base.h"

// %s %c %u (uint32_t) %x (uint32_t) %lu %lx (uint64_t); anything else is printed as it stands.
[[gnu::format(printf, 1, 2)]] void log_kernel(const char *format, ...);
// One line of a task; whatever is not printable ASCII becomes '?', a newline inside it, too.
void log_task_line(const char *text, size_t bytes);
// Copies log text from sequence number `from` on (raised to the oldest there is); *next is the
// number after the last byte copied. Returns the bytes copied.
size_t log_copy(uint64_t from, char *to, size_t bytes, uint64_t *next);
