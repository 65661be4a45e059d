// SPDX-License-Identifier: MIT
// SQLite as a service: requests in, answers out. Buffers are on the stack, which no heir has to be given.
#include "interfaces/database.server.h"
#include "lib/rt/rt.h"
#include "servers/thirdparty/sqlite/database.h"

static enum status do_open(struct request *rq, uint32_t *session)
{
    return database_start(rq->m.badge, session);
}

static enum status do_close(struct request *rq, uint32_t session)
{
    return database_end(rq->m.badge, session);
}

static enum status do_execute(struct request *rq, uint32_t session, uint32_t input, size_t data_len, uint32_t *result,
                              uint32_t *bytes)
{
    char text[DATABASE_INPUT_MAX], out[DATABASE_DATA_MAX];
    if (input > data_len) {
        return ERR_ARG;
    }
    struct answer rows = {.to = out, .room = data_len - input};
    enum status status = rt_grant_read(rq, 0, text, input);
    if (status == OK) {
        status = database_run(rq->m.badge, session, (struct sql){text, input}, result, &rows);
    }
    if (status == OK) {
        status = rt_grant_write(rq, input, out, answer_kept(&rows));
    }
    *bytes = (uint32_t)rows.bytes;
    return status;
}

static enum status do_prepare(struct request *rq, uint32_t session, size_t sql_len, uint32_t *result,
                              uint32_t *statement)
{
    char text[DATABASE_INPUT_MAX];
    enum status status = rt_grant_read(rq, 0, text, sql_len);
    if (status != OK) {
        return status;
    }
    return database_compile(rq->m.badge, session, (struct sql){text, sql_len}, result, statement);
}

static enum status do_bind(struct request *rq, uint32_t statement, uint32_t parameter, enum database_kind kind,
                           int64_t number, size_t value_len, uint32_t *result)
{
    char bytes[DATABASE_INPUT_MAX];
    enum status status = rt_grant_read(rq, 0, bytes, value_len);
    if (status != OK) {
        return status;
    }
    struct database_value value = {kind, number, bytes, value_len};
    return database_set(rq->m.badge, statement, parameter, &value, result);
}

static enum status do_step(struct request *rq, uint32_t statement, uint32_t limit, size_t data_len, uint32_t *result,
                           uint32_t *bytes)
{
    char out[DATABASE_DATA_MAX];
    struct answer rows = {.to = out, .room = data_len};
    enum status status = database_rows(rq->m.badge, statement, limit, result, &rows);
    if (status == OK) {
        status = rt_grant_write(rq, 0, out, answer_kept(&rows));
    }
    *bytes = (uint32_t)rows.bytes;
    return status;
}

static enum status do_reset(struct request *rq, uint32_t statement, uint32_t *result)
{
    return database_rewind(rq->m.badge, statement, result);
}

static enum status do_finish(struct request *rq, uint32_t statement, uint32_t *result)
{
    return database_forget(rq->m.badge, statement, result);
}

int service_main(void)
{
    static const struct database_ops ops = {
        .open = do_open,
        .close = do_close,
        .execute = do_execute,
        .prepare = do_prepare,
        .bind = do_bind,
        .step = do_step,
        .reset = do_reset,
        .finish = do_finish,
    };
    static const struct rt_interface interface = {DATABASE_PROTOCOL, database_dispatch, &ops};
    return rt_serve(&interface, 1);
}
