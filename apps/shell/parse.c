// SPDX-License-Identifier: MIT
#include "apps/shell/parse.h"
#include <string.h>

struct reader {
    const char *at;
    char *to, *end; // where the next unquoted byte goes
};

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool ends_word(char c)
{
    return c == 0 || blank(c) || c == ';' || c == '>';
}

// Copies one word without its quotes. nullptr, or what is wrong.
static const char *word(struct reader *r)
{
    char quote = 0;
    for (; quote || !ends_word(*r->at); r->at++) {
        char c = *r->at;
        if (c == 0) {
            return "a quote is not closed";
        }
        if (c == quote) {
            quote = 0;
            continue;
        }
        if (!quote && (c == '"' || c == '\'')) {
            quote = c;
            continue;
        }
        if (c == '\\' && quote != '\'') {
            c = *++r->at;
            if (c == 0) {
                return "nothing follows the backslash";
            }
        }
        if (r->to + 1 >= r->end) {
            return "the line is too long";
        }
        *r->to++ = c;
    }
    *r->to++ = 0;
    return nullptr;
}

// > file or >> file
static const char *redirection(struct command_line *c, struct reader *r)
{
    if (c->output) {
        return "the output can go to one file only";
    }
    c->append = r->at[1] == '>';
    r->at += c->append ? 2 : 1;
    while (blank(*r->at)) {
        r->at++;
    }
    if (ends_word(*r->at)) {
        return "the name of a file must follow >";
    }
    c->output = r->to;
    return word(r);
}

const char *parse_line(struct command_line *c, const char *line)
{
    struct reader r = {line, c->bytes, c->bytes + sizeof(c->bytes)};
    const char *wrong = nullptr;
    c->argc = 0;
    c->output = c->rest = nullptr;
    c->append = false;
    while (!wrong) {
        while (blank(*r.at)) {
            r.at++;
        }
        if (*r.at == 0 || *r.at == '#') {
            break;
        }
        if (*r.at == ';') {
            c->rest = r.at + 1;
            break;
        }
        if (*r.at == '>') {
            wrong = redirection(c, &r);
        } else if (c->argc == PARSE_WORDS) {
            wrong = "too many words";
        } else {
            c->argv[c->argc++] = r.to;
            wrong = word(&r);
        }
    }
    c->argv[c->argc] = nullptr;
    if (!wrong && c->output && c->argc == 0) {
        wrong = "no command writes to the file";
    }
    return wrong;
}

bool parse_word_at(const char *line, size_t cursor, char to[PARSE_BYTES], size_t *start, int *index)
{
    size_t n = 0;
    char quote = 0;
    bool inside = false;
    *start = cursor;
    *index = 0;
    for (size_t i = 0; i < cursor; i++) {
        char c = line[i];
        if (!quote && ends_word(c)) {
            *index = c == ';' ? 0 : *index + inside;
            inside = false;
            n = 0;
            continue;
        }
        *start = inside ? *start : i;
        inside = true;
        if (c == quote || (!quote && (c == '"' || c == '\''))) {
            quote = quote ? 0 : c;
            continue;
        }
        if (c == '\\' && quote != '\'' && ++i == cursor) {
            break;
        }
        if (n + 1 >= PARSE_BYTES) {
            return false;
        }
        to[n++] = line[i];
    }
    *start = inside ? *start : cursor;
    to[n] = 0;
    return true;
}

bool parse_quote(const char *text, char *to, size_t size)
{
    size_t n = 0;
    for (; *text; text++) {
        bool special = strchr(" \t;>#'\"\\", *text) != nullptr;
        if (n + special + 2 > size) {
            return false;
        }
        if (special) {
            to[n++] = '\\';
        }
        to[n++] = *text;
    }
    if (n >= size) {
        return false;
    }
    to[n] = 0;
    return true;
}
