// SPDX-License-Identifier: MIT
// Birth of the block driver, and rebirth: after a crash the device is reset first, before anything
// else is looked at, so that nothing of the dead one is still being written to memory.
#include "lib/rt/tx.h"
#include "lib/virtio/pci.h"
#include "servers/args.h"
#include "servers/drivers/virtio_blk/sessions.h"

static const uint64_t patience_ns = 1'000'000'000; // between two attempts at a device that is gone

static struct blk blk;
static struct virtio_pci pci;
static struct virtio_dma dma;
static uint64_t dma_pages[BLK_DMA_PAGES];
static volatile uint16_t *doorbell;
static struct rt_timer timer;

static void kick(struct blk *)
{
    virtio_notify(doorbell, 0);
}

static void tell(struct blk *, struct blk_session *s)
{
    if (s->completion != HANDLE_NONE) {
        (void)ipc_notify(s->completion); // a client that is gone does not mind
    }
}

static enum status set_up(struct blk *b)
{
    enum status status = blk_learn(b, &pci.device);

    return status == OK ? blk_start_queue(b, &pci.device, dma.base, &doorbell) : status;
}

static enum status reset(struct blk *b)
{
    enum status status = virtio_reset(&pci.device, VIRTIO_PATIENCE);
    if (status == OK) {
        status = set_up(b);
    }
    if (status != OK) {
        log_error("device at %x is lost (status %d): requests fail until it resets", pci.address,
                  status);
    }
    return status;
}

static enum status restart(struct blk *b)
{
    log_warn("device at %x does not answer: resetting it, %u requests under way", pci.address,
             blk_under_way(b));
    return reset(b);
}

static void on_timer(void *)
{
    struct blk_turn turn = {.now_ns = rt_now_ns()};

    if (blk_completions(&blk, &turn) > 0) { // an interrupt that never came
        blk_run(&blk, &turn);
    }
    uint64_t next = blk_check_time(&blk, turn.now_ns, blk.working && virtio_has_failed(&pci.device));
    if (next != 0) {
        rt_timer(&timer, next, on_timer, nullptr);
    }
}

static void pump(struct blk_turn *turn)
{
    uint64_t now = turn->now_ns;
    uint32_t done = blk_completions(&blk, turn);

    if (blk.queue.broken || (!blk.working && now >= blk.last_answer_ns + patience_ns)) {
        (void)blk_check_time(&blk, now, true);
    }
    blk_run(&blk, turn);
    if (done > 0) {
        rt_progress();
    }
    if (!timer.armed && blk_under_way(&blk) > 0) {
        rt_timer(&timer, now + blk.timeout_ns / 4, on_timer, nullptr);
    }
}

void blk_pump(void)
{
    struct blk_turn turn = {.now_ns = rt_now_ns()};
    pump(&turn);
}

void blk_pump_wait(void)
{
    uint64_t now = rt_now_ns();

    if (rt_wait_until(BLK_DEVICE_BIT, "device", now + blk.timeout_ns / 4) == 0) {
        on_timer(nullptr); // the event loop's timers rest while a handler waits
    }
    blk_pump();
}

static void on_device(uint64_t, void *)
{
    blk_pump();
}

static void on_doorbell(uint64_t bits, void *)
{
    for (uint32_t i = 0; i < BLOCK_SESSIONS; i++) {
        if (bits & 1ull << i) {
            blk_take_submitted(&blk, i);
        }
    }
    blk_pump();
}

static void on_reborn(const struct rt_rebirth *rebirth)
{
    if (rebirth->after_crash) {
        blk.working = reset(&blk) == OK;
        struct blk_turn turn = {.now_ns = rt_now_ns()};
        blk.last_answer_ns = turn.now_ns;
        blk_begin_again(&blk, &turn);
        blk.repeating = true;
        pump(&turn);
        blk.repeating = false;
    }
}

static enum status open_device(void)
{
    handle_t service = rt_handle("pci");
    enum status status = virtio_open(&pci, service, VIRTIO_TYPE_BLOCK,
                                     (uint32_t)arg_number("index", 0), BLK_DEVICE_BIT);
    if (status != OK) {
        return status;
    }
    dma = (struct virtio_dma){.pages = dma_pages, .count = BLK_DMA_PAGES};
    status = virtio_dma_open(&dma, pci.dma);
    if (status != OK) {
        return status;
    }
    char *base = dma.base;
    blk.control = (struct blk_control *)(base + BLK_DMA_CONTROL * PAGE_SIZE);
    blk.tables = (struct virtq_desc *)(base + BLK_DMA_TABLES * PAGE_SIZE);
    blk.dma_pages = dma_pages;
    return set_up(&blk);
}

int service_main(void)
{
    static const struct rt_interface list[] = {{BLOCK_PROTOCOL, block_dispatch, &blk_ops}};

    blk.kick = kick;
    blk.tell = tell;
    blk.restart = restart;
    blk.timeout_ns = arg_number("timeout_ms", 10000) * 1'000'000;
    enum status status = open_device();
    if (status != OK) {
        log_error("no usable virtio block device (status %d)", status);
        return 1;
    }
    blk.working = true;
    blk_engine_init(&blk);
    status = blk_sessions_init(&blk, pci.dma);
    if (status != OK) {
        log_error("no memory for sessions (status %d)", status);
        return 1;
    }
    log_info("disk at %x: %llu MiB%s%s", pci.address, (unsigned long long)(blk.sectors >> 11),
             blk.read_only ? ", read-only" : "", blk.can_flush ? ", write cache" : "");
    rt_on_reborn(on_reborn);
    rt_no_checkpoints("it knows a device, and sessions whose other side would not know of them");
    rt_on_notify(BLK_DEVICE_BIT, on_device, nullptr);
    rt_on_notify(BLK_SESSION_BITS, on_doorbell, nullptr);
    return rt_serve(list, sizeof list / sizeof list[0]);
}
