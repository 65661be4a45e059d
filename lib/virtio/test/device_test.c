// SPDX-License-Identifier: MIT
// Start-up of a device behind fake registers, and the capability walk over fake configuration
// space.
#include "lib/virtio/device.h"
#include "lib/virtio/find.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four above first
#include <cmocka.h>

// ---- A device ----

static struct {
    uint8_t bar[0x4000];
    uint32_t select, driver_select;
    uint64_t offers, accepted, refuses;
    int resets_after; // reads until a reset is done; -1: never
    bool refuses_vector, restless;
    uint16_t queue_max, notify_off;
    uint32_t reads;
} dev;
static const struct virtio_layout layout = {.bar = 4,
                                            .bar_bytes = sizeof dev.bar,
                                            .common = 0,
                                            .isr = 0x1000,
                                            .config = 0x2000,
                                            .config_bytes = 0x40,
                                            .notify = 0x3000,
                                            .notify_bytes = 0x1000,
                                            .notify_multiplier = 4};

static uint32_t reg_read(const volatile void *at, uint32_t width)
{
    uint32_t offset = (uint32_t)((const volatile uint8_t *)at - dev.bar), value = 0;

    assert_true(offset + width <= sizeof dev.bar);
    memcpy(&value, dev.bar + offset, width);
    switch (offset) {
    case VIRTIO_DEVICE_FEATURE:
        return (uint32_t)(dev.select ? dev.offers >> 32 : dev.offers);
    case VIRTIO_STATUS:
        if (dev.resets_after > 0 && --dev.resets_after == 0) {
            dev.bar[VIRTIO_STATUS] = 0;
        }
        return value;
    case VIRTIO_GENERATION:
        return dev.restless ? dev.reads++ & 0xff : value;
    case VIRTIO_NUM_QUEUES:
        return 1;
    case VIRTIO_QUEUE_SIZE:
        return dev.queue_max;
    case VIRTIO_QUEUE_NOTIFY_OFF:
        return dev.notify_off;
    }
    return value;
}

static void reg_write(volatile void *at, uint32_t width, uint32_t value)
{
    uint32_t offset = (uint32_t)((volatile uint8_t *)at - dev.bar);

    assert_true(offset + width <= sizeof dev.bar);
    if (offset == VIRTIO_STATUS && value == 0 && dev.resets_after != 0) {
        return; // takes its time
    }
    if (offset == VIRTIO_STATUS && (value & VIRTIO_FEATURES_OK) && (dev.accepted & dev.refuses)) {
        value &= ~(uint32_t)VIRTIO_FEATURES_OK;
    }
    if (offset == VIRTIO_DEVICE_FEATURE_SELECT) {
        dev.select = value;
    } else if (offset == VIRTIO_DRIVER_FEATURE_SELECT) {
        dev.driver_select = value;
    } else if (offset == VIRTIO_DRIVER_FEATURE) {
        dev.accepted |= (uint64_t)value << (dev.driver_select ? 32 : 0);
    } else if (offset == VIRTIO_QUEUE_VECTOR && dev.refuses_vector) {
        value = VIRTIO_NO_VECTOR;
    }
    memcpy(dev.bar + offset, &value, width);
}

static const struct virtio_registers registers = {reg_read, reg_write};

static struct virtio_device fresh(void)
{
    memset(&dev, 0, sizeof dev);
    dev.offers = VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_RO | 1ull << 40;
    dev.queue_max = 256;
    return (struct virtio_device){.base = dev.bar, .at = layout, .reg = &registers};
}

static void test_reset(void **)
{
    struct virtio_device d = fresh();

    dev.bar[VIRTIO_STATUS] = 15;
    assert_int_equal(virtio_reset(&d, 0), OK);
    dev.bar[VIRTIO_STATUS] = 15;
    dev.resets_after = 50;
    assert_int_equal(virtio_reset(&d, 100), OK);
    dev.bar[VIRTIO_STATUS] = 15;
    dev.resets_after = -1;
    assert_int_equal(virtio_reset(&d, 100), ERR_IO);
}

