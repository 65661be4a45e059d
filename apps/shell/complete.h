// SPDX-License-Identifier: MIT
// Tab completion of commands, paths and services.
#pragma once
#include "apps/shell/edit.h"

// Completes the word at the cursor as far as it is certain. Where there is a choice, shows the candidates.
void complete(struct editor *e);
