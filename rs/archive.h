// SPDX-License-Identifier: MIT
// The boot archive: cpio in the "newc" format, read where it lies.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct archive_file {
    const void *data;
    size_t bytes;
};

// Finds a file by its exact name. false: not there, or the archive is damaged before it.
bool archive_find(const void *archive, size_t bytes, const char *name, struct archive_file *out);
