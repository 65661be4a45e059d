// SPDX-License-Identifier: MIT
// Getting hold of a virtio device through the PCI service, once: what is opened here moves along.
// After a crash (rt_on_reborn) a driver resets the device before it looks at anything else, and
// gives it its queues anew; a planned move between two requests is no event for the device.
#pragma once
#include "kernel/abi/handle.h"
#include "lib/virtio/device.h"

struct virtio_pci {
    struct virtio_device device;
    handle_t irq, dma;
    uint32_t address; // PCI address, for messages
};

// Opens the `index`-th device of this type (VIRTIO_TYPE_*): claims it, maps its registers, binds
// MSI-X vector 0 to `irq_bits` of the service's own port. On return OK the device has been reset
// and touches no memory; from then on it may. ERR_NOT_FOUND: there is none. ERR_UNSUPPORTED: not a
// modern one. ERR_IO: it does not reset. Others from the PCI service.
[[nodiscard]] enum status virtio_open(struct virtio_pci *v, handle_t pci, uint32_t type,
                                      uint32_t index, uint64_t irq_bits);

// DMA memory: shared with the device, so never undone.
struct virtio_dma {
    void *base;
    uint64_t *pages; // physical address of each page; room given by the caller
    uint32_t count;
};

// Makes `d->count` pages (at most 512) for d->pages.
[[nodiscard]] enum status virtio_dma_open(struct virtio_dma *d, handle_t domain);

// Physical address of a byte of it.
static inline uint64_t virtio_dma_address(const struct virtio_dma *d, uint64_t offset)
{
    return d->pages[offset / 4096] + offset % 4096;
}

enum { VIRTIO_PATIENCE = 1000000 }; // status reads until a device that does not reset is given up
