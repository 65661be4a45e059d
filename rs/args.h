// SPDX-License-Identifier: MIT
// What the machine says, put into a service's args.
#pragma once
#include "kernel/abi/startup.h"
#include <stddef.h>

// Copies `from` with ${ecam} (hexadecimal), ${ecam_buses} (first-last), ${rsdp} (hexadecimal),
// ${cpus} and ${cmdline} replaced. false: it does not fit into `size` bytes, or a ${ has no end or
// is unknown.
bool args_expand(const char *from, const struct boot_info *boot, char *to, size_t size);
