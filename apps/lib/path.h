// SPDX-License-Identifier: MIT
// Paths as text. All results are absolute, without ".", "..", doubled or final slashes.
#pragma once
#include <stddef.h>

enum { PATH_SIZE = 4096 }; // with the final zero

// `path` as seen from directory `base` (absolute). false: the result does not fit; *to is then "".
// ".." is resolved in the text: where symbolic links lead is not looked at.
bool path_absolute(char to[PATH_SIZE], const char *base, const char *path);

// directory + "/" + name. false: does not fit.
bool path_join(char to[PATH_SIZE], const char *directory, const char *name);

// The last name of a path: "b" of "/a/b", "" of "/".
const char *path_name(const char *path);

// Is `path` the directory `above` itself or inside it? Both absolute.
bool path_inside(const char *path, const char *above);
