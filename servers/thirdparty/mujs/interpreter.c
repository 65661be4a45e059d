// SPDX-License-Identifier: MIT
#include "servers/thirdparty/mujs/interpreter.h"
#include <mujs.h>

static struct session {
    uint64_t owner; // badge of the client; 0: free
    js_State *js;
} sessions[INTERPRETER_SESSIONS_MAX];

static struct session *find(uint64_t owner, uint32_t number)
{
    bool there = number >= 1 && number <= INTERPRETER_SESSIONS_MAX && sessions[number - 1].owner == owner;
    return there ? &sessions[number - 1] : nullptr;
}

// ---- What programs can call beside the language ----

// The answer of the request under way is the context while a program runs.
static void print(js_State *js)
{
    struct answer *answer = js_getcontext(js);
    int top = js_gettop(js);
    for (int i = 1; i < top; i++) {
        const char *text = js_tostring(js, i);
        if (i > 1) {
            answer_text(answer, " ");
        }
        answer_text(answer, text);
    }
    answer_text(answer, "\n");
    js_pushundefined(js);
}

static void collect(js_State *js)
{
    js_gc(js, 0);
    js_pushundefined(js);
}

// Warnings of the interpreter about itself.
static void report(js_State *js, const char *message)
{
    struct answer *answer = js_getcontext(js);
    if (answer) {
        answer_text(answer, message);
        answer_text(answer, "\n");
    }
}

// ---- Sessions ----

enum status interpreter_start(uint64_t owner, uint32_t *session)
{
    uint32_t i = 0;
    while (i < INTERPRETER_SESSIONS_MAX && sessions[i].owner != 0) {
        i++;
    }
    if (i == INTERPRETER_SESSIONS_MAX) {
        return ERR_QUOTA;
    }
    js_State *js = js_newstate(nullptr, nullptr, 0);
    if (!js) {
        return ERR_MEMORY;
    }
    js_setreport(js, report);
    js_newcfunction(js, print, "print", 0);
    js_setglobal(js, "print");
    js_newcfunction(js, collect, "gc", 0);
    js_setglobal(js, "gc");
    sessions[i] = (struct session){owner, js};
    *session = i + 1;
    return OK;
}

// Compiles and calls; leaves the value or the exception on the stack.
static bool run(js_State *js, const char *program)
{
    if (js_ploadstring(js, "request", program)) {
        return false;
    }
    js_pushundefined(js);
    return !js_pcall(js, 0);
}

enum status interpreter_run(uint64_t owner, uint32_t session, const char *program, bool *thrown, struct answer *answer)
{
    struct session *s = find(owner, session);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    js_setcontext(s->js, answer);
    *thrown = !run(s->js, program);
    answer_text(answer, js_trystring(s->js, -1, "?"));
    js_pop(s->js, 1);
    js_setcontext(s->js, nullptr); // it is on the stack
    return OK;
}

enum status interpreter_end(uint64_t owner, uint32_t session)
{
    struct session *s = find(owner, session);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    js_freestate(s->js);
    *s = (struct session){0};
    return OK;
}
