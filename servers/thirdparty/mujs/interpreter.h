// SPDX-License-Identifier: MIT
// Environments of MuJS, without messages (interfaces/interpreter.idl says what each operation does).
#pragma once
#include "interfaces/interpreter.types.h"
#include "kernel/abi/status.h"
#include "servers/thirdparty/answer.h"
#include <stdint.h>

MUST_USE enum status interpreter_start(uint64_t owner, uint32_t *session);
MUST_USE enum status interpreter_end(uint64_t owner, uint32_t session);

// program ends with a zero.
MUST_USE enum status interpreter_run(uint64_t owner, uint32_t session, const char *program, bool *thrown,
                                     struct answer *answer);
