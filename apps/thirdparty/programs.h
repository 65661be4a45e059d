// SPDX-License-Identifier: MIT
// JavaScript (ECMAScript 5). Both lists end with a nullptr.
#pragma once

// Evaluated one after the other when an environment is new.
extern const char *const programs_library[];
// Requests: %N is a number of 1 to 997, %S one of 1 to 9, %W a word.
extern const char *const programs_forms[];
