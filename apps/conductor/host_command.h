// SPDX-License-Identifier: MIT
// Command lines of the host: bytes to lines, lines to what is meant. Pure C.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { HOST_LINE = 120 };

// Collects bytes until a line is whole.
struct host_line {
    char text[HOST_LINE];
    size_t length;
    bool too_long; // what does not fit makes the whole line invalid
};

enum host_line_state { LINE_MORE, LINE_WHOLE, LINE_TOO_LONG };

// LINE_WHOLE: ->text is the line, zero-terminated, without its end; the next byte begins a new one. Empty lines
// are skipped. LINE_TOO_LONG: a line ended that did not fit; ->text has its beginning.
enum host_line_state host_line_byte(struct host_line *l, char byte);

enum host_verb {
    VERB_KILL, VERB_HOLD, VERB_RELEASE, VERB_RESTART, VERB_MOVE, // of a service
    VERB_START, VERB_PAUSE, VERB_RESUME, VERB_FINISH, // for the workload
    VERB_SERVICES, VERB_POWEROFF,
};

struct host_command {
    enum host_verb verb;
    char service[32]; // of the first five
    uint32_t how;     // enum rs_how, of VERB_KILL
};

// nullptr, or a sentence that says what is wrong with the line.
const char *host_command_parse(struct host_command *c, const char *line);
