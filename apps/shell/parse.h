// SPDX-License-Identifier: MIT
// Command lines: words, quotes, and where the output goes. Pure C.
#pragma once
#include <stddef.h>

enum { PARSE_WORDS = 64, PARSE_BYTES = 1280 };

struct command_line {
    int argc;
    char *argv[PARSE_WORDS + 1]; // nullptr after the last
    const char *output;          // file after > or >>, nullptr: the terminal
    bool append;                 // it was >>
    const char *rest;            // what follows a ';', nullptr if nothing does
    char bytes[PARSE_BYTES];     // where the words are
};

// Splits a line at blanks up to its end or an unquoted ';'. 'text' is taken as it is; in "text" and outside of
// quotes a backslash takes the next character as it is; # begins a comment. Returns nullptr, or what is wrong.
const char *parse_line(struct command_line *c, const char *line);

// The word in which `cursor` stands, unquoted up to the cursor, for completion. *start: where it begins in the
// line; *index: how many words stand before it in its command. false: it is too long.
bool parse_word_at(const char *line, size_t cursor, char word[PARSE_BYTES], size_t *start, int *index);

// `word` with a backslash before each character that would otherwise end it or mean something. false: no room.
bool parse_quote(const char *word, char *to, size_t size);
