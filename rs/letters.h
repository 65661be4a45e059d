// SPDX-License-Identifier: MIT
// Dead letters: requests that killed each time they were tried, kept for whoever looks for the
// reason.
#pragma once
#include "rs/service.h"

const char *letters_init(void);
// The request in flight at this death shall not be run again.
void letter_add(struct service *s, const struct rs_death *d);
// When the service has answered it, it knows more of it than the supervisor can.
void letter_collect(struct service *s);

struct kept;
void letters_keep(struct kept *k); // as records_keep

uint32_t letters_kept(void);
const struct rs_letter *letter_at(uint32_t i); // oldest first
const struct rs_letter *letter_find(uint64_t sequence); // nullptr: not kept
