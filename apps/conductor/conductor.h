// SPDX-License-Identifier: MIT
// The parts of the conductor: the channel to the host, events of the supervisor, commands of the host.
#pragma once
#include "apps/lib/json.h"
#include "interfaces/conductor.types.h"
#include "kernel/abi/handle.h"
#include <stddef.h>
#include <stdint.h>

enum { LINE_MAX = 1000 }; // bytes of an event line, apps/README.md

// ---- channel.c: the second serial line ----

// Calls on_byte for everything the host sends. false: the line cannot be used.
bool channel_open(void (*on_byte)(char byte));
// Whole lines, one or more; they go out at commit, or when the host listens. There must be room: more
// than 80 KiB, once all is out, and a little more for single lines.
void channel_write(const char *lines, size_t n);
size_t channel_room(void);
enum { CHANNEL_ROOM = 1 }; // rt_await: until there is more
bool channel_is_empty(void);
// Waits until all that was sent has left the machine.
void channel_drain(void);
// Reads what the host has sent, at commit.
void channel_poll(void);

// Starts an event in a buffer of LINE_MAX bytes; event_end() writes it.
void event_start(struct json *j, char *buffer, const char *kind);
void event_end(struct json *j);

// ---- supervisor.c: what rs and its twin have to tell ----

// Who commands that service: the twin commands rs.
handle_t supervisor_of(const char *service);

// Writes what happened since the last call; if that is much, also in transactions after this one.
void supervisor_poll(void);
// Writes the state of all services.
void supervisor_services(void);

// ---- orders.c: what the host wants ----

void orders_byte(char byte);
extern enum conductor_order current_order;
