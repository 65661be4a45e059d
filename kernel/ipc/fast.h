// SPDX-License-Identifier: MIT
// The fast path of call and reply_recv. If any of their preconditions does not hold, they change
// nothing and pass on to the ordinary handlers.
#pragma once
#include "kernel/base.h"

void fast_call(struct cpu *, struct thread *);
void fast_reply_recv(struct cpu *, struct thread *);
// kernel/system/dispatch.c: the call in the thread's registers by its handler, and what follows.
void ordinary_call(struct cpu *, struct thread *);
