// SPDX-License-Identifier: MIT
// Start-up sequence and configuration of a virtio 1.x device.
#include "lib/virtio/device.h"

static uint32_t mmio_read(const volatile void *at, uint32_t width)
{
    switch (width) {
    case 1:
        return *(const volatile uint8_t *)at;
    case 2:
        return *(const volatile uint16_t *)at;
    default:
        return *(const volatile uint32_t *)at;
    }
}

static void mmio_write(volatile void *at, uint32_t width, uint32_t value)
{
    switch (width) {
    case 1:
        device_store8(at, (uint8_t)value);
        break;
    case 2:
        device_store16(at, (uint16_t)value);
        break;
    default:
        device_store32(at, value);
        break;
    }
}

const struct virtio_registers virtio_mmio = {.read = mmio_read, .write = mmio_write};

static uint32_t get(struct virtio_device *d, uint32_t offset, uint32_t width)
{
    return d->reg->read(d->base + d->at.common + offset, width);
}

static void put(struct virtio_device *d, uint32_t offset, uint32_t width, uint32_t value)
{
    d->reg->write(d->base + d->at.common + offset, width, value);
}

static void put64(struct virtio_device *d, uint32_t offset, uint64_t value)
{
    put(d, offset, 4, (uint32_t)value);
    put(d, offset + 4, 4, (uint32_t)(value >> 32));
}

enum status virtio_reset(struct virtio_device *d, uint32_t patience)
{
    d->features = 0;
    put(d, VIRTIO_STATUS, 1, 0);
    while (get(d, VIRTIO_STATUS, 1) != 0) {
        if (patience-- == 0) {
            return ERR_IO;
        }
    }
    return OK;
}

static void set_status(struct virtio_device *d, uint32_t bit)
{
    put(d, VIRTIO_STATUS, 1, get(d, VIRTIO_STATUS, 1) | bit);
}

static uint64_t offered(struct virtio_device *d)
{
    put(d, VIRTIO_DEVICE_FEATURE_SELECT, 4, 0);
    uint64_t features = get(d, VIRTIO_DEVICE_FEATURE, 4);
    put(d, VIRTIO_DEVICE_FEATURE_SELECT, 4, 1);
    return features | (uint64_t)get(d, VIRTIO_DEVICE_FEATURE, 4) << 32;
}

enum status virtio_negotiate(struct virtio_device *d, uint64_t required, uint64_t wanted)
{
    set_status(d, VIRTIO_ACKNOWLEDGE);
    set_status(d, VIRTIO_DRIVER);
    uint64_t have = offered(d);

    required |= VIRTIO_F_VERSION_1;
    if ((have & required) != required) {
        set_status(d, VIRTIO_FAILED);
        return ERR_UNSUPPORTED;
    }
    d->features = have & (required | wanted);
    put(d, VIRTIO_DRIVER_FEATURE_SELECT, 4, 0);
    put(d, VIRTIO_DRIVER_FEATURE, 4, (uint32_t)d->features);
    put(d, VIRTIO_DRIVER_FEATURE_SELECT, 4, 1);
    put(d, VIRTIO_DRIVER_FEATURE, 4, (uint32_t)(d->features >> 32));
    set_status(d, VIRTIO_FEATURES_OK);
    if ((get(d, VIRTIO_STATUS, 1) & VIRTIO_FEATURES_OK) == 0) {
        set_status(d, VIRTIO_FAILED);
        return ERR_UNSUPPORTED;
    }
    put(d, VIRTIO_CONFIG_VECTOR, 2, VIRTIO_NO_VECTOR);
    return OK;
}

uint16_t virtio_queue_max(struct virtio_device *d, uint16_t index)
{
    if (index >= get(d, VIRTIO_NUM_QUEUES, 2)) {
        return 0;
    }
    put(d, VIRTIO_QUEUE_SELECT, 2, index);
    return (uint16_t)get(d, VIRTIO_QUEUE_SIZE, 2);
}

// Physical address of the byte `offset` into memory with these pages.
static uint64_t physical(const uint64_t *pages, uint32_t offset)
{
    return pages[offset / 4096] + offset % 4096;
}

enum status virtio_queue_start(struct virtio_device *d, uint16_t index, const struct virtq *q,
                               const uint64_t *pages, uint16_t vector,
                               volatile uint16_t **doorbell)
{
    struct virtq_places p = virtq_place(q->size);

    if (virtio_queue_max(d, index) < q->size) {
        return ERR_UNSUPPORTED;
    }
    uint64_t notify = (uint64_t)get(d, VIRTIO_QUEUE_NOTIFY_OFF, 2) * d->at.notify_multiplier;
    if (notify + 2 > d->at.notify_bytes) {
        return ERR_UNSUPPORTED;
    }
    put(d, VIRTIO_QUEUE_SIZE, 2, q->size);
    put64(d, VIRTIO_QUEUE_DESC, physical(pages, p.desc));
    put64(d, VIRTIO_QUEUE_DRIVER, physical(pages, p.avail));
    put64(d, VIRTIO_QUEUE_DEVICE, physical(pages, p.used));
    put(d, VIRTIO_QUEUE_VECTOR, 2, vector);
    if (get(d, VIRTIO_QUEUE_VECTOR, 2) != vector) {
        return ERR_IO;
    }
    put(d, VIRTIO_QUEUE_ENABLE, 2, 1);
    *doorbell = (volatile uint16_t *)(d->base + d->at.notify + notify);
    return OK;
}

void virtio_run(struct virtio_device *d)
{
    set_status(d, VIRTIO_DRIVER_OK);
}

bool virtio_has_failed(struct virtio_device *d)
{
    return (get(d, VIRTIO_STATUS, 1) & (VIRTIO_NEEDS_RESET | VIRTIO_DRIVER_OK)) != VIRTIO_DRIVER_OK;
}

uint32_t virtio_config32(struct virtio_device *d, uint32_t offset)
{
    if (offset + 4 > d->at.config_bytes) {
        return 0;
    }
    return d->reg->read(d->base + d->at.config + offset, 4);
}

uint64_t virtio_config64(struct virtio_device *d, uint32_t offset)
{
    uint64_t value;
    uint32_t before;
    int tries = 100; // a device whose configuration never rests is not worth waiting for

    do {
        before = get(d, VIRTIO_GENERATION, 1);
        value = virtio_config32(d, offset) | (uint64_t)virtio_config32(d, offset + 4) << 32;
    } while (get(d, VIRTIO_GENERATION, 1) != before && --tries > 0);
    return value;
}
