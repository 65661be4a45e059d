// SPDX-License-Identifier: MIT
// Requests to the three libraries. In the system they are calls to services (services.c); on the host the same libraries are
// called at once (test/reference.c). interfaces/database.idl, compressor.idl, interpreter.idl say what they mean.
#pragma once
#include "servers/thirdparty/mujs/interpreter.h"
#include "servers/thirdparty/sqlite/database.h"
#include "servers/thirdparty/zlib/compressor.h"

MUST_USE enum status ask_database_open(uint32_t *session);
MUST_USE enum status ask_database_close(uint32_t session);
MUST_USE enum status ask_database_execute(uint32_t session, struct sql sql, uint32_t *result, struct answer *rows);
MUST_USE enum status ask_database_prepare(uint32_t session, struct sql sql, uint32_t *result, uint32_t *statement);
MUST_USE enum status ask_database_bind(uint32_t statement, uint32_t parameter, const struct database_value *value,
                                       uint32_t *result);
MUST_USE enum status ask_database_step(uint32_t statement, uint32_t limit, uint32_t *result, struct answer *rows);
MUST_USE enum status ask_database_reset(uint32_t statement, uint32_t *result);
MUST_USE enum status ask_database_finish(uint32_t statement, uint32_t *result);

MUST_USE enum status ask_compressor_open(const struct compressor_settings *how, uint32_t *stream);
MUST_USE enum status ask_compressor_copy(uint32_t stream, uint32_t *copy);
MUST_USE enum status ask_compressor_feed(uint32_t stream, struct compressor_piece *piece);
MUST_USE enum status ask_compressor_totals(uint32_t stream, struct compressor_sums *sums);
MUST_USE enum status ask_compressor_close(uint32_t stream);

MUST_USE enum status ask_interpreter_open(uint32_t *session);
MUST_USE enum status ask_interpreter_evaluate(uint32_t session, const char *program, bool *thrown,
                                              struct answer *answer);
MUST_USE enum status ask_interpreter_close(uint32_t session);