static void test_negotiate(void **)
{
    struct virtio_device d = fresh();

    assert_int_equal(virtio_negotiate(&d, 0, VIRTIO_BLK_F_RO | VIRTIO_BLK_F_FLUSH), OK);
    assert_int_equal(d.features, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_RO);
    assert_int_equal(dev.accepted, d.features); // what was not asked for is not accepted
    assert_int_equal(dev.bar[VIRTIO_STATUS],
                     VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    virtio_run(&d);
    assert_true(dev.bar[VIRTIO_STATUS] & VIRTIO_DRIVER_OK);
}

static void test_refusals(void **)
{
    struct virtio_device d = fresh();

    dev.offers = VIRTIO_BLK_F_RO; // a legacy device
    assert_int_equal(virtio_negotiate(&d, 0, 0), ERR_UNSUPPORTED);
    assert_true(dev.bar[VIRTIO_STATUS] & VIRTIO_FAILED);
    d = fresh();
    assert_int_equal(virtio_negotiate(&d, VIRTIO_F_INDIRECT, 0), ERR_UNSUPPORTED);
    d = fresh();
    dev.refuses = VIRTIO_BLK_F_RO;
    assert_int_equal(virtio_negotiate(&d, 0, VIRTIO_BLK_F_RO), ERR_UNSUPPORTED);
}

static void test_queue(void **)
{
    static _Alignas(4096) uint8_t memory[2 * 4096];
    struct virtio_device d = fresh();
    struct virtq q;
    volatile uint16_t *doorbell;
    uint64_t pages[] = {0x123456000, 0x777000}, value;

    dev.notify_off = 3;
    virtq_init(&q, 256, memory);
    assert_int_equal(virtio_queue_start(&d, 0, &q, pages, 0, &doorbell), OK);
    memcpy(&value, dev.bar + VIRTIO_QUEUE_DESC, 8);
    assert_int_equal(value, 0x123456000);
    memcpy(&value, dev.bar + VIRTIO_QUEUE_DRIVER, 8);
    assert_int_equal(value, 0x777000); // the second page, wherever it is
    assert_int_equal(dev.bar[VIRTIO_QUEUE_ENABLE], 1);
    virtio_notify(doorbell, 0);
    assert_ptr_equal((const uint8_t *)doorbell, dev.bar + 0x3000 + 12);

    dev.queue_max = 128;
    assert_int_equal(virtio_queue_start(&d, 0, &q, pages, 0, &doorbell), ERR_UNSUPPORTED);
    dev.queue_max = 256;
    assert_int_equal(virtio_queue_start(&d, 1, &q, pages, 0, &doorbell), ERR_UNSUPPORTED);
    dev.notify_off = 0x400; // beyond its own notification area
    assert_int_equal(virtio_queue_start(&d, 0, &q, pages, 0, &doorbell), ERR_UNSUPPORTED);
    dev.notify_off = 0;
    dev.refuses_vector = true;
    assert_int_equal(virtio_queue_start(&d, 0, &q, pages, 0, &doorbell), ERR_IO);
}

static void test_config(void **)
{
    struct virtio_device d = fresh();
    uint64_t capacity = 0x123456789abcdef;

    memcpy(dev.bar + 0x2000, &capacity, 8);
    assert_int_equal(virtio_config64(&d, 0), capacity);
    assert_int_equal(virtio_config32(&d, 0x3c), 0);
    assert_int_equal(virtio_config32(&d, 0x3d), 0); // beyond the end
    dev.restless = true;
    assert_int_equal(virtio_config64(&d, 0), capacity); // returns at all
}

// ---- Capabilities ----

static uint8_t space[4096];

static uint32_t config_read(void *, uint32_t offset, uint32_t width)
{
    uint32_t value = 0;

    assert_true(offset + width <= sizeof space);
    memcpy(&value, space + offset, width);
    return value;
}

static void put_cap(uint8_t at, uint8_t next, uint8_t type, uint8_t bar, uint32_t offset,
                    uint32_t bytes)
{
    space[at] = 9;
    space[at + 1] = next;
    space[at + 2] = 20;
    space[at + 3] = type;
    space[at + 4] = bar;
    memcpy(space + at + 8, &offset, 4);
    memcpy(space + at + 12, &bytes, 4);
}

static void good_space(void)
{
    memset(space, 0, sizeof space);
    space[6] = 0x10;
    space[0x34] = 0x40;
    space[0x40] = 0x11; // MSI-X first
    space[0x41] = 0x50;
    put_cap(0x50, 0x64, VIRTIO_CAP_COMMON, 4, 0, 0x1000);
    put_cap(0x64, 0x78, VIRTIO_CAP_ISR, 4, 0x1000, 0x1000);
    put_cap(0x78, 0x8c, VIRTIO_CAP_DEVICE, 4, 0x2000, 0x1000);
    put_cap(0x8c, 0, VIRTIO_CAP_NOTIFY, 4, 0x3000, 0x1000);
    space[0x9c] = 4;
}

static void test_find(void **)
{
    struct virtio_layout at;

    good_space();
    assert_int_equal(virtio_find_layout(config_read, nullptr, &at), OK);
    assert_int_equal(at.bar, 4);
    assert_int_equal(at.config, 0x2000);
    assert_int_equal(at.notify, 0x3000);
    assert_int_equal(at.notify_multiplier, 4);
    at.bar_bytes = 0x4000;
    assert_true(virtio_layout_fits(&at));
    at.bar_bytes = 0x3fff;
    assert_false(virtio_layout_fits(&at));
}

static void test_find_hostile(void **)
{
    struct virtio_layout at;

    good_space();
    space[6] = 0; // no list at all
    assert_int_equal(virtio_find_layout(config_read, nullptr, &at), ERR_UNSUPPORTED);
    good_space();
    space[0x51] = 0x50; // a circle, before the rest is reached
    assert_int_equal(virtio_find_layout(config_read, nullptr, &at), ERR_UNSUPPORTED);
    good_space();
    space[0x68] = 5; // spread over two BARs
    assert_int_equal(virtio_find_layout(config_read, nullptr, &at), ERR_UNSUPPORTED);
    good_space();
    space[0x54] = 6; // no such BAR
    assert_int_equal(virtio_find_layout(config_read, nullptr, &at), ERR_UNSUPPORTED);
    good_space();
    put_cap(0x50, 0x64, VIRTIO_CAP_COMMON, 4, 0xfffffff0, 0x1000);
    assert_int_equal(virtio_find_layout(config_read, nullptr, &at), OK);
    at.bar_bytes = 0x4000;
    assert_false(virtio_layout_fits(&at)); // offset + length runs around
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset),        cmocka_unit_test(test_negotiate),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_queue),
        cmocka_unit_test(test_config),       cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_hostile),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
