// SPDX-License-Identifier: MIT
#include "lib/rt/movable.h"
struct value {
    char *kind;
    // CHECK-DAG: error_tag.c:[[#@LINE+1]]: the union's tag 'kind' is no number in the same struct
    union { long number MOVE_WHEN(1); char *text MOVE_WHEN(2); } u MOVE_TAG(kind);
    int other;
    // CHECK-DAG: error_tag.c:[[#@LINE+1]]: alternative 'text' of a tagged union holds a pointer but does not say when it is valid
    union { long number MOVE_WHEN(1); char *text; } v MOVE_TAG(other);
    // CHECK-DAG: error_tag.c:[[#@LINE+1]]: 'text': 'NOBODY' in the annotation is neither a 32-bit number nor an enumerator
    union { long number; char *text MOVE_WHEN(NOBODY); } w MOVE_TAG(other);
} value;
