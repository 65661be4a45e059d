// SPDX-License-Identifier: MIT
// The capability walk of virtio over PCI.
#include "lib/virtio/find.h"

enum {
    PCI_STATUS_CAPABILITIES = 0x10, // bit in the status register
    PCI_STATUS = 0x06,
    PCI_CAPABILITIES = 0x34,
    PCI_CAP_VENDOR = 0x09,
    CAPS_MAX = 48, // as many as fit into 192 bytes: a list that is longer runs in a circle
};

static const uint32_t no_bar = 0xff;

// One of the structures: the first capability of its type counts, as the specification asks.
static void note(virtio_config_read *read, void *context, uint32_t cap, struct virtio_layout *out,
                 uint32_t *seen)
{
    uint32_t type = read(context, cap + VIRTIO_CAP_TYPE, 1);
    uint32_t bar = read(context, cap + VIRTIO_CAP_BAR, 1);
    uint32_t offset = read(context, cap + VIRTIO_CAP_OFFSET, 4);
    uint32_t bytes = read(context, cap + VIRTIO_CAP_BYTES, 4);

    if (type < VIRTIO_CAP_COMMON || type > VIRTIO_CAP_DEVICE || (*seen & 1u << type) || bar > 5) {
        return;
    }
    *seen |= 1u << type;
    out->bar = out->bar == no_bar || out->bar == bar ? bar : no_bar - 1;
    switch (type) {
    case VIRTIO_CAP_COMMON:
        out->common = offset;
        break;
    case VIRTIO_CAP_NOTIFY:
        out->notify = offset;
        out->notify_bytes = bytes;
        out->notify_multiplier = read(context, cap + VIRTIO_CAP_MULTIPLIER, 4);
        break;
    case VIRTIO_CAP_ISR:
        out->isr = offset;
        break;
    default:
        out->config = offset;
        out->config_bytes = bytes;
        break;
    }
}

enum status virtio_find_layout(virtio_config_read *read, void *context, struct virtio_layout *out)
{
    uint32_t seen = 0;
    const uint32_t needed =
        1u << VIRTIO_CAP_COMMON | 1u << VIRTIO_CAP_NOTIFY | 1u << VIRTIO_CAP_ISR;

    *out = (struct virtio_layout){.bar = no_bar};
    if ((read(context, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES) == 0) {
        return ERR_UNSUPPORTED;
    }
    uint32_t cap = read(context, PCI_CAPABILITIES, 1) & ~3u;
    for (int i = 0; i < CAPS_MAX && cap >= 0x40 && cap <= 0xfc; i++) {
        if (read(context, cap, 1) == PCI_CAP_VENDOR) {
            note(read, context, cap, out, &seen);
        }
        cap = read(context, cap + 1, 1) & ~3u;
    }
    return (seen & needed) == needed && out->bar <= 5 ? OK : ERR_UNSUPPORTED;
}

static bool inside(uint32_t offset, uint32_t bytes, uint32_t total)
{
    return offset <= total && bytes <= total - offset;
}

bool virtio_layout_fits(const struct virtio_layout *at)
{
    return inside(at->common, VIRTIO_COMMON_BYTES, at->bar_bytes) && at->common % 4 == 0 &&
           inside(at->notify, at->notify_bytes, at->bar_bytes) && at->notify_bytes >= 2 &&
           at->notify % 2 == 0 && at->notify_multiplier % 2 == 0 &&
           inside(at->isr, 1, at->bar_bytes) &&
           inside(at->config, at->config_bytes, at->bar_bytes) && at->config % 4 == 0;
}
