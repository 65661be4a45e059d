// SPDX-License-Identifier: MIT
// Assertions. They stay on in every image: a service that dies early gives the supervisor something
// to heal. Never on data from another domain: that is a status for the sender.
#pragma once
#include <stdint.h>

// We can argue that x always holds. If not: file, line, incarnation and the text go to the status
// page, then the service dies of an invalid instruction.
#define rt_assert(x) ((x) ? (void)0 : rt_assert_fail(__FILE__, __LINE__, #x))

// We believe that x never holds, and there is recovery code behind it: `if (NEVER(x)) { … }`.
// Logs where it was, and gives the truth of x.
#define NEVER(x) (__builtin_expect(!!(x), 0) ? rt_never(__FILE__, __LINE__, #x) : false)

[[noreturn, gnu::cold]] void rt_assert_fail(const char *file, int line, const char *text);

// The same with a printf text. For misuse that a plain expression does not explain.
#define rt_die(...) rt_die_text(__FILE__, __LINE__, __VA_ARGS__)
[[noreturn, gnu::cold, gnu::format(printf, 3, 4)]] void rt_die_text(const char *file, int line,
                                                                    const char *format, ...);
[[gnu::cold]] bool rt_never(const char *file, int line, const char *text);
