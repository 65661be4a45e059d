// SPDX-License-Identifier: MIT
// The shell's side of the output: see shell.h for that of the commands.
#pragma once
#include "apps/lib/outcome.h"

struct command;

// From here on complaints name this command (nullptr: none) and are counted from 0.
void output_begin(const struct command *command);
int output_failures(void);

// say() goes into a file until output_end(), which tells whether all of it got there.
struct outcome output_to_file(const char *path, bool append);
struct outcome output_end(void);
bool output_is_terminal(void);

// Shows on the terminal what was said so far.
void output_flush(void);
// The same, and waits until it has left the machine.
void output_drain(void);
