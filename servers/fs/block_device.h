// SPDX-License-Identifier: MIT
// The disk behind a block driver, and the cache's memory, which is what the driver may move data to
// and from.
#pragma once
#include "kernel/abi/status.h"
#include "servers/fs/device.h"

// Opens a session with the driver whose port the manifest calls "disk". The first piece of memory
// is made now, more when the cache asks for it, `memory_max` bytes at most. One in this service.
[[nodiscard]] enum status block_device_open(struct device **out, uint64_t memory_max);
// All memory and the session are gone, with what was under way: for a life that begins with older
// state. Nothing is told to the driver, whose session ends when it is opened again.
void block_device_forget(void);
// The first piece.
void block_device_memory(uint8_t **memory, uint64_t *bytes);
