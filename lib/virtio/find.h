// SPDX-License-Identifier: MIT
// From a PCI device's capability list to the layout of its virtio structures.
#pragma once
#include "lib/virtio/device.h"

// Reads `width` bytes (1, 2, 4) of configuration space; all ones where there is nothing.
typedef uint32_t virtio_config_read(void *context, uint32_t offset, uint32_t width);

// Walks the capabilities. All four structures must lie in one BAR, whose number is left in
// out->bar; bounds in it are checked by virtio_layout_fits once its size is known. ERR_UNSUPPORTED:
// a structure is missing (a legacy device), or they are spread over several BARs.
[[nodiscard]] enum status virtio_find_layout(virtio_config_read *read, void *context,
                                             struct virtio_layout *out);

// true: every structure lies inside bar_bytes and is large enough to be used.
bool virtio_layout_fits(const struct virtio_layout *at);
