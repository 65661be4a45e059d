// SPDX-License-Identifier: MIT
// A virtio 1.x device behind its registers: reset, features, queues, interrupts vectors,
// configuration.
//
// Knows nothing of PCI but the layout that find.h made out of its capabilities. All access goes
// through two functions, so that a host test can be the device.
#pragma once
#include "kernel/abi/status.h"
#include "lib/rt/device.h"
#include "lib/virtio/queue.h"

// Where the device's structures lie in its BAR, from its capabilities.
struct virtio_layout {
    uint32_t bar, bar_bytes;
    uint32_t common, notify, isr, config; // offsets in the BAR
    uint32_t notify_bytes, config_bytes, notify_multiplier;
};

struct virtio_registers {
    uint32_t (*read)(const volatile void *at, uint32_t width);
    void (*write)(volatile void *at, uint32_t width, uint32_t value);
};
extern const struct virtio_registers virtio_mmio; // the real ones

struct virtio_device {
    volatile uint8_t *base; // where the BAR is mapped
    struct virtio_layout at;
    const struct virtio_registers *reg;
    uint64_t features; // agreed on
};

// The device stops all it does and forgets everything; waits until it says so, which is at once on
// most. When this has returned OK it touches no memory any more. ERR_IO: it does not within
// `patience` reads.
[[nodiscard]] enum status virtio_reset(struct virtio_device *d, uint32_t patience);

// After a reset: agrees on VERSION_1, all of `required` and what the device has of `wanted`.
// ERR_UNSUPPORTED: the device lacks something required, or does not accept the choice.
[[nodiscard]] enum status virtio_negotiate(struct virtio_device *d, uint64_t required,
                                           uint64_t wanted);

// The largest size of queue `index`, 0 if there is no such queue.
uint16_t virtio_queue_max(struct virtio_device *d, uint16_t index);

// Gives queue `index` its memory, whose pages have these physical addresses, and its MSI-X vector,
// and switches it on. *doorbell: where virtio_notify writes. ERR_UNSUPPORTED: no such queue, or too
// small; ERR_IO: the device refused the vector.
[[nodiscard]] enum status virtio_queue_start(struct virtio_device *d, uint16_t index,
                                             const struct virtq *q, const uint64_t *pages,
                                             uint16_t vector, volatile uint16_t **doorbell);

// The device may start.
void virtio_run(struct virtio_device *d);

// true: the device says that it needs a reset, or has been stopped by somebody else.
bool virtio_has_failed(struct virtio_device *d);

// Tells the device to look at queue `index`.
static inline void virtio_notify(volatile uint16_t *doorbell, uint16_t index)
{
    device_store16(doorbell, index);
}

// Fields of the device's own configuration; 0 beyond its end. 64 bits are read consistently.
uint32_t virtio_config32(struct virtio_device *d, uint32_t offset);
uint64_t virtio_config64(struct virtio_device *d, uint32_t offset);
