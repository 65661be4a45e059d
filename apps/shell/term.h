// SPDX-License-Identifier: MIT
// The terminal: a line of the console service.
#pragma once
#include "kernel/abi/handle.h"
#include <stddef.h>

// Takes the line that `console` stands for. false: it cannot be used.
bool term_open(handle_t console);

// Collects output and sends it when there is much of it or when term_flush is called.
void term_write(const char *bytes, size_t n);
void term_flush(void);
// The same, and waits until it has left the machine.
void term_drain(void);

// The next byte typed; sends what was written before it waits.
unsigned char term_key(void);

// Ctrl-C was typed since term_forget(). What was typed before it is dropped.
bool term_interrupted(void);
void term_forget(void);
