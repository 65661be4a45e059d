// SPDX-License-Identifier: MIT
// The course for MuJS: two environments that first learn a library of functions (programs.c), and then keep what they
// compute in variables, closures and object graphs from request to request.
#include "apps/thirdparty/course.h"
#include "apps/thirdparty/libraries.h"
#include "apps/thirdparty/programs.h"
#include "apps/thirdparty/text.h"
#include <string.h>

enum { ENVIRONMENTS = 2, ANSWER_MAX = INTERPRETER_DATA_MAX - INTERPRETER_INPUT_MAX };
enum { OPEN = 1, EVALUATE, CLOSE };
enum { LIFE = 400 }; // requests of an environment, on average

static uint32_t sessions[ENVIRONMENTS];
static char program[INTERPRETER_INPUT_MAX], answer_bytes[ANSWER_MAX];

static void evaluate(struct course *c, uint32_t session, const char *text)
{
    bool thrown = false;
    struct answer answer = {.to = answer_bytes, .room = sizeof(answer_bytes)};
    struct result r = {.operation = EVALUATE, .in_bytes = strlen(text), .bytes = answer_bytes};
    r.status = ask_interpreter_evaluate(session, text, &thrown, &answer);
    r.words[0] = thrown;
    r.words[1] = answer.bytes;
    r.count = answer_kept(&answer);
    course_note(c, &r);
}

static void begin(struct course *c, uint32_t which)
{
    struct result r = {.operation = OPEN};
    r.status = ask_interpreter_open(&sessions[which]);
    r.words[0] = sessions[which];
    course_note(c, &r);
    for (const char *const *text = programs_library; *text; text++) {
        evaluate(c, sessions[which], *text);
    }
}

// Strings that an environment has met are never forgotten by it; so it does not go on for ever.
static void end(struct course *c, uint32_t which)
{
    struct result r = {.operation = CLOSE, .status = ask_interpreter_close(sessions[which])};
    course_note(c, &r);
    sessions[which] = 0;
}

// The form's %N and %W become numbers and words.
static void fill_in(struct text *t, struct dice *d, const char *form)
{
    static const char *const words[] = {"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"};
    for (const char *at = form; *at; at++) {
        if (at[0] == '%' && at[1] == 'N') {
            text_add(t, "%u", (unsigned)dice_between(d, 1, 997));
            at++;
        } else if (at[0] == '%' && at[1] == 'S') {
            text_add(t, "%u", (unsigned)dice_between(d, 1, 9));
            at++;
        } else if (at[0] == '%' && at[1] == 'W') {
            text_add(t, "%s%u", words[dice_below(d, 8)], (unsigned)dice_below(d, 30));
            at++;
        } else {
            text_add(t, "%c", *at);
        }
    }
}

void mujs_step(struct course *c)
{
    uint32_t which = dice_below(&c->dice, ENVIRONMENTS), count = 0;
    if (sessions[which] == 0) {
        begin(c, which);
        return;
    }
    if (dice_below(&c->dice, LIFE) == 0) {
        end(c, which);
        return;
    }
    while (programs_forms[count]) {
        count++;
    }
    struct text t = {.to = program, .size = sizeof(program)};
    fill_in(&t, &c->dice, programs_forms[dice_below(&c->dice, count)]);
    evaluate(c, sessions[which], program);
}
