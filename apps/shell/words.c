// SPDX-License-Identifier: MIT
// Small things that many commands need: options, paths, sizes, dates.
#include "apps/shell/shell.h"
#include "apps/shell/term.h"
#include "interfaces/time.client.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

int take_options(int argc, char **argv, const char *allowed, bool found[128])
{
    int kept = 1, i = 1;
    memset(found, 0, 128 * sizeof(bool));
    for (; i < argc && argv[i][0] == '-' && argv[i][1] != 0; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        for (const char *letter = argv[i] + 1; *letter; letter++) {
            if (!strchr(allowed, *letter)) {
                complain("there is no option -%c", *letter);
                usage();
                return 0;
            }
            found[*letter & 127] = true;
        }
    }
    while (i < argc) {
        argv[kept++] = argv[i++];
    }
    argv[kept] = nullptr;
    return kept;
}

bool resolve(char to[PATH_SIZE], const char *word)
{
    if (path_absolute(to, shell.directory, word)) {
        return true;
    }
    complain("%.60s…: the path is too long", word);
    return false;
}

bool interrupted(void)
{
    return term_interrupted();
}

const char *size_text(char to[16], uint64_t bytes)
{
    static const char units[] = "KMGT";
    if (bytes < 1024) {
        snprintf(to, 16, "%u B", (unsigned)bytes);
        return to;
    }
    int unit = 0;
    uint64_t tenths = bytes * 10 / 1024;
    while (tenths >= 10240 && unit < 3) {
        tenths /= 1024;
        unit++;
    }
    snprintf(to, 16, "%u.%u %ciB", (unsigned)(tenths / 10), (unsigned)(tenths % 10), units[unit]);
    return to;
}

const char *date_text(char to[24], int64_t unix_ns)
{
    time_t seconds = unix_ns / 1000000000;
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || strftime(to, 24, "%Y-%m-%d %H:%M", &tm) == 0) {
        strcpy(to, "-");
    }
    return to;
}

int64_t now_ns(void)
{
    uint64_t now, monotonic;
    return time_now(shell.time, &now, &monotonic) == OK ? (int64_t)now : 0;
}
