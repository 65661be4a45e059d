// SPDX-License-Identifier: MIT
// Opening a virtio device through the PCI service, and finding it again after a rebirth.
#include "lib/virtio/pci.h"
#include "interfaces/pci.client.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"
#include "lib/virtio/find.h"

struct config_access {
    handle_t pci;
    uint32_t address;
};

static uint32_t read_config(void *context, uint32_t offset, uint32_t width)
{
    const struct config_access *c = context;
    uint32_t value;

    return pci_config_read(c->pci, c->address, offset, width, &value) == OK ? value : 0xffffffff;
}

MOVE_ADDRESSES static enum status map_registers(struct virtio_pci *v, uint32_t skip)
{
    struct mem_info info;
    uint64_t at = 0;
    enum status status = sys_mem_info(v->bar, &info);

    if (status == OK) {
        status = sys_mem_map(HANDLE_NONE, v->bar, &at, 0, info.bytes, PROT_READ | PROT_WRITE);
    }
    if (status != OK) {
        return status;
    }
    v->device.base = (volatile uint8_t *)at + skip;
    v->device.reg = &virtio_mmio;
    if (v->device.at.bar_bytes > info.bytes - skip) {
        return ERR_UNSUPPORTED;
    }
    return virtio_layout_fits(&v->device.at) ? OK : ERR_UNSUPPORTED;
}

static uint64_t two(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

static enum status keep(const struct virtio_pci *v, uint32_t skip)
{
    const struct virtio_layout *at = &v->device.at;
    enum status status = rt_keep(VIRTIO_KEEP_BAR, v->bar, two(at->common, at->notify),
                                 two(at->isr, at->config));
    if (status == OK) {
        status = rt_keep(VIRTIO_KEEP_IRQ, v->irq, two(at->notify_bytes, at->config_bytes),
                         two(at->notify_multiplier, at->bar_bytes));
    }
    if (status == OK) {
        status = rt_keep(VIRTIO_KEEP_DMA, v->dma, v->address, skip);
    }
    return status;
}

// The handles of an earlier incarnation; false if not all are there.
static bool find_kept(struct virtio_pci *v, uint32_t *skip)
{
    struct virtio_layout *at = &v->device.at;
    uint64_t bar[2], irq[2], dma[2];

    if (rt_kept(VIRTIO_KEEP_BAR, &v->bar, &bar[0], &bar[1]) != OK ||
        rt_kept(VIRTIO_KEEP_IRQ, &v->irq, &irq[0], &irq[1]) != OK ||
        rt_kept(VIRTIO_KEEP_DMA, &v->dma, &dma[0], &dma[1]) != OK) {
        return false;
    }
    at->common = (uint32_t)bar[0];
    at->notify = (uint32_t)(bar[0] >> 32);
    at->isr = (uint32_t)bar[1];
    at->config = (uint32_t)(bar[1] >> 32);
    at->notify_bytes = (uint32_t)irq[0];
    at->config_bytes = (uint32_t)(irq[0] >> 32);
    at->notify_multiplier = (uint32_t)irq[1];
    at->bar_bytes = (uint32_t)(irq[1] >> 32);
    v->address = (uint32_t)dma[0];
    *skip = (uint32_t)dma[1];
    return *skip < PAGE_SIZE;
}

static void forget(uint32_t key)
{
    handle_t handle;

    if (rt_kept(key, &handle, nullptr, nullptr) == OK) {
        sys_handle_close(handle);
        rt_forget(key);
    }
}

static enum status find_and_claim(struct virtio_pci *v, handle_t pci, uint32_t type, uint32_t index)
{
    uint32_t vendor, device, class_code, subsystem, revision;
    uint64_t owner;
    enum status status = pci_find(pci, VIRTIO_VENDOR, VIRTIO_DEVICE_MODERN + type, PCI_ANY_CLASS,
                                  index, &v->address, &vendor, &device, &class_code, &owner);
    if (status != OK) {
        return status;
    }
    return pci_claim(pci, v->address, &vendor, &device, &class_code, &subsystem, &revision);
}

static enum status take_handles(struct virtio_pci *v, handle_t pci, uint32_t *skip)
{
    struct config_access access = {pci, v->address};
    uint64_t bytes;
    enum status status = virtio_find_layout(read_config, &access, &v->device.at);

    if (status == OK) {
        status = pci_bar(pci, v->address, v->device.at.bar, &bytes, skip, &v->bar);
    }
    if (status == OK) {
        v->device.at.bar_bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
        status = map_registers(v, *skip);
    }
    if (status == OK) {
        status = pci_dma(pci, v->address, &v->dma);
    }
    if (status == OK) {
        status = pci_interrupt(pci, v->address, 0, &v->irq);
    }
    return status;
}

static enum status bind(handle_t irq, uint64_t bits)
{
    handle_t port;
    enum status status = rt_notify_handle(bits, &port);

    if (status == OK) {
        status = sys_irq_bind(irq, port);
        sys_handle_close(port);
    }
    return status;
}

static enum status open_first(struct virtio_pci *v, handle_t pci, uint32_t type, uint32_t index,
                              uint64_t irq_bits)
{
    uint32_t skip = 0;
    enum status status = find_and_claim(v, pci, type, index);

    if (status == OK) {
        status = take_handles(v, pci, &skip);
    }
    if (status == OK) {
        status = bind(v->irq, irq_bits);
    }
    if (status == OK) {
        status = virtio_reset(&v->device, VIRTIO_PATIENCE);
    }
    if (status == OK) {
        status = pci_master(pci, v->address, true);
    }
    // Kept last: whoever finds the handles finds the device ready for use.
    return status == OK ? keep(v, skip) : status;
}

enum status virtio_open(struct virtio_pci *v, handle_t pci, uint32_t type, uint32_t index,
                        uint64_t irq_bits)
{
    uint32_t skip;

    *v = (struct virtio_pci){0};
    if (find_kept(v, &skip) && map_registers(v, skip) == OK) {
        v->inherited = true;
        return virtio_reset(&v->device, VIRTIO_PATIENCE);
    }
    forget(VIRTIO_KEEP_BAR);
    forget(VIRTIO_KEEP_IRQ);
    forget(VIRTIO_KEEP_DMA);
    *v = (struct virtio_pci){0};
    return open_first(v, pci, type, index, irq_bits);
}

static enum status find_or_make(struct virtio_dma *d, uint32_t key)
{
    struct mem_info info;
    uint64_t bytes = (uint64_t)d->count * PAGE_SIZE;

    if (rt_kept(key, &d->memory, nullptr, nullptr) == OK) {
        if (sys_mem_info(d->memory, &info) == OK && info.bytes == bytes) {
            sys_mem_unpin(d->memory); // the dead one's pins; the device has been reset
            return OK;
        }
        forget(key);
    }
    enum status status = sys_mem_create(bytes, MEM_POPULATE, &d->memory);
    if (status == OK) {
        status = rt_keep(key, d->memory, 0, 0);
    }
    return status;
}

MOVE_ADDRESSES enum status virtio_dma_open(struct virtio_dma *d, handle_t domain, uint32_t key)
{
    uint64_t at = 0;
    enum status status = find_or_make(d, key);

    if (status == OK) {
        status = sys_mem_map(HANDLE_NONE, d->memory, &at, 0, (uint64_t)d->count * PAGE_SIZE,
                             PROT_READ | PROT_WRITE);
    }
    if (status == OK) {
        status = sys_mem_pin(domain, d->memory, 0, d->count, d->pages);
    }
    d->base = (void *)at;
    return status;
}
