// SPDX-License-Identifier: MIT
// Log lines: printf formats, one line a call, to the kernel log as "name[incarnation]: text".
// Lines longer than the kernel takes (256 bytes) are cut.
#pragma once
#include <stdarg.h>

enum log_level { LOG_INFO, LOG_WARN, LOG_ERROR };

#define log_info(...)  rt_log(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  rt_log(LOG_WARN, __VA_ARGS__)
#define log_error(...) rt_log(LOG_ERROR, __VA_ARGS__)

[[gnu::format(printf, 2, 3)]] void rt_log(enum log_level level, const char *format, ...);
void rt_vlog(enum log_level level, const char *format, va_list args);
