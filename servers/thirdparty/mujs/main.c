// SPDX-License-Identifier: MIT
// MuJS as a service: requests in, answers out. Buffers are on the stack, which no heir has to be given.
#include "interfaces/interpreter.server.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"
#include "servers/thirdparty/mujs/interpreter.h"

// MuJS keeps the addresses of names and literals in its byte code, an array of 16-bit words (emitstring in jscompile.c).
MOVE_SCAN_EVERY(2);

static enum status do_open(struct request *rq, uint32_t *session)
{
    return interpreter_start(rq->m.badge, session);
}

static enum status do_evaluate(struct request *rq, uint32_t session, uint32_t input, size_t data_len, bool *thrown,
                               uint32_t *bytes)
{
    char program[INTERPRETER_INPUT_MAX + 1], out[INTERPRETER_DATA_MAX];
    if (input > data_len) {
        return ERR_ARG;
    }
    struct answer answer = {.to = out, .room = data_len - input};
    enum status status = rt_grant_read(rq, 0, program, input);
    program[input] = 0;
    if (status == OK) {
        status = interpreter_run(rq->m.badge, session, program, thrown, &answer);
    }
    if (status == OK) {
        status = rt_grant_write(rq, input, out, answer_kept(&answer));
    }
    *bytes = (uint32_t)answer.bytes;
    return status;
}

static enum status do_close(struct request *rq, uint32_t session)
{
    return interpreter_end(rq->m.badge, session);
}

int service_main(void)
{
    static const struct interpreter_ops ops = {.open = do_open, .evaluate = do_evaluate, .close = do_close};
    static const struct rt_interface interface = {INTERPRETER_PROTOCOL, interpreter_dispatch, &ops};
    return rt_serve(&interface, 1);
}
