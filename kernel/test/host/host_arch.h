// SPDX-License-Identifier: MIT
// What tests may set and see of the host's stand-in for a processor.
#pragma once
#include "kernel/base.h"
#include <setjmp.h>

enum { HOST_LEVEL_GSI = 10 }; // level-triggered, whatever a driver believes
enum : uint64_t { HOST_RAM_BYTES = 256 << 20, HOST_RAM_FIRST = 2 << 20 };

// A serial line that has host_unread bytes of input: 0xf0 the last one, 0xef the one before.
enum { HOST_SERIAL = 0x2f8, HOST_SERIAL_STATUS = 5 };
extern uint32_t host_unread;

enum { HOST_WRITTEN = 128 };

struct host_write {
    uint16_t port;
    uint32_t value;
};
extern struct host_write host_written[HOST_WRITTEN]; // a ring: what went to ports last
extern uint64_t host_writes;                         // how much it was in all
extern uint64_t host_flushes;
extern bool host_halted;
extern jmp_buf *host_halt_to; // where to go on when the machine halts; NULL: that ends the test
extern bool host_irq_masked[IRQ_VECTORS], host_irq_used[IRQ_VECTORS];
void host_ram_create(void);
