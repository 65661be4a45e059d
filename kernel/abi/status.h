// SPDX-License-Identifier: MIT
// Status codes shared by kernel, services and host tools; expanded from status.def.
#pragma once

enum status {
#define STATUS(name, number, sentence) name = number,
#include "status.def"
#undef STATUS
    STATUS_COUNT
};

// A result that must not be dropped. What fails and is ignored has no owner.
#define MUST_USE [[nodiscard]]
