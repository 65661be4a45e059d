// SPDX-License-Identifier: MIT
#include "apps/shell/complete.h"
#include "apps/lib/files.h"
#include "apps/shell/parse.h"
#include "apps/shell/shell.h"
#include "apps/shell/term.h"
#include "interfaces/rs.client.h"
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 60 };

// What fits the word so far.
struct candidates {
    const char *prefix; // the part that all have in common with the word
    size_t prefix_length;
    size_t count;
    char common[256]; // the longest beginning of all of them
    bool directory;   // of the only one
    bool show;        // second pass: write them
};

static void offer(struct candidates *c, const char *name, bool directory)
{
    if (strncmp(name, c->prefix, c->prefix_length) != 0 || strlen(name) >= sizeof(c->common)) {
        return;
    }
    if (c->show) {
        if (c->count++ < SHOWN_MAX) {
            term_write(name, strlen(name));
            term_write(directory ? "/  " : "  ", directory ? 3 : 2);
        }
        return;
    }
    if (c->count++ == 0) {
        strcpy(c->common, name);
        c->directory = directory;
        return;
    }
    size_t n = 0;
    while (c->common[n] && c->common[n] == name[n]) {
        n++;
    }
    c->common[n] = 0;
}

static void offer_commands(struct candidates *c)
{
    for (const struct command *it = commands; it->name; it++) {
        offer(c, it->name, false);
    }
}

static void offer_services(struct candidates *c)
{
    size_t bytes = (RS_SERVICES_MAX + 1) * sizeof(struct rs_service);
    struct rs_service *all = malloc(bytes);
    uint32_t count = 0;
    if (all && rs_list(shell.rs, all, bytes, &count) == OK) {
        for (uint32_t i = 1; i < count && i <= RS_SERVICES_MAX; i++) {
            all[i].name[sizeof(all[i].name) - 1] = 0;
            offer(c, all[i].name, false);
        }
    }
    free(all);
}

// The names in the directory part of `word`.
static void offer_paths(struct candidates *c, const char *word)
{
    char part[PATH_SIZE], path[PATH_SIZE];
    struct listing list;
    size_t n = (size_t)(c->prefix - word);
    if (n >= sizeof(part)) {
        return;
    }
    memcpy(part, word, n);
    part[n] = 0;
    if (!path_absolute(path, shell.directory, part) || failed(files_list(path, &list))) {
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (list.names[i].name[0] != '.' || c->prefix[0] == '.') {
            offer(c, list.names[i].name, list.names[i].kind == FS_DIR);
        }
    }
    files_free_listing(&list);
}

// Tab must not wait for a service that is not there.
static bool fs_is_ready(void)
{
    uint32_t number;
    struct rs_service s;
    return rs_find(shell.rs, "fs", 2, &number) == OK && rs_info(shell.rs, number, &s, sizeof(s)) == OK &&
           s.state == RS_READY;
}

static void collect(struct candidates *c, const struct editor *e, const char *word, int index)
{
    char first[16];
    size_t skip = strspn(e->line, " "), n = strcspn(e->line + skip, " ");
    const struct command *command = nullptr;
    if (n < sizeof(first)) {
        memcpy(first, e->line + skip, n);
        first[n] = 0;
        command = find_command(first);
    }
    c->count = 0;
    if (index == 0) {
        offer_commands(c);
    } else if (command && command->words == COMPLETE_COMMANDS) {
        offer_commands(c);
    } else if (command && command->words == COMPLETE_SERVICES) {
        offer_services(c);
    } else if ((!command || command->words == COMPLETE_PATHS) && fs_is_ready()) {
        offer_paths(c, word);
    }
}

void complete(struct editor *e)
{
    char word[PARSE_BYTES], quoted[2 * sizeof(((struct candidates *)0)->common)];
    size_t start;
    int index;
    if (!parse_word_at(e->line, e->cursor, word, &start, &index)) {
        return;
    }
    const char *slash = index > 0 ? strrchr(word, '/') : nullptr;
    struct candidates c = {.prefix = slash ? slash + 1 : word};
    c.prefix_length = strlen(c.prefix);
    collect(&c, e, word, index);
    if (c.count == 0) {
        return;
    }
    if (strlen(c.common) > c.prefix_length || c.count == 1) {
        if (parse_quote(c.common + c.prefix_length, quoted, sizeof(quoted))) {
            edit_insert(e, quoted, strlen(quoted));
        }
        if (c.count == 1) {
            edit_insert(e, c.directory ? "/" : " ", 1);
        }
        return;
    }
    c.show = true;
    term_write("\n", 1);
    collect(&c, e, word, index);
    term_write(c.count > SHOWN_MAX ? "…\n" : "\n", c.count > SHOWN_MAX ? 4 : 1);
    edit_redraw(e);
}
