// SPDX-License-Identifier: MIT
// apps/thirdparty/libraries.h in the system: calls to the three services.
#include "apps/thirdparty/services.h"
#include "apps/thirdparty/libraries.h"
#include "interfaces/compressor.client.h"
#include "interfaces/database.client.h"
#include "interfaces/interpreter.client.h"
#include "lib/rt/rt.h"
#include <string.h>

static handle_t sqlite, zlib, mujs;

// What goes in, and behind it what comes out.
static char data[COMPRESSOR_DATA_MAX];
static_assert(sizeof(data) >= DATABASE_DATA_MAX && sizeof(data) >= INTERPRETER_DATA_MAX);

bool services_open(void)
{
    sqlite = rt_handle("sqlite");
    zlib = rt_handle("zlib");
    mujs = rt_handle("mujs");
    bool all = sqlite != HANDLE_NONE && zlib != HANDLE_NONE && mujs != HANDLE_NONE;
    if (!all) {
        log_error("the manifest must give sqlite, zlib and mujs");
    }
    return all;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// The service has put `bytes` at `from`, or as many of them as there was room for.
static void take(struct answer *a, const char *from, size_t room, uint32_t bytes)
{
    answer_add(a, from, smaller(bytes, room));
    a->bytes = bytes;
}

// ---- SQLite ----

enum status ask_database_open(uint32_t *session)
{
    return database_open(sqlite, session);
}

enum status ask_database_close(uint32_t session)
{
    return database_close(sqlite, session);
}

enum status ask_database_execute(uint32_t session, struct sql sql, uint32_t *result, struct answer *rows)
{
    uint32_t bytes = 0;
    size_t room = smaller(rows->room, DATABASE_DATA_MAX - sql.bytes);
    memcpy(data, sql.text, sql.bytes);
    enum status status =
        database_execute(sqlite, session, (uint32_t)sql.bytes, data, sql.bytes + room, result, &bytes);
    if (status == OK) {
        take(rows, data + sql.bytes, room, bytes);
    }
    return status;
}

enum status ask_database_prepare(uint32_t session, struct sql sql, uint32_t *result, uint32_t *statement)
{
    return database_prepare(sqlite, session, sql.text, sql.bytes, result, statement);
}

enum status ask_database_bind(uint32_t statement, uint32_t parameter, const struct database_value *value,
                              uint32_t *result)
{
    return database_bind(sqlite, statement, parameter, value->kind, value->number, value->bytes, value->count, result);
}

enum status ask_database_step(uint32_t statement, uint32_t limit, uint32_t *result, struct answer *rows)
{
    uint32_t bytes = 0;
    size_t room = smaller(rows->room, DATABASE_DATA_MAX);
    enum status status = database_step(sqlite, statement, limit, data, room, result, &bytes);
    if (status == OK) {
        take(rows, data, room, bytes);
    }
    return status;
}

enum status ask_database_reset(uint32_t statement, uint32_t *result)
{
    return database_reset(sqlite, statement, result);
}

enum status ask_database_finish(uint32_t statement, uint32_t *result)
{
    return database_finish(sqlite, statement, result);
}

// ---- zlib ----

enum status ask_compressor_open(const struct compressor_settings *how, uint32_t *stream)
{
    return compressor_open(zlib, how->direction, how->container, how->level, how->strategy, stream);
}

enum status ask_compressor_copy(uint32_t stream, uint32_t *copy)
{
    return compressor_copy(zlib, stream, copy);
}

enum status ask_compressor_feed(uint32_t stream, struct compressor_piece *piece)
{
    memcpy(data, piece->in, piece->in_bytes);
    enum status status =
        compressor_feed(zlib, stream, (uint32_t)piece->in_bytes, piece->flush, data,
                        piece->in_bytes + piece->out_room, &piece->result, &piece->taken, &piece->given);
    if (status == OK) {
        memcpy(piece->out, data + piece->in_bytes, smaller(piece->given, piece->out_room));
    }
    return status;
}

enum status ask_compressor_totals(uint32_t stream, struct compressor_sums *sums)
{
    return compressor_totals(zlib, stream, &sums->taken, &sums->given, &sums->checksum);
}

enum status ask_compressor_close(uint32_t stream)
{
    return compressor_close(zlib, stream);
}

// ---- MuJS ----

enum status ask_interpreter_open(uint32_t *session)
{
    return interpreter_open(mujs, session);
}

enum status ask_interpreter_evaluate(uint32_t session, const char *program, bool *thrown, struct answer *answer)
{
    uint32_t bytes = 0;
    size_t length = strlen(program), room = smaller(answer->room, INTERPRETER_DATA_MAX - length);
    memcpy(data, program, length);
    enum status status =
        interpreter_evaluate(mujs, session, (uint32_t)length, data, length + room, thrown, &bytes);
    if (status == OK) {
        take(answer, data + length, room, bytes);
    }
    return status;
}

enum status ask_interpreter_close(uint32_t session)
{
    return interpreter_close(mujs, session);
}
