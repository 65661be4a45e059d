// SPDX-License-Identifier: MIT
// What the tests of lives and deaths share: three services under the real supervisor code, on a played kernel (fake.h).
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rs/events.h"
#include "rs/kept.h"
#include "rs/record.h"
#include "rs/test/fake.h"

enum : uint64_t { MS = 1000000 };

extern uint64_t now; // ns, where the played clock has been brought to
// Time goes on.
void pass(uint64_t ms);
struct service *one(uint32_t number);
// 2 needs 1, 3 needs both; 3 may command. `moves`: they take over state.
int begin_all(bool moves);
int begin(void **);
int begin_moving(void **);
int end(void **);
void all_ready(void);
// What the body of that service was started with.
const struct startup *given(uint32_t number);
// nullptr: there is none of that kind.
const struct rs_event *last_event(enum rs_event_kind kind);
