// SPDX-License-Identifier: MIT
// The PCI service: who may use which device, and the handles to its parts.
//
// What was found out is state. Drivers do not notice a rebirth: their handles are the kernel's, and
// devices are left alone. Exploring the machine is part of the first request, not of the start: so
// it can commit on the way, and an heir goes on in the middle.
#include "interfaces/pci.server.h"
#include "lib/rt/device.h"
#include "lib/rt/movable.h"
#include "lib/rt/tx.h"
#include "servers/args.h"
#include "servers/pci/bus.h"

enum { BUSES = 256, BUS_BYTES = 1 << 20 };

static struct {
    handle_t mmio, irqs, dma, ecam;
    uint64_t ecam_base;
    volatile uint8_t *bus[BUSES]; // configuration space, mapped when first used
    struct pci_space space;
    struct pci_list list;
    bool scanned, explored;
} machine;

// ---- Configuration space ----

static volatile uint8_t *map_bus(uint32_t bus)
{
    handle_t memory;
    void *at;
    enum status status =
        sys_mem_create_device(machine.ecam, machine.ecam_base + (uint64_t)bus * BUS_BYTES,
                              BUS_BYTES, MEM_UNCACHED, &memory);
    if (status == OK) {
        status = rt_map(memory, 0, BUS_BYTES, PROT_READ | PROT_WRITE, RT_SHARED, &at);
        sys_handle_close(memory); // the mapping holds it
    }
    if (status != OK) {
        log_error("configuration space of bus %u at %#llx cannot be reached (status %d)", bus,
                  (unsigned long long)machine.ecam_base, status);
        return nullptr;
    }
    return at;
}

static volatile uint8_t *config(uint32_t address, uint32_t offset)
{
    uint32_t bus = address >> 8;

    if (bus < machine.space.bus_first || bus > machine.space.bus_last) {
        return nullptr;
    }
    if (machine.bus[bus] == nullptr) {
        machine.bus[bus] = map_bus(bus);
    }
    return machine.bus[bus] ? machine.bus[bus] + ((address & 0xff) << 12) + offset : nullptr;
}

static uint32_t config_read(void *, uint32_t address, uint32_t offset, uint32_t width)
{
    volatile uint8_t *at = config(address, offset);

    if (at == nullptr) {
        return 0xffffffff >> (32 - 8 * width);
    }
    return width == 1   ? *at
           : width == 2 ? *(volatile uint16_t *)at
                        : *(volatile uint32_t *)at;
}

static void config_write(void *, uint32_t address, uint32_t offset, uint32_t width, uint32_t value)
{
    volatile uint8_t *at = config(address, offset);

    if (at == nullptr) {
        return;
    }
    if (width == 1) {
        device_store8(at, (uint8_t)value);
    } else if (width == 2) {
        device_store16(at, (uint16_t)value);
    } else {
        device_store32(at, value);
    }
}

// ---- Who may ----

static struct pci_function *function_at(uint32_t address)
{
    for (uint32_t i = 0; i < machine.list.count; i++) {
        if (machine.list.function[i].address == address) {
            return &machine.list.function[i];
        }
    }
    return nullptr;
}

static struct pci_function *owned(const struct request *rq, uint32_t address)
{
    struct pci_function *f = function_at(address);

    return f != nullptr && f->owner == rq->m.badge + 1 ? f : nullptr;
}

// ---- Operations ----

static bool matches(const struct pci_function *f, uint32_t vendor, uint32_t device,
                    uint32_t class_code)
{
    uint32_t mask = (class_code & 0xff) == 0xff ? 0xffff00 : 0xffffff;

    return (vendor == PCI_ANY_ID || vendor == f->vendor) &&
           (device == PCI_ANY_ID || device == f->device) &&
           (class_code == PCI_ANY_CLASS || ((class_code ^ f->class_code) & mask) == 0);
}

