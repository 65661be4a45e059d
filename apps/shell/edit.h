// SPDX-License-Identifier: MIT
// The line editor: bytes from the terminal in, a line out. Pure C without a system under it: what it
// wants to show goes through `show`. Understands ANSI terminals (VT100 and later).
//
// Keys: arrows, Home End Delete, ^A ^E ^B ^F ^D ^H ^K ^U ^W ^Y ^L ^P ^N ^T, Alt-B Alt-F, ^R to search back.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { EDIT_LINE_SIZE = 1024, EDIT_HISTORY = 64, EDIT_COLUMNS = 80 };

enum edit_event {
    EDIT_MORE,     // nothing for the caller
    EDIT_DONE,     // Enter: the line is in ->line; call edit_start for the next one
    EDIT_CANCEL,   // Ctrl-C
    EDIT_END,      // Ctrl-D on an empty line
    EDIT_COMPLETE, // Tab: the caller may edit_insert() or show candidates and edit_redraw()
};

struct editor {
    char line[EDIT_LINE_SIZE]; // zero-terminated
    size_t length, cursor;     // bytes; the cursor never stands inside a character

    // The rest is the editor's own.
    void (*show)(const char *bytes, size_t n, void *arg);
    void *arg;
    const char *prompt;
    char *history[EDIT_HISTORY]; // newest last
    size_t history_count, history_at; // history_at == history_count: the line being written
    char unfinished[EDIT_LINE_SIZE];  // that line while an older one is shown
    char killed[EDIT_LINE_SIZE];      // for ^Y
    enum { KEY_PLAIN, KEY_ESCAPE, KEY_CSI, KEY_SS3 } state;
    unsigned number; // of a sequence like ESC [ 3 ~
    bool searching;
    char pattern[64];
    size_t pattern_length;
};

// Zeroes the editor; show() gets everything for the terminal.
void edit_init(struct editor *e, void (*show)(const char *bytes, size_t n, void *arg), void *arg);

// Begins an empty line behind `prompt`, which must live until the line is done.
void edit_start(struct editor *e, const char *prompt);

// Takes one byte of input.
enum edit_event edit_key(struct editor *e, unsigned char byte);

// Inserts text at the cursor and shows it. What does not fit is dropped.
void edit_insert(struct editor *e, const char *text, size_t n);

// Shows prompt and line again, for instance after something else was written.
void edit_redraw(struct editor *e);

// Adds a line to the history; empty ones and repetitions of the last one are not kept.
void edit_remember(struct editor *e, const char *line);
