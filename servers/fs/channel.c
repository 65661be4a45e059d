// SPDX-License-Identifier: MIT
// The library's I/O manager: its reads and writes of metadata go through the block cache.
//
// The library sometimes works in units of 1 KiB (the superblock) on a volume with larger blocks, so
// everything is turned into byte ranges. What it writes are extent and indirect blocks
// (CLASS_NODE); all else is written by sync.c.
#include "servers/fs/volume.h"
#include "lib/rt/heap.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// The volume whose channel is being opened: ext2fs_open offers no other way to hand it over.
static struct volume *opening;

void channel_set_volume(struct volume *v)
{
    opening = v;
}

static errcode_t open_channel(const char *name, int flags, io_channel *out)
{
    (void)flags;
    io_channel channel = new(struct struct_io_channel);
    if (!channel) {
        return EXT2_ET_NO_MEMORY;
    }
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &channel_manager;
    channel->name = strdup(name);
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->private_data = opening;
    *out = channel;
    return 0;
}

static errcode_t close_channel(io_channel channel)
{
    if (--channel->refcount > 0) {
        return 0;
    }
    free(channel->name);
    free(channel);
    return 0;
}

static errcode_t set_block_size(io_channel channel, int bytes)
{
    channel->block_size = bytes;
    return 0;
}

// Copies a range of bytes of the disk. `to` or `from` is null.
static errcode_t transfer(io_channel channel, uint64_t at, size_t bytes, uint8_t *to,
                          const uint8_t *from)
{
    struct volume *v = channel->private_data;
    while (bytes) {
        uint64_t block = at >> v->cache.block_shift;
        size_t offset = at & (block_bytes(v) - 1), n = block_bytes(v) - offset;
        n = n < bytes ? n : bytes;
        uint8_t *memory;
        bool whole = from && n == block_bytes(v);
        int error =
            whole ? cache_get_new(&v->cache, block, &memory) : cache_get(&v->cache, block, &memory);
        if (error) {
            return error == EUCLEAN ? EXT2_ET_BAD_BLOCK_NUM : error;
        }
        if (to) {
            memcpy(to, memory + offset, n);
            to += n;
        } else {
            memcpy(memory + offset, from, n);
            cache_dirty(&v->cache, block, 1, CLASS_NODE);
            from += n;
        }
        at += n;
        bytes -= n;
    }
    return 0;
}

// A negative count is one of bytes.
static size_t byte_count(io_channel channel, int count)
{
    return count < 0 ? (size_t)-(long)count : (size_t)count * (size_t)channel->block_size;
}

static errcode_t read_block(io_channel channel, unsigned long long block, int count, void *data)
{
    return transfer(channel, block * (uint64_t)channel->block_size, byte_count(channel, count),
                    data, nullptr);
}

static errcode_t write_block(io_channel channel, unsigned long long block, int count,
                             const void *data)
{
    return transfer(channel, block * (uint64_t)channel->block_size, byte_count(channel, count),
                    nullptr, data);
}

static errcode_t read_block32(io_channel channel, unsigned long block, int count, void *data)
{
    return read_block(channel, block, count, data);
}

static errcode_t write_block32(io_channel channel, unsigned long block, int count, const void *data)
{
    return write_block(channel, block, count, data);
}

static errcode_t write_bytes(io_channel channel, unsigned long offset, int bytes, const void *data)
{
    return transfer(channel, offset, (size_t)bytes, nullptr, data);
}

static errcode_t flush(io_channel channel)
{
    (void)channel; // order and durability are sync.c's
    return 0;
}

struct struct_io_manager channel_manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "cache",
    .open = open_channel,
    .close = close_channel,
    .set_blksize = set_block_size,
    .read_blk = read_block32,
    .write_blk = write_block32,
    .flush = flush,
    .write_byte = write_bytes,
    .read_blk64 = read_block,
    .write_blk64 = write_block,
};
