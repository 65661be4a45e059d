// SPDX-License-Identifier: MIT
// Turns messages into text with the generated tables.
#include "interfaces/trace.h"
#include "kernel/abi/status.h"

struct text {
    char *to;
    size_t size, used;
};

static void put_char(struct text *t, char c)
{
    if (t->used + 1 < t->size) {
        t->to[t->used++] = c;
    }
}

static void put(struct text *t, const char *s)
{
    while (*s) {
        put_char(t, *s++);
    }
}

static void put_number(struct text *t, uint64_t n, unsigned base)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n != 0);
    while (count > 0) {
        put_char(t, digits[--count]);
    }
}

static void put_signed(struct text *t, int64_t n)
{
    if (n < 0) {
        put_char(t, '-');
    }
    put_number(t, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, 10);
}

static size_t finish(struct text *t)
{
    if (t->size > 0) {
        t->to[t->used] = 0;
    }
    return t->used;
}

static void put_enum(struct text *t, const struct trace_value *v, uint64_t word)
{
    for (const struct trace_name *n = v->names; n->name; n++) {
        if (n->value == word) {
            put(t, n->name);
            return;
        }
    }
    put_number(t, word, 10);
}

static void put_grant(struct text *t, const struct trace_value *v, uint64_t grant)
{
    put(t, v->type);
    put_char(t, ' ');
    put_number(t, grant & GRANT_LEN_MASK, 10);
    put(t, " bytes");
}

static void put_word(struct text *t, const struct trace_value *v, uint64_t word)
{
    switch (v->kind) {
    case TRACE_SIGNED:
        put_signed(t, (int64_t)word);
        break;
    case TRACE_BOOL:
        put(t, word == 0 ? "false" : word == 1 ? "true" : "neither true nor false");
        break;
    case TRACE_ENUM:
        put_enum(t, v, word);
        break;
    default:
        put_number(t, word, 10);
    }
}

// "name=value, …". Words are used up in order by all values that are neither handle nor grant.
static void put_values(struct text *t, const struct trace_value *v, uint32_t count,
                       const uint64_t *w, uint64_t grant)
{
    for (uint32_t i = 0; i < count; i++, v++) {
        put(t, i > 0 ? ", " : "");
        put(t, v->name);
        put_char(t, '=');
        if (v->kind == TRACE_HANDLE) {
            put(t, v->type);
        } else if (v->kind == TRACE_GRANT) {
            put_grant(t, v, grant);
        } else {
            put_word(t, v, *w++);
        }
    }
}

const struct trace_call *trace_find(uint32_t label, const struct trace_interface **of)
{
    for (size_t i = 0; trace_interfaces[i]; i++) {
        const struct trace_interface *it = trace_interfaces[i];
        uint32_t operation = label & 0xff;
        if (it->number == label >> 8 && operation >= 1 && operation <= it->count) {
            if (of) {
                *of = it;
            }
            return &it->calls[operation - 1];
        }
    }
    return nullptr;
}

static const struct trace_call *put_label(struct text *t, uint32_t label)
{
    const struct trace_interface *it;
    const struct trace_call *call = trace_find(label, &it);
    if (!call) {
        put(t, "label 0x");
        put_number(t, label, 16);
        return nullptr;
    }
    put(t, it->name);
    put_char(t, '.');
    put(t, call->name);
    return call;
}

size_t trace_label(char *to, size_t size, uint32_t label)
{
    struct text t = {.to = to, .size = size};
    put_label(&t, label);
    return finish(&t);
}

size_t trace_message(char *to, size_t size, uint64_t tag, const uint64_t w[IPC_WORDS], uint64_t grant)
{
    struct text t = {.to = to, .size = size};
    const struct trace_call *call = put_label(&t, (uint32_t)(tag & TAG_LABEL_MASK));
    put_char(&t, '(');
    if (call) {
        put_values(&t, call->params, call->param_count, w, grant);
    }
    put_char(&t, ')');
    uint64_t before = (tag & TAG_DELIVERY_MASK) >> TAG_DELIVERY_SHIFT;
    if (before > 0) {
        put(&t, " delivered before: ");
        put_number(&t, before, 10);
    }
    return finish(&t);
}

static void put_status(struct text *t, uint32_t status)
{
    static const char *const names[STATUS_COUNT] = {
#define STATUS(name, number, sentence) [number] = #name,
#include "kernel/abi/status.def"
#undef STATUS
    };
    if (status < STATUS_COUNT) {
        put(t, names[status]);
        return;
    }
    put(t, "status ");
    put_number(t, status, 10);
}

size_t trace_status(char *to, size_t size, uint32_t status)
{
    struct text t = {.to = to, .size = size};
    put_status(&t, status);
    return finish(&t);
}

size_t trace_reply(char *to, size_t size, uint32_t label, uint64_t tag, const uint64_t w[IPC_WORDS])
{
    struct text t = {.to = to, .size = size};
    const struct trace_call *call = put_label(&t, label);
    uint32_t status = (uint32_t)(tag & TAG_LABEL_MASK);
    put(&t, " -> ");
    put_status(&t, status);
    if (status == ERR_ERRNO) {
        put(&t, " errno ");
        put_number(&t, w[0], 10);
    } else if (status == OK && call && call->result_count > 0) {
        put_char(&t, ' ');
        put_values(&t, call->results, call->result_count, w, 0);
    }
    return finish(&t);
}
