// SPDX-License-Identifier: MIT
// The fast path of call and reply_recv. Both return false, with nothing changed, if any of their
// preconditions does not hold; the ordinary handlers then do the work.
#pragma once
#include "kernel/base.h"

bool fast_call(struct cpu *, struct thread *);
bool fast_reply_recv(struct cpu *, struct thread *);
