// SPDX-License-Identifier: MIT
// Which conductor to report to; HANDLE_NONE: none.
#pragma once
#include "kernel/abi/handle.h"

void report_open(handle_t port);
