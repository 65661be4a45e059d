// SPDX-License-Identifier: MIT
// Databases of SQLite, without messages (interfaces/database.idl says what each operation does).
#pragma once
#include "interfaces/database.types.h"
#include "kernel/abi/status.h"
#include "servers/thirdparty/answer.h"
#include <stdint.h>

MUST_USE enum status database_start(uint64_t owner, uint32_t *session);
MUST_USE enum status database_end(uint64_t owner, uint32_t session);

struct sql {
    const char *text;
    size_t bytes;
};
MUST_USE enum status database_run(uint64_t owner, uint32_t session, struct sql sql, uint32_t *result,
                                  struct answer *rows);

MUST_USE enum status database_compile(uint64_t owner, uint32_t session, struct sql sql, uint32_t *result,
                                      uint32_t *statement);

struct database_value {
    enum database_kind kind;
    int64_t number;
    const void *bytes;
    size_t count;
};
MUST_USE enum status database_set(uint64_t owner, uint32_t statement, uint32_t parameter,
                                  const struct database_value *value, uint32_t *result);
MUST_USE enum status database_rows(uint64_t owner, uint32_t statement, uint32_t limit, uint32_t *result,
                                   struct answer *rows);
MUST_USE enum status database_rewind(uint64_t owner, uint32_t statement, uint32_t *result);
MUST_USE enum status database_forget(uint64_t owner, uint32_t statement, uint32_t *result);
