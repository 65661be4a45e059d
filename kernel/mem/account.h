// SPDX-License-Identifier: MIT
// Accounts: who pays for memory. Each byte the kernel hands out is charged to one account; a new
// account's limit is carved out of its parent's, so the sum over all can never exceed the machine.
#pragma once
#include "kernel/base.h"

struct account {
    struct account *parent; // NULL: the root account
    uint64_t limit, used;   // bytes; used includes what was carved out for children
    uint64_t refs;          // objects charged to it, tasks that pay with it, child accounts
};

extern struct account root_account; // limit set by kernel_start; never freed

// ERR_QUOTA if less than `bytes` is left.
MUST_USE enum status account_charge(struct account *, uint64_t bytes);
void account_uncharge(struct account *, uint64_t bytes);
// A child with one reference, for the caller. The parent pays for limit and structure.
MUST_USE enum status account_create(struct account *parent, uint64_t limit, struct account **);
void account_get(struct account *);
void account_put(struct account *); // the last one gives the limit back to the parent
// Moves the difference between the child's old and new limit from or to its parent.
// ERR_QUOTA: the parent has not that much left. ERR_STATE: more than the new limit is in use.
MUST_USE enum status account_set_limit(struct account *, uint64_t limit);
