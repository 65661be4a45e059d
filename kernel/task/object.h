// SPDX-License-Identifier: MIT
// Kernel objects: what handles name. Counted references; the last one puts the object on the work
// list, where it is taken apart in bounded steps on the way out of the kernel and while idle.
#pragma once
#include "kernel/mem/account.h"
#include "kernel/mem/slab.h"

enum { OBJECT_TYPES = OBJ_IORANGE + 1 };

struct object {
    uint8_t type;     // enum object_type
    bool listed;      // on the work list
    uint64_t refs;
    uint64_t id;
    struct account *account; // pays `charged` bytes for it
    uint64_t charged;
    struct object *next_work;
};

// Allocates and charges one object with one reference, owned by the caller of this function.
// extra: bytes charged besides the slab item (contents of a memory object, for instance).
MUST_USE enum status object_create(struct slab *, enum object_type, struct account *,
                                   uint64_t extra, void *out);
// Uncharges and frees the structure itself; called by the type's step function.
void object_free(struct slab *, struct object *);
static inline void object_get(struct object *o)
{
    o->refs++;
}
void object_put(struct object *);
// Lets another account pay. ERR_QUOTA: nothing changed.
MUST_USE enum status object_recharge(struct object *, struct account *);

// Asks for work_run to call the type's step function on the way out of the kernel.
void object_need_work(struct object *);
// Takes up to `steps` bounded steps; true if work is left.
bool work_run(uint32_t steps);
extern struct object *work_head; // first of the list
static inline bool work_pending(void)
{
    return work_head != NULL;
}
uint64_t work_waiting(void); // objects on the list

uint64_t object_living(enum object_type);
