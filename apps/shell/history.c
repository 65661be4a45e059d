// SPDX-License-Identifier: MIT
// Older lines: stepping through them and searching back.
#include "apps/shell/edit_internal.h"
#include <stdlib.h>
#include <string.h>

void edit_remember(struct editor *e, const char *line)
{
    if (line[0] == 0 || (e->history_count > 0 && strcmp(e->history[e->history_count - 1], line) == 0)) {
        return;
    }
    char *copy = strdup(line);
    if (!copy) {
        return; // a history that lacks a line is better than a shell that dies
    }
    if (e->history_count == EDIT_HISTORY) {
        free(e->history[0]);
        memmove(e->history, e->history + 1, (EDIT_HISTORY - 1) * sizeof(e->history[0]));
        e->history_count--;
    }
    e->history[e->history_count++] = copy;
    e->history_at = e->history_count;
}

static void go_to(struct editor *e, size_t at)
{
    if (e->history_at == e->history_count) {
        memcpy(e->unfinished, e->line, e->length + 1);
    }
    e->history_at = at;
    edit_set_line(e, at == e->history_count ? e->unfinished : e->history[at]);
    edit_redraw(e);
}

void edit_history_step(struct editor *e, int by)
{
    if (by < 0 ? e->history_at > 0 : e->history_at < e->history_count) {
        go_to(e, e->history_at + (size_t)by);
    }
}

// The youngest line before number `from` that contains the pattern.
static void find_before(struct editor *e, size_t from)
{
    for (size_t i = from; i-- > 0;) {
        if (strstr(e->history[i], e->pattern)) {
            go_to(e, i);
            return;
        }
    }
    edit_redraw(e); // nothing older: stay
}

void edit_search_start(struct editor *e)
{
    e->searching = true;
    e->pattern_length = 0;
    e->pattern[0] = 0;
    edit_redraw(e);
}

bool edit_search_key(struct editor *e, unsigned char byte)
{
    if (byte == 'R' - '@') {
        find_before(e, e->history_at);
        return true;
    }
    if (byte == 0x7f || byte == 'H' - '@') {
        e->pattern_length -= e->pattern_length > 0;
        e->pattern[e->pattern_length] = 0;
        edit_redraw(e);
        return true;
    }
    if (byte >= 0x20) {
        if (e->pattern_length + 1 < sizeof(e->pattern)) {
            e->pattern[e->pattern_length++] = (char)byte;
            e->pattern[e->pattern_length] = 0;
        }
        // The line that is shown may still fit.
        find_before(e, e->history_at < e->history_count ? e->history_at + 1 : e->history_count);
        return true;
    }
    e->searching = false;
    edit_redraw(e);
    return byte == 'G' - '@';
}
