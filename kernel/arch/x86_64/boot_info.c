// SPDX-License-Identifier: MIT
#include "boot_info.h"
#include <stddef.h>

#define MULTIBOOT2_MAGIC 0x36d76289u
#define PVH_MAGIC        0x336ec578u

struct hvm_start_info {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, cmdline, rsdp, memory_map;
    uint32_t memory_entries, reserved;
};
struct hvm_module {
    uint64_t base, bytes, cmdline, reserved;
};
struct hvm_memory {
    uint64_t base, bytes;
    uint32_t type, reserved;
};

struct tag {
    uint32_t type, bytes;
};

static void copy_text(char out[BOOT_CMDLINE], const char *in)
{
    uint32_t n = 0;
    while (n < BOOT_CMDLINE - 1 && in[n] != 0) {
        out[n] = in[n];
        n++;
    }
    out[n] = 0;
}

static void add_range(struct boot_source *out, uint64_t base, uint64_t bytes, uint32_t type)
{
    if (out->ranges < BOOT_RANGES_MAX && bytes != 0) {
        out->range[out->ranges++] = (struct boot_range){base, bytes, type};
    }
}

static bool read_pvh(struct boot_source *out, const struct hvm_start_info *info)
{
    if (info->magic != PVH_MAGIC || info->version < 1) {
        return false;
    }
    const struct hvm_memory *map = (const struct hvm_memory *)info->memory_map;
    for (uint32_t i = 0; i < info->memory_entries; i++) {
        add_range(out, map[i].base, map[i].bytes, map[i].type);
    }
    if (info->modules > 0) {
        const struct hvm_module *module = (const struct hvm_module *)info->module_list;
        out->archive = module->base;
        out->archive_bytes = module->bytes;
    }
    if (info->cmdline != 0) {
        copy_text(out->cmdline, (const char *)info->cmdline);
    }
    out->rsdp = info->rsdp;
    out->info = (uint64_t)info;
    out->info_bytes = sizeof *info;
    return true;
}

static void read_tag(struct boot_source *out, const struct tag *tag)
{
    const uint8_t *body = (const uint8_t *)(tag + 1);
    const uint32_t *word = (const uint32_t *)body;
    switch (tag->type) {
    case 1: // command line
        copy_text(out->cmdline, (const char *)body);
        break;
    case 3: // module
        if (out->archive == 0) {
            out->archive = word[0];
            out->archive_bytes = word[1] - word[0];
        }
        break;
    case 6: // memory map: entry size, version, entries {base, length, type, reserved}
        for (uint32_t at = 8; at + 24 <= tag->bytes - 8 && word[0] >= 24; at += word[0]) {
            const uint64_t *entry = (const uint64_t *)(body + at);
            add_range(out, entry[0], entry[1], (uint32_t)entry[2]);
        }
        break;
    case 14: // ACPI 1.0 RSDP, a copy
        if (out->rsdp == 0) {
            out->rsdp = (uint64_t)body;
        }
        break;
    case 15: // ACPI 2.0 RSDP, a copy: better
        out->rsdp = (uint64_t)body;
        break;
    default:
        break;
    }
}

static bool read_multiboot2(struct boot_source *out, uint64_t info)
{
    uint32_t total = *(const uint32_t *)info;
    for (uint32_t at = 8; at + sizeof(struct tag) <= total;) {
        const struct tag *tag = (const struct tag *)(info + at);
        if (tag->type == 0 || tag->bytes < sizeof *tag) {
            break;
        }
        read_tag(out, tag);
        at += (tag->bytes + 7) & ~7u;
    }
    out->info = info;
    out->info_bytes = total;
    return true;
}

bool boot_source_read(struct boot_source *out, uint32_t how, uint64_t info)
{
    if (how == MULTIBOOT2_MAGIC) {
        return read_multiboot2(out, info);
    }
    return how == 0 && read_pvh(out, (const struct hvm_start_info *)info);
}
