// SPDX-License-Identifier: MIT
#include "apps/conductor/host_command.h"
#include "interfaces/rs.types.h"
#include <string.h>

enum host_line_state host_line_byte(struct host_line *l, char byte)
{
    if (byte == '\n' || byte == '\r') {
        bool empty = l->length == 0 && !l->too_long;
        enum host_line_state state = empty ? LINE_MORE : l->too_long ? LINE_TOO_LONG : LINE_WHOLE;
        l->text[l->length] = 0;
        l->length = 0;
        l->too_long = false;
        return state;
    }
    if (l->length + 1 < sizeof(l->text)) {
        l->text[l->length++] = byte;
    } else {
        l->too_long = true;
    }
    return LINE_MORE;
}

static const struct {
    const char *word;
    enum host_verb verb;
    bool service, way;
    uint32_t how; // if no way is given
} verbs[] = {
    {"kill", VERB_KILL, true, true, 0},
    {"hang", VERB_KILL, true, false, RS_SILENCE},
    {"hold", VERB_HOLD, true, false, 0},
    {"release", VERB_RELEASE, true, false, 0},
    {"restart", VERB_RESTART, true, false, 0},
    {"move", VERB_MOVE, true, false, 0},
    {"start", VERB_START, false, false, 0},
    {"pause", VERB_PAUSE, false, false, 0},
    {"resume", VERB_RESUME, false, false, 0},
    {"finish", VERB_FINISH, false, false, 0},
    {"services", VERB_SERVICES, false, false, 0},
    {"poweroff", VERB_POWEROFF, false, false, 0},
};

static const struct {
    const char *word;
    uint32_t how;
} ways[] = {
    {"null", RS_NULL_POINTER}, {"jump", RS_JUMP}, {"loop", RS_LOOP}, {"assert", RS_ASSERTION},
    {"exit", RS_END},          {"now", RS_NOW},
};

// The next word of the line into a buffer; its length, 0 if there is none. Longer words count, but are cut.
static size_t next_word(const char **at, char *to, size_t size)
{
    *at += strspn(*at, " ");
    size_t n = strcspn(*at, " "), copied = n < size ? n : size - 1;
    memcpy(to, *at, copied);
    to[copied] = 0;
    *at += n;
    return n;
}

static const char *parse_way(struct host_command *c, const char **at)
{
    char word[16];
    (void)next_word(at, word, sizeof(word));
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(word, ways[i].word) == 0) {
            c->how = ways[i].how;
            return nullptr;
        }
    }
    return "the way to die is one of null, jump, loop, assert, exit, now";
}

const char *host_command_parse(struct host_command *c, const char *line)
{
    char word[16], rest[2];
    size_t i = 0, count = sizeof(verbs) / sizeof(verbs[0]);
    memset(c, 0, sizeof(*c));
    (void)next_word(&line, word, sizeof(word));
    while (i < count && strcmp(word, verbs[i].word) != 0) {
        i++;
    }
    if (i == count) {
        return "no such command";
    }
    c->verb = verbs[i].verb;
    c->how = verbs[i].how;
    if (verbs[i].service) {
        size_t n = next_word(&line, c->service, sizeof(c->service));
        if (n == 0 || n >= sizeof(c->service)) {
            return "the name of a service must follow";
        }
    }
    const char *wrong = verbs[i].way ? parse_way(c, &line) : nullptr;
    if (!wrong && next_word(&line, rest, sizeof(rest)) > 0) {
        wrong = "there are too many words";
    }
    return wrong;
}
