// SPDX-License-Identifier: MIT
// Two versions of the same types, each in a file of its own that is compiled with the pass.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct type_of_version {
    const void *map;
    size_t bytes;
};

#define VERSION_TYPE(T)                                                                            \
    __extension__({                                                                                \
        static struct {                                                                            \
            struct rt_type type;                                                                   \
            T *of[0];                                                                              \
        } rt_type_of_new = {.type = {.name = #T, .bytes = sizeof(T)}};                             \
        (struct type_of_version){rt_type_of_new.type.map, rt_type_of_new.type.bytes};              \
    })

enum version_type { THING, LINE, NUMBER_TO_POINTER, REAL_TO_NUMBER, UNION_CHANGED, NEGATIVE, VERSION_TYPES };

// What both versions say of themselves.
struct version_file {
    struct type_of_version (*type)(enum version_type type);
    void (*fill)(void *thing);              // all its fields
    const char *(*check)(const void *thing); // what is not as the other one's fill left it; nullptr: nothing
    // Where in a thing: 0 its start, 1 the number, 2 the second part, 3 the pointer in the third part, 4 the text's
    // fourth byte, 5 what only the old one has, 6 in the union, 7 its end, 8 the first field of the old one.
    size_t (*place)(int which);
    size_t (*line)(void *line, uint32_t count); // a flexible one; its bytes
    const char *(*check_line)(const void *line, size_t bytes, uint32_t count);
};
extern const struct version_file version_old, version_new;
