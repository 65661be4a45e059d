// SPDX-License-Identifier: MIT
// Opening a virtio device through the PCI service.
#include "lib/virtio/pci.h"
#include "interfaces/pci.client.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"
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

// The mapping holds the memory.
static enum status map_registers(struct virtio_pci *v, handle_t bar, uint32_t skip)
{
    struct mem_info info;
    void *at;
    enum status status = sys_mem_info(bar, &info);

    if (status == OK) {
        status = rt_map(bar, 0, info.bytes, PROT_READ | PROT_WRITE, RT_SHARED, &at);
    }
    sys_handle_close(bar);
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

static enum status take_handles(struct virtio_pci *v, handle_t pci)
{
    struct config_access access = {pci, v->address};
    uint64_t bytes;
    uint32_t skip;
    handle_t bar;
    enum status status = virtio_find_layout(read_config, &access, &v->device.at);

    if (status == OK) {
        status = pci_bar(pci, v->address, v->device.at.bar, &bytes, &skip, &bar);
    }
    if (status == OK) {
        v->device.at.bar_bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
        status = map_registers(v, bar, skip);
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

enum status virtio_open(struct virtio_pci *v, handle_t pci, uint32_t type, uint32_t index,
                        uint64_t irq_bits)
{
    *v = (struct virtio_pci){0};
    enum status status = find_and_claim(v, pci, type, index);

    if (status == OK) {
        status = take_handles(v, pci);
    }
    if (status == OK) {
        status = bind(v->irq, irq_bits);
    }
    if (status == OK) {
        status = virtio_reset(&v->device, VIRTIO_PATIENCE);
    }
    return status == OK ? pci_master(pci, v->address, true) : status;
}

enum status virtio_dma_open(struct virtio_dma *d, handle_t domain)
{
    uint64_t bytes = (uint64_t)d->count * PAGE_SIZE;
    handle_t memory;
    enum status status = sys_mem_create(bytes, MEM_POPULATE, &memory);

    if (status != OK) {
        return status;
    }
    status = rt_map(memory, 0, bytes, PROT_READ | PROT_WRITE, RT_SHARED, &d->base);
    if (status == OK) {
        status = sys_mem_pin(domain, memory, 0, d->count, d->pages);
    }
    sys_handle_close(memory);
    return status;
}
