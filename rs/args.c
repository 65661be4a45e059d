// SPDX-License-Identifier: MIT
#include "rs/args.h"
#include <stdio.h>
#include <string.h>

static bool is_word(const char *at, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(at, word, length) == 0;
}

// The value of the word at..at+length, as snprintf tells its length; -1 if the word is unknown.
static int value(const char *at, size_t length, const struct boot_info *boot, char *to, size_t room)
{
    if (is_word(at, length, "ecam")) {
        return snprintf(to, room, "0x%llx", (unsigned long long)boot->ecam_base);
    }
    if (is_word(at, length, "ecam_buses")) {
        return snprintf(to, room, "%u-%u", boot->ecam_bus_first, boot->ecam_bus_last);
    }
    if (is_word(at, length, "rsdp")) {
        return snprintf(to, room, "0x%llx", (unsigned long long)boot->rsdp);
    }
    if (is_word(at, length, "cpus")) {
        return snprintf(to, room, "%u", boot->cpus);
    }
    if (is_word(at, length, "cmdline")) {
        return snprintf(to, room, "%.*s", (int)sizeof(boot->cmdline), boot->cmdline);
    }
    return -1;
}

bool args_expand(const char *from, const struct boot_info *boot, char *to, size_t size)
{
    size_t used = 0;
    while (*from != '\0') {
        if (used + 1 >= size) {
            return false;
        }
        if (from[0] != '$' || from[1] != '{') {
            to[used++] = *from++;
            continue;
        }
        const char *end = strchr(from, '}');
        size_t length = end ? (size_t)(end - from - 2) : 0;
        int wrote = end ? value(from + 2, length, boot, to + used, size - used) : -1;
        if (wrote < 0 || (size_t)wrote >= size - used) {
            return false;
        }
        used += (size_t)wrote;
        from = end + 1;
    }
    to[used] = '\0';
    return true;
}
