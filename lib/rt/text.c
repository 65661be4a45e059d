// SPDX-License-Identifier: MIT
// Status codes as text.
#include "lib/rt/rt.h"

const char *rt_status_text(enum status status)
{
    switch (status) {
#define STATUS(name, number, sentence)                                                             \
    case name:                                                                                     \
        return sentence;
#include "kernel/abi/status.def"
#undef STATUS
    default:
        return "unknown status";
    }
}

const char *rt_status_name(enum status status)
{
    switch (status) {
#define STATUS(name, number, sentence)                                                             \
    case name:                                                                                     \
        return #name;
#include "kernel/abi/status.def"
#undef STATUS
    default:
        return "?";
    }
}
