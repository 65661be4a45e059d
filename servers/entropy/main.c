// SPDX-License-Identifier: MIT
// The entropy service: feeds the kernel's generator from a virtio-rng device, at birth and from
// time to time. Without such a device it lives on and says so.
#include "interfaces/entropy.server.h"
#include "lib/rt/tx.h"
#include "lib/virtio/pci.h"
#include "servers/args.h"

enum {
    DEVICE_BIT = 1,
    QUEUE_SIZE = 8,
    DMA_PAGES = 2,
    FEED_BYTES = 64
};
static const uint64_t answer_ns = 1'000'000'000; // a device that takes longer is reset

static struct {
    bool present, asked;
    struct virtio_pci pci;
    struct virtq queue;
    struct virtio_dma dma;
    uint64_t pages[DMA_PAGES];
    volatile uint16_t *doorbell;
    uint64_t asked_ns; // when, if `asked`
    uint64_t period_ns, reseeds, bytes;
    struct rt_timer timer;
} rng;

static uint8_t *buffer(void)
{
    return (uint8_t *)rng.dma.base + PAGE_SIZE;
}

static enum status set_up(void)
{
    enum status status = virtio_negotiate(&rng.pci.device, 0, 0);

    if (status == OK) {
        __builtin_memset(rng.dma.base, 0, PAGE_SIZE);
        virtq_init(&rng.queue, QUEUE_SIZE, rng.dma.base);
        status = virtio_queue_start(&rng.pci.device, 0, &rng.queue, rng.pages, 0, &rng.doorbell);
    }
    if (status == OK) {
        virtio_run(&rng.pci.device);
    }
    rng.asked = false;
    return status;
}

static void ask(void)
{
    struct virtq_part part = {rng.pages[1], FEED_BYTES};

    if (!rng.asked && virtq_add(&rng.queue, &part, 0, 1, &rng) == OK) {
        rng.asked = true;
        rng.asked_ns = rt_now_ns();
        if (virtq_publish(&rng.queue)) {
            virtio_notify(rng.doorbell, 0);
        }
    }
}

// Feeds what has come. false: nothing.
static bool take(void)
{
    uint8_t fresh[FEED_BYTES];
    uint32_t written;
    void *cookie;

    if (virtq_take(&rng.queue, &cookie, &written) != OK) {
        return false;
    }
    rng.asked = false;
    __builtin_memcpy(fresh, buffer(), written);
    __builtin_memset(buffer(), 0, FEED_BYTES);
    if (written == 0 || sys_random_add(fresh, written) != OK) {
        return false;
    }
    rng.reseeds++;
    rng.bytes += written;
    return true;
}

static void on_device(uint64_t, void *)
{
    if (take()) {
        rt_progress();
    }
}

static void reset(void)
{
    if (virtio_reset(&rng.pci.device, VIRTIO_PATIENCE) != OK || set_up() != OK) {
        log_error("the device is lost");
        rng.present = false;
    }
}

// A timer may be due just after a rebirth, which has asked anew.
static bool is_silent(void)
{
    return rng.queue.broken || (rng.asked && rt_now_ns() - rng.asked_ns >= answer_ns);
}

static void on_timer(void *)
{
    (void)take(); // an interrupt that never came
    if (is_silent()) {
        log_warn("the device does not answer: resetting it");
        reset();
    }
    if (rng.present) {
        ask();
        rt_timer(&rng.timer, rt_now_ns() + rng.period_ns, on_timer, nullptr);
    }
}

// What the device was asked for after the last commit, or what was taken from it, is not known here.
static void on_reborn(const struct rt_rebirth *rebirth)
{
    if (rebirth->after_crash && rng.present) {
        reset();
    }
    if (rebirth->after_crash && rng.present) {
        ask();
    }
}

// Asks the device and waits for the answer. Old bytes on their way count too.
static enum status feed_now(void)
{
    uint64_t before = rng.bytes;

    if (!rng.present) {
        return ERR_UNSUPPORTED;
    }
    ask();
    uint64_t until = rt_now_ns() + answer_ns;
    while (!take() && rng.bytes == before) {
        if (rt_wait_until(DEVICE_BIT, "device", until) == 0 && !take()) {
            return ERR_IO;
        }
    }
    return OK;
}

static enum status do_get(struct request *rq, size_t data_len)
{
    uint8_t data[ENTROPY_GET_MAX];

    if (!rng.present) {
        return ERR_UNSUPPORTED;
    }
    enum status status = rng.reseeds > 0 ? OK : feed_now();
    if (status == OK) {
        status = sys_random(data, data_len);
    }
    if (status == OK) {
        status = rt_grant_write(rq, 0, data, data_len);
    }
    __builtin_memset(data, 0, sizeof data);
    __asm__ volatile("" : : "r"(data) : "memory"); // or the compiler drops the line above
    return status;
}

static enum status do_reseed(struct request *, uint32_t *bytes)
{
    uint64_t before = rng.bytes;
    enum status status = feed_now();

    *bytes = (uint32_t)(rng.bytes - before);
    return status;
}

static enum status do_info(struct request *, bool *present, uint64_t *reseeds, uint64_t *bytes)
{
    *present = rng.present;
    *reseeds = rng.reseeds;
    *bytes = rng.bytes;
    return OK;
}

static enum status open_device(void)
{
    enum status status =
        virtio_open(&rng.pci, rt_handle("pci"), VIRTIO_TYPE_ENTROPY, 0, DEVICE_BIT);

    if (status != OK) {
        return status;
    }
    rng.dma = (struct virtio_dma){.pages = rng.pages, .count = DMA_PAGES};
    status = virtio_dma_open(&rng.dma, rng.pci.dma);
    return status == OK ? set_up() : status;
}

int service_main(void)
{
    static const struct entropy_ops ops = {.get = do_get, .reseed = do_reseed, .info = do_info};
    static const struct rt_interface list[] = {{ENTROPY_PROTOCOL, entropy_dispatch, &ops}};

    enum status status = open_device();
    rng.present = status == OK;
    rng.period_ns = arg_number("period_ms", 30000) * 1'000'000;
    if (rng.present) {
        rt_on_notify(DEVICE_BIT, on_device, nullptr);
        rt_on_reborn(on_reborn);
        ask();
        rt_timer(&rng.timer, rt_now_ns() + answer_ns, on_timer, nullptr);
    } else {
        log_info("no virtio entropy device (status %d): the kernel has only its own sources",
                 status);
    }
    rt_no_checkpoints("the same random numbers would come twice");
    return rt_serve(list, 1);
}
