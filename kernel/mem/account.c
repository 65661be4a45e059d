// SPDX-License-Identifier: MIT
#include "kernel/mem/account.h"
#include "kernel/mem/slab.h"

struct account root_account = {.refs = 1};
static struct slab account_slab = SLAB(struct account);

enum status account_charge(struct account *a, uint64_t bytes)
{
    if (bytes > a->limit - a->used) {
        return ERR_QUOTA;
    }
    a->used += bytes;
    return OK;
}

void account_uncharge(struct account *a, uint64_t bytes)
{
    ASSERT(bytes <= a->used);
    a->used -= bytes;
}

enum status account_create(struct account *parent, uint64_t limit, struct account **out)
{
    if (limit > UINT64_MAX - account_slab.size) {
        return ERR_QUOTA;
    }
    enum status status = account_charge(parent, limit + account_slab.size);
    if (status != OK) {
        return status;
    }
    struct account *a = slab_alloc(&account_slab);
    if (a == NULL) {
        account_uncharge(parent, limit + account_slab.size);
        return ERR_MEMORY;
    }
    *a = (struct account){.parent = parent, .limit = limit, .refs = 1};
    parent->refs++;
    *out = a;
    return OK;
}

void account_get(struct account *a)
{
    a->refs++;
}

void account_put(struct account *a)
{
    while (--a->refs == 0) {
        struct account *parent = a->parent;
        ASSERT(a->used == 0 && parent != NULL);
        account_uncharge(parent, a->limit + account_slab.size);
        slab_free(&account_slab, a);
        a = parent;
    }
}

enum status account_set_limit(struct account *a, uint64_t limit)
{
    if (limit < a->used) {
        return ERR_STATE;
    }
    if (limit > a->limit) {
        enum status status = account_charge(a->parent, limit - a->limit);
        if (status != OK) {
            return status;
        }
    } else {
        account_uncharge(a->parent, a->limit - limit);
    }
    a->limit = limit;
    return OK;
}
