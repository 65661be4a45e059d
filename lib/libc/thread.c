// SPDX-License-Identifier: MIT
// The one thread control block. musl uses two things of it: errno and the locale, here its global
// one, which is "C" in all categories. Compiled with musl's internal headers.
#include "pthread_impl.h"

struct pthread libc_thread_block = {
    .self = &libc_thread_block,
    .tid = 1,
    .locale = &__libc.global_locale,
};
