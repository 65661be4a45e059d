// SPDX-License-Identifier: MIT
// The time service: wall clock = an offset to the monotonic clock, taken from the real-time clock
// at birth. It is state, so a rebirth is no jump in time.
#include "interfaces/time.server.h"
#include "lib/rt/tx.h"
#include "servers/time/rtc.h"

enum { INDEX_PORT = 0x70, DATA_PORT = 0x71 };
static const uint64_t second_ns = 1'000'000'000;
static const uint64_t may_set = 1ull << 31; // badge bit

static struct rtc rtc;
static uint64_t offset_ns; // unix time minus monotonic time
static bool valid;

static uint8_t cmos_read(struct rtc *r, uint8_t reg)
{
    uint32_t value = 0;

    if (sys_io_write(r->ports, INDEX_PORT, 1, reg) != OK ||
        sys_io_read(r->ports, DATA_PORT, 1, &value) != OK) {
        return 0xff;
    }
    return (uint8_t)value;
}

static void cmos_write(struct rtc *r, uint8_t reg, uint8_t value)
{
    if (sys_io_write(r->ports, INDEX_PORT, 1, reg) == OK) {
        (void)sys_io_write(r->ports, DATA_PORT, 1, value); // failed for the index already
    }
}

static void set_offset(uint64_t unix_ns, uint64_t monotonic_ns)
{
    offset_ns = unix_ns - monotonic_ns;
    valid = true;
}

static enum status do_now(struct request *, uint64_t *unix_ns, uint64_t *monotonic_ns)
{
    *monotonic_ns = rt_now_ns();
    *unix_ns = *monotonic_ns + offset_ns;
    return valid ? OK : ERR_IO;
}

static enum status do_set(struct request *rq, uint64_t unix_ns)
{
    struct rtc_raw raw;

    if ((rq->m.badge & may_set) == 0) {
        return ERR_RIGHTS;
    }
    if (unix_ns / second_ns > UINT32_MAX) {
        return ERR_RANGE;
    }
    set_offset(unix_ns, rt_now_ns());
    enum status status = rtc_read(&rtc, &raw); // for its format
    if (status == OK) {
        rtc_encode(unix_ns / second_ns, &raw);
        rtc_write(&rtc, &raw);
    }
    return status;
}

static void start_clock(void)
{
    struct rtc_raw raw;
    uint64_t seconds;

    enum status status = rtc_read(&rtc, &raw);
    if (status == OK) {
        status = rtc_decode(&raw, &seconds);
    }
    if (status == OK) {
        set_offset(seconds * second_ns, rt_now_ns());
    } else {
        log_warn("the real-time clock has no valid time (status %d)", status);
    }
}

int service_main(void)
{
    static const struct time_ops ops = {.now = do_now, .set = do_set};
    static const struct rt_interface list[] = {{TIME_PROTOCOL, time_dispatch, &ops}};

    rtc = (struct rtc){.read = cmos_read, .write = cmos_write, .ports = rt_handle("cmos")};
    start_clock();
    rt_no_checkpoints("it knows the clock of this machine since it was started, and who sleeps");
    return rt_serve(list, 1);
}
