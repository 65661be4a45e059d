// SPDX-License-Identifier: MIT
// Runs one work once, or all. Compiled without the pass; callgrind counts what is in counted().
#include "lib/rt/undo_log.h"
#include "randomizer/test/undo/cost.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_BYTES = 64 << 20 };

static const struct {
    const char *name;
    uint64_t (*work)(void);
} works[] = {{"sort", cost_sort},
             {"words", cost_words},
             {"hash", cost_hash},
             {"interpreter", cost_interpreter},
             {"matrix", cost_matrix}};

__attribute__((noinline)) uint64_t counted(uint64_t (*work)(void))
{
    uint64_t result = work();
    undo_commit();
    return result;
}

int main(int argc, char **argv)
{
    uint8_t here;
    uintptr_t high = ((uintptr_t)&here | 0xfffff) + 1;
    undo_init(malloc(LOG_BYTES), LOG_BYTES, high - (16 << 20), high, nullptr);
    for (size_t n = 0; n < sizeof(works) / sizeof(works[0]); n++) {
        if (argc < 2 || strcmp(argv[1], works[n].name) == 0) {
            printf("%s %llu, log %llu bytes\n", works[n].name,
                   (unsigned long long)counted(works[n].work), (unsigned long long)undo_log.largest);
        }
    }
    return undo_log.overflows != 0;
}
