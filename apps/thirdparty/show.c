// SPDX-License-Identifier: MIT
#include "apps/thirdparty/show.h"
#include <stdio.h>

// As much as a line of the log may hold, in one line, and a digest of all.
void show_request(const struct course *c, const struct result *r)
{
    enum { SHOWN = 60 };
    char hex[SHA256_HEX], line[SHOWN + 140], start[SHOWN + 1];
    struct sha256 sha;
    sha256_start(&sha);
    sha256_add(&sha, r->bytes, r->count);
    sha256_hex(&sha, hex);
    size_t n = 0;
    for (; n < SHOWN && n < r->count; n++) {
        char byte = ((const char *)r->bytes)[n];
        start[n] = byte >= ' ' && byte < 127 ? byte : '.';
    }
    start[n] = 0;
    snprintf(line, sizeof(line), "show %s %llu: operation %u status %u words %llu %llu bytes %zu %.8s %s", c->name,
             (unsigned long long)c->requests, (unsigned)r->operation, (unsigned)r->status,
             (unsigned long long)r->words[0], (unsigned long long)r->words[1], r->count, hex, start);
    show_line(line);
}
