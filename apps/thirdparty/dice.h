// SPDX-License-Identifier: MIT
// Numbers that look random and follow from a seed: the same in the system and on the host. (SplitMix64.)
#pragma once
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_word(struct dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

// low..high
static inline uint32_t dice_between(struct dice *d, uint32_t low, uint32_t high)
{
    return low + (uint32_t)(dice_word(d) % (high - low + 1));
}

static inline uint32_t dice_below(struct dice *d, uint32_t limit)
{
    return (uint32_t)(dice_word(d) % limit);
}
