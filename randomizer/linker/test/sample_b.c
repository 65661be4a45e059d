// SPDX-License-Identifier: MIT
#include "randomizer/linker/test/sample.h"

static int counter; // not the one of sample_a.c
uint8_t sample_big[1 << 20];
const char *sample_words[4] = {"zero", "one", "two", "three"};

[[gnu::noinline]] int sample_other(int x)
{
    counter += x;
    return counter * 3;
}
