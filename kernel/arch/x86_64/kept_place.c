// SPDX-License-Identifier: MIT
#include "kept_place.h"

// Firmware and boot loaders use memory before we are asked what shall be left alone. They begin at
// both ends: kernels and modules are loaded from 1 MiB upwards, UEFI's volumes are unpacked below
// 32 MiB, and everything else is taken from the top of the memory downwards. The first place lies in
// the lower half of a machine of 256 MiB, and as far as possible from both ends.
static const uint64_t places[] = {96 << 20, 64 << 20, 160 << 20, 48 << 20, 32 << 20};

static bool overlaps(const struct boot_range *r, uint64_t place)
{
    return r->bytes != 0 && r->base < place + KEPT_BYTES &&
           (r->base >= place || place - r->base < r->bytes);
}

static bool inside(const struct boot_range *r, uint64_t place)
{
    return r->base <= place && r->bytes >= KEPT_BYTES && place - r->base <= r->bytes - KEPT_BYTES;
}

// A map with ranges that contradict each other is settled against us.
static bool usable(const struct boot_source *source, uint64_t place)
{
    bool found = false;
    for (uint32_t i = 0; i < source->ranges; i++) {
        const struct boot_range *r = &source->range[i];
        if (r->type != 1 && overlaps(r, place)) {
            return false;
        }
        found = found || (r->type == 1 && inside(r, place));
    }
    return found;
}

uint64_t kept_place(const struct boot_source *source, const struct boot_range *used, uint32_t count)
{
    for (uint32_t p = 0; p < sizeof places / sizeof places[0]; p++) {
        bool is_free = usable(source, places[p]);
        for (uint32_t i = 0; i < count && is_free; i++) {
            is_free = !overlaps(&used[i], places[p]);
        }
        if (is_free) {
            return places[p];
        }
    }
    return 0;
}
