// SPDX-License-Identifier: MIT
// The line editor. Every change redraws the line, except typing at its end, which shows one character.
#include "apps/shell/edit.h"
#include "apps/shell/edit_internal.h"
#include <stdlib.h>
#include <string.h>

static void show(struct editor *e, const char *text)
{
    e->show(text, strlen(text), e->arg);
}

// ---- Characters: UTF-8, one column each ----

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t before(const struct editor *e, size_t at)
{
    do {
        at -= at > 0;
    } while (at > 0 && continues(e->line[at]));
    return at;
}

static size_t after(const struct editor *e, size_t at)
{
    do {
        at += at < e->length;
    } while (at < e->length && continues(e->line[at]));
    return at;
}

static size_t columns(const char *text, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        n += !continues(text[i]);
    }
    return n;
}

static size_t word_left(const struct editor *e, size_t at)
{
    while (at > 0 && e->line[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && e->line[at - 1] != ' ') {
        at--;
    }
    return at;
}

static size_t word_right(const struct editor *e, size_t at)
{
    while (at < e->length && e->line[at] == ' ') {
        at++;
    }
    while (at < e->length && e->line[at] != ' ') {
        at++;
    }
    return at;
}

// ---- Showing ----

static void move_right(struct editor *e, size_t n)
{
    char digits[8], *p = digits + sizeof(digits);
    if (n == 0) {
        return;
    }
    *--p = 0;
    *--p = 'C';
    for (; n > 0; n /= 10) {
        *--p = (char)('0' + n % 10);
    }
    show(e, "\x1b[");
    show(e, p);
}

// Prompt and that part of the line around the cursor that fits into one row.
void edit_redraw(struct editor *e)
{
    const char *prompt = e->searching ? e->pattern : e->prompt;
    const char *mark = e->searching ? " <- " : "";
    size_t prompt_columns = columns(prompt, strlen(prompt)) + strlen(mark);
    size_t room = EDIT_COLUMNS - 1 - (prompt_columns < EDIT_COLUMNS / 2 ? prompt_columns : EDIT_COLUMNS / 2);
    size_t first = 0, last = 0, shown = 0;
    while (columns(e->line + first, e->cursor - first) > room) {
        first = after(e, first);
    }
    for (last = first; last < e->length && shown < room; shown++) {
        last = after(e, last);
    }
    show(e, "\r");
    show(e, prompt);
    show(e, mark);
    e->show(e->line + first, last - first, e->arg);
    show(e, "\x1b[K\r");
    move_right(e, prompt_columns + columns(e->line + first, e->cursor - first));
}

void edit_insert(struct editor *e, const char *text, size_t n)
{
    if (n == 0 || e->length + n >= EDIT_LINE_SIZE) {
        return;
    }
    bool at_end = e->cursor == e->length;
    memmove(e->line + e->cursor + n, e->line + e->cursor, e->length - e->cursor + 1);
    memcpy(e->line + e->cursor, text, n);
    e->length += n;
    e->cursor += n;
    if (at_end && columns(e->prompt, strlen(e->prompt)) + columns(e->line, e->length) < EDIT_COLUMNS) {
        e->show(text, n, e->arg);
    } else if (!continues(text[0])) {
        edit_redraw(e);
    }
}

void edit_set_line(struct editor *e, const char *text)
{
    size_t n = strlen(text);
    e->length = n < EDIT_LINE_SIZE ? n : EDIT_LINE_SIZE - 1;
    memmove(e->line, text, e->length);
    e->line[e->length] = 0;
    e->cursor = e->length;
}

// Removes [from, to), keeping it for ^Y if asked to.
static void cut(struct editor *e, size_t from, size_t to, bool keep)
{
    if (from == to) {
        return;
    }
    if (keep) {
        memcpy(e->killed, e->line + from, to - from);
        e->killed[to - from] = 0;
    }
    memmove(e->line + from, e->line + to, e->length - to + 1);
    e->length -= to - from;
    e->cursor = from;
    edit_redraw(e);
}

static void move(struct editor *e, size_t to)
{
    if (to != e->cursor) {
        e->cursor = to;
        edit_redraw(e);
    }
}

// Exchanges the two characters before the cursor (or around it, inside the line).
static void transpose(struct editor *e)
{
    size_t right = e->cursor == e->length ? before(e, e->cursor) : e->cursor;
    size_t left = before(e, right), end = after(e, right);
    char spare[8];
    if (right == 0 || right - left > sizeof(spare)) {
        return;
    }
    memcpy(spare, e->line + left, right - left);
    memmove(e->line + left, e->line + right, end - right);
    memcpy(e->line + left + (end - right), spare, right - left);
    e->cursor = end;
    edit_redraw(e);
}

// ---- Keys ----

static enum edit_event finish(struct editor *e, enum edit_event event)
{
    if (event == EDIT_DONE && (e->searching || e->cursor != e->length)) {
        e->searching = false;
        e->cursor = e->length;
        edit_redraw(e);
    }
    e->searching = false;
    show(e, event == EDIT_CANCEL ? "^C\r\n" : "\r\n");
    return event;
}

static enum edit_event control(struct editor *e, unsigned char key)
{
    switch (key) {
    case 'A' - '@': move(e, 0); break;
    case 'B' - '@': move(e, before(e, e->cursor)); break;
    case 'C' - '@': return finish(e, EDIT_CANCEL);
    case 'D' - '@':
        if (e->length == 0) {
            return finish(e, EDIT_END);
        }
        cut(e, e->cursor, after(e, e->cursor), false);
        break;
    case 'E' - '@': move(e, e->length); break;
    case 'F' - '@': move(e, after(e, e->cursor)); break;
    case 'H' - '@':
    case 0x7f: cut(e, before(e, e->cursor), e->cursor, false); break;
    case '\t': return EDIT_COMPLETE;
    case '\n':
    case '\r': return finish(e, EDIT_DONE);
    case 'K' - '@': cut(e, e->cursor, e->length, true); break;
    case 'L' - '@':
        show(e, "\x1b[H\x1b[2J");
        edit_redraw(e);
        break;
    case 'N' - '@': edit_history_step(e, 1); break;
    case 'P' - '@': edit_history_step(e, -1); break;
    case 'R' - '@': edit_search_start(e); break;
    case 'T' - '@': transpose(e); break;
    case 'U' - '@': cut(e, 0, e->cursor, true); break;
    case 'W' - '@': cut(e, word_left(e, e->cursor), e->cursor, true); break;
    case 'Y' - '@': edit_insert(e, e->killed, strlen(e->killed)); break;
    case 0x1b: e->state = KEY_ESCAPE; break;
    }
    return EDIT_MORE;
}

static enum edit_event after_escape(struct editor *e, unsigned char byte)
{
    e->state = byte == '[' ? KEY_CSI : byte == 'O' ? KEY_SS3 : KEY_PLAIN;
    e->number = 0;
    if (byte == 'b') {
        move(e, word_left(e, e->cursor));
    } else if (byte == 'f') {
        move(e, word_right(e, e->cursor));
    } else if (byte == 'd') {
        cut(e, e->cursor, word_right(e, e->cursor), true);
    }
    return EDIT_MORE;
}

// The end of a sequence like ESC [ A or ESC [ 3 ~.
static enum edit_event sequence(struct editor *e, unsigned char byte)
{
    if (byte >= '0' && byte <= '9') {
        e->number = e->number < 1000 ? e->number * 10 + (byte - '0') : e->number;
        return EDIT_MORE;
    }
    if (byte == ';') {
        e->number = 0; // only the last parameter counts
        return EDIT_MORE;
    }
    e->state = KEY_PLAIN;
    switch (byte) {
    case 'A': edit_history_step(e, -1); break;
    case 'B': edit_history_step(e, 1); break;
    case 'C': move(e, e->number == 5 ? word_right(e, e->cursor) : after(e, e->cursor)); break;
    case 'D': move(e, e->number == 5 ? word_left(e, e->cursor) : before(e, e->cursor)); break;
    case 'F': move(e, e->length); break;
    case 'H': move(e, 0); break;
    case '~':
        if (e->number == 1 || e->number == 7) {
            move(e, 0);
        } else if (e->number == 4 || e->number == 8) {
            move(e, e->length);
        } else if (e->number == 3) {
            cut(e, e->cursor, after(e, e->cursor), false);
        }
        break;
    }
    return EDIT_MORE;
}

enum edit_event edit_key(struct editor *e, unsigned char byte)
{
    if (e->state == KEY_ESCAPE) {
        return after_escape(e, byte);
    }
    if (e->state != KEY_PLAIN) {
        return sequence(e, byte);
    }
    if (e->searching && edit_search_key(e, byte)) {
        return EDIT_MORE;
    }
    if (byte < 0x20 || byte == 0x7f) {
        return control(e, byte);
    }
    edit_insert(e, (char *)&byte, 1);
    return EDIT_MORE;
}

void edit_init(struct editor *e, void (*show_)(const char *bytes, size_t n, void *arg), void *arg)
{
    memset(e, 0, sizeof(*e));
    e->show = show_;
    e->arg = arg;
}

void edit_start(struct editor *e, const char *prompt)
{
    e->prompt = prompt;
    e->length = e->cursor = 0;
    e->line[0] = 0;
    e->history_at = e->history_count;
    e->state = KEY_PLAIN;
    e->searching = false;
    show(e, prompt);
}
