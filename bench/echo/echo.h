// SPDX-License-Identifier: MIT
// Labels that bench/echo understands. It is no service of the system: no interface file, raw messages.
#pragma once

enum { ECHO_WORDS = 1, ECHO_COPY_IN = 2, ECHO_COPY_OUT = 3 };
enum { ECHO_BUFFER = 64 << 10 };
