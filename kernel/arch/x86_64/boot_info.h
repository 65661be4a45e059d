// SPDX-License-Identifier: MIT
// What the boot loader told us, brought into one form: by PVH (hvm_start_info, Xen's "PVH boot
// protocol") or by Multiboot2. Everything is physical; valid while the first 4 GiB are mapped one
// to one.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { BOOT_RANGES_MAX = 64, BOOT_CMDLINE = 512 };

struct boot_range {
    uint64_t base, bytes;
    uint32_t type; // 1: usable RAM; everything else is not to be touched
};

struct boot_source {
    struct boot_range range[BOOT_RANGES_MAX];
    uint32_t ranges;
    uint64_t archive, archive_bytes;
    uint64_t rsdp;             // 0: not told, to be looked for
    uint64_t info, info_bytes; // where the loader's own structures lie
    char cmdline[BOOT_CMDLINE];
};

// how: 0 for PVH, the Multiboot2 magic otherwise. false: neither is recognised.
bool boot_source_read(struct boot_source *out, uint32_t how, uint64_t info);
