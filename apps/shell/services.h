// SPDX-License-Identifier: MIT
// What the commands about services share.
#pragma once
#include "kernel/abi/status.h"
#include <stdint.h>

// A fixed field from another domain need not be terminated.
#define FIELD(array) (int)sizeof(array), (array)

int complain_status(const char *what, enum status status); // returns 1
// The same of a command to service `number`, as find_service found it: if its state forbids the command, which that is.
int complain_refusal(const char *name, uint32_t number, enum status status);
// The number of the service that a word names. 0 after complaining: the supervisor's own, which
// nobody may command.
uint32_t find_service(const char *word);
const char *death_cause_text(uint32_t cause);

// One of the supervisor's records, for people.
struct rs_death;
struct rs_event;
struct rs_letter;
void show_event(const struct rs_event *e);
void show_incident(const struct rs_death *d);
void show_letter(const struct rs_letter *l);
