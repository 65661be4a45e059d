// SPDX-License-Identifier: MIT
// For finding the first request that differs: both sides can tell the requests of one block one by one.
#pragma once
#include "apps/thirdparty/course.h"

// In the system a line in the kernel log, on the host one on standard error.
void show_line(const char *line);

void show_request(const struct course *c, const struct result *r);
