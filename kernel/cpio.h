// SPDX-License-Identifier: MIT
// Finds files in the boot archive (cpio, newc format).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The content of the file of this name. false: not there, or the archive is damaged before it.
bool cpio_find(const uint8_t *archive, size_t bytes, const char *name, const uint8_t **data,
               size_t *data_bytes);
