// SPDX-License-Identifier: MIT
// Memory that outlives a restart of the machine: the kernel's last words, and what the root task
// writes into the rest of it. See docs/decisions/0016-kept-memory.md.
#pragma once
#include "kernel/mem/memory.h"

enum { KEPT_WORDS = 128 };

// Why the kernel ends the machine, for the next boot; the last call counts. Any context, also a
// panic. Nothing happens on a machine without kept memory.
void kept_say(const char *text);
// What the boot before has said, with a final zero; empty: nothing, or what lay there is not that.
// It is said once.
void kept_hear(char text[KEPT_WORDS]);
// The part that is the root task's; the reference is the caller's. ERR_NOT_FOUND: there is none.
MUST_USE enum status kept_memory(struct account *, struct memory **);