static enum status do_find(struct request *, uint32_t vendor, uint32_t device, uint32_t class_code,
                           uint32_t index, uint32_t *address, uint32_t *vendor_id,
                           uint32_t *device_id, uint32_t *found_class, uint64_t *owner)
{
    for (uint32_t i = 0; i < machine.list.count; i++) {
        const struct pci_function *f = &machine.list.function[i];
        if (matches(f, vendor, device, class_code) && index-- == 0) {
            *address = f->address;
            *vendor_id = f->vendor;
            *device_id = f->device;
            *found_class = f->class_code;
            *owner = f->owner;
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum status do_claim(struct request *rq, uint32_t address, uint32_t *vendor,
                            uint32_t *device, uint32_t *class_code, uint32_t *subsystem,
                            uint32_t *revision)
{
    struct pci_function *f = function_at(address);

    if (f == nullptr || f->class_code >> 16 == PCI_CLASS_BRIDGE) {
        return ERR_NOT_FOUND; // bridges are this service's own
    }
    if (f->owner != 0 && f->owner != rq->m.badge + 1) {
        return ERR_BUSY;
    }
    pci_quiet(&machine.space, f);
    pci_command(&machine.space, address, PCI_COMMAND_MEMORY, 0);
    f->owner = rq->m.badge + 1;
    *vendor = f->vendor;
    *device = f->device;
    *class_code = f->class_code;
    *subsystem = f->subsystem;
    *revision = f->revision;
    return OK;
}

// Device memory for [base, base + bytes), rounded to pages.
static enum status device_memory(uint64_t base, uint64_t bytes, handle_t *memory)
{
    uint64_t low = base & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t high = (base + bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);

    return sys_mem_create_device(machine.mmio, low, high - low, MEM_UNCACHED, memory);
}

static enum status do_bar(struct request *rq, uint32_t address, uint32_t index, uint64_t *bytes,
                          uint32_t *offset, handle_t *memory)
{
    struct pci_function *f = owned(rq, address);

    if (f == nullptr) {
        return ERR_STATE;
    }
    const struct pci_bar *bar = &f->bar[index];
    if (bar->kind == BAR_NONE || bar->kind == BAR_UPPER_HALF) {
        return ERR_NOT_FOUND;
    }
    if (bar->kind == BAR_IO || bar->base == 0) {
        return ERR_UNSUPPORTED;
    }
    enum status status = device_memory(bar->base, bar->bytes, memory);
    if (status == OK) {
        rt_close_after(rq, *memory);
        *bytes = bar->bytes;
        *offset = bar->base % PAGE_SIZE;
    }
    return status;
}

// Writes the MSI-X table entry through a mapping that lasts only as long as this.
MOVE_ADDRESSES static enum status program_entry(const struct pci_function *f, uint32_t bar, uint32_t offset,
                                 const struct irq_msi_info *msi)
{
    uint64_t at = 0, place = f->bar[bar].base + offset;
    handle_t memory;
    enum status status = device_memory(place, 16, &memory);

    if (status != OK) {
        return status;
    }
    status = sys_mem_map(HANDLE_NONE, memory, &at, 0, PAGE_SIZE, PROT_READ | PROT_WRITE);
    if (status == OK) {
        pci_msix_write((volatile uint32_t *)(at + place % PAGE_SIZE), msi->address, msi->data);
        pci_msix_enable(&machine.space, f, true);
        sys_mem_unmap(HANDLE_NONE, at, PAGE_SIZE);
    }
    sys_handle_close(memory);
    return status;
}

static enum status do_interrupt(struct request *rq, uint32_t address, uint32_t entry, handle_t *irq)
{
    struct pci_function *f = owned(rq, address);
    struct irq_msi_info msi;
    uint32_t bar, offset;

    if (f == nullptr) {
        return ERR_STATE;
    }
    enum status status = pci_msix_entry(&machine.space, f, entry, &bar, &offset);
    if (status == OK) {
        status = sys_irq_create(machine.irqs, IRQ_MSI, 0, irq);
    }
    if (status != OK) {
        return status;
    }
    rt_close_after(rq, *irq);
    status = sys_irq_msi(*irq, &msi);
    return status == OK ? program_entry(f, bar, offset, &msi) : status;
}

static enum status do_dma(struct request *rq, uint32_t address, handle_t *domain)
{
    if (owned(rq, address) == nullptr) {
        return ERR_STATE;
    }
    *domain = machine.dma; // one domain for all, as long as there is no IOMMU driver
    return machine.dma != HANDLE_NONE ? OK : ERR_UNSUPPORTED;
}

static enum status do_master(struct request *rq, uint32_t address, bool on)
{
    if (owned(rq, address) == nullptr) {
        return ERR_STATE;
    }
    pci_command(&machine.space, address, on ? PCI_COMMAND_MASTER : 0, on ? 0 : PCI_COMMAND_MASTER);
    return OK;
}

static bool aligned(uint32_t offset, uint32_t width)
{
    return width != 3 && offset % width == 0;
}

static enum status do_config_read(struct request *rq, uint32_t address, uint32_t offset,
                                  uint32_t width, uint32_t *value)
{
    if (owned(rq, address) == nullptr) {
        return ERR_STATE;
    }
    if (!aligned(offset, width)) {
        return ERR_ALIGN;
    }
    *value = config_read(nullptr, address, offset, width);
    return OK;
}

static bool touches(uint32_t offset, uint32_t width, const struct pci_function *f, uint32_t cap)
{
    return cap != 0 && offset + width > cap &&
           offset < cap + pci_capability_bytes(&machine.space, f->address, cap);
}

static enum status do_config_write(struct request *rq, uint32_t address, uint32_t offset,
                                   uint32_t width, uint32_t value)
{
    struct pci_function *f = owned(rq, address);

    if (f == nullptr) {
        return ERR_STATE;
    }
    if (!aligned(offset, width)) {
        return ERR_ALIGN;
    }
    if (offset < PCI_HEADER_END || touches(offset, width, f, f->msi) ||
        touches(offset, width, f, f->msix)) {
        return ERR_RIGHTS;
    }
    config_write(nullptr, address, offset, width, value);
    return OK;
}

static enum status do_quiesce(struct request *rq, uint32_t address)
{
    struct pci_function *f = function_at(address);

    if (f == nullptr) {
        return ERR_NOT_FOUND;
    }
    if (f->owner != 0 && f->owner != rq->m.badge + 1) {
        return ERR_STATE;
    }
    pci_command(&machine.space, address, 0, PCI_COMMAND_MASTER);
    return OK;
}

static enum status do_release(struct request *rq, uint32_t address)
{
    struct pci_function *f = owned(rq, address);

    if (f == nullptr) {
        return ERR_STATE;
    }
    pci_quiet(&machine.space, f);
    f->owner = 0;
    return OK;
}

// ---- Exploring ----

static void commit(void *)
{
    rt_commit();
}

// In the end all BARs have sizes, and those of memory addresses. After a death it begins again, and
// finds what was committed.
static void explore(void)
{
    struct pci_list *list = &machine.list;
    uint64_t low = arg_number("window_low", 0xe0000000),
             high = arg_number("window_high", 0xfec00000);
    uint64_t ecam = machine.ecam_base + ((uint64_t)machine.space.bus_first << 20);
    uint64_t ecam_bytes = (machine.space.bus_last - machine.space.bus_first + 1ull) << 20;

    if (!machine.scanned) {
        uint32_t left_out = pci_scan(&machine.space, list);
        if (left_out > 0) {
            log_warn("%u more functions than there is room for", left_out);
        }
        machine.scanned = true;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        pci_undo_probe(&machine.space, &list->function[i]);
        if (!list->function[i].sized) {
            pci_size_bars(&machine.space, &list->function[i]);
        }
    }
    pci_assign(&machine.space, list, low, high, ecam, ecam_bytes);
    machine.explored = true;
    log_info("%u functions on buses %u to %u", list->count, machine.space.bus_first,
             list->last_bus);
}

static enum status dispatch(const void *ops, struct request *rq)
{
    if (!machine.explored) {
        explore();
    }
    return pci_dispatch(ops, rq);
}

// ---- Birth ----

// "buses=0-255"
static void parse_buses(void)
{
    char text[16];
    uint32_t number[2] = {0, 0}, which = 0;

    if (!rt_arg("buses", text, sizeof text)) {
        return;
    }
    for (const char *p = text; *p != 0 && which < 2; p++) {
        if (*p == '-') {
            which++;
        } else {
            number[which] = number[which] * 10 + (uint32_t)(*p - '0');
        }
    }
    if (number[0] <= number[1] && number[1] < BUSES) {
        machine.space.bus_first = number[0];
        machine.space.bus_last = number[1];
    }
}

static void open_machine(void)
{
    machine.mmio = rt_handle("mmio");
    machine.irqs = rt_handle("irqs");
    machine.dma = rt_handle("dma");
    machine.ecam = rt_handle("ecam");
    machine.ecam_base = arg_number("ecam", 0);
    machine.space.read = config_read;
    machine.space.write = config_write;
    machine.space.commit = commit;
    parse_buses();
}

int service_main(void)
{
    static const struct pci_ops ops = {
        .find = do_find,
        .claim = do_claim,
        .bar = do_bar,
        .interrupt = do_interrupt,
        .dma = do_dma,
        .master = do_master,
        .config_read = do_config_read,
        .config_write = do_config_write,
        .quiesce = do_quiesce,
        .release = do_release,
    };
    static const struct rt_interface list[] = {{PCI_PROTOCOL, dispatch, &ops}};

    open_machine();
    if (machine.ecam == HANDLE_NONE) {
        log_warn("this machine tells of no configuration space: there are no devices");
        machine.explored = true;
    }
    rt_no_checkpoints("it knows who has which device, and since when");
    return rt_serve(list, 1);
}
