// SPDX-License-Identifier: MIT
// Interrupt objects: one line or message-signalled vector, turned into notification bits of a port.
#pragma once
#include "kernel/task/object.h"

struct port;

struct irq {
    struct object obj;
    uint32_t vector;
    bool level;        // masked when it fires, until irq_ack
    struct port *port; // holds a reference; NULL: not bound
    uint64_t bits;
    struct irq_msi_info msi; // address 0: not message-signalled
};

static inline struct irq *irq_of(struct object *o)
{
    return (struct irq *)o;
}

bool irq_step(struct object *);
void irq_fired(uint32_t vector);
