// SPDX-License-Identifier: MIT
// Operations on an ext4 volume in memory, by libext2fs as it is. The image is state, too: a server
// keeps blocks in its cache until the commit.
#include "randomizer/test/undo/volume.h"
#include <sys/types.h>
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ext2_filsys fs;

static errcode_t open_channel(const char *name, int flags, io_channel *channel);
static errcode_t close_channel(io_channel channel)
{
    free(channel);
    return 0;
}
static errcode_t set_block_size(io_channel channel, int bytes)
{
    channel->block_size = bytes;
    return 0;
}
static errcode_t transfer(io_channel channel, unsigned long long block, int count, void *data,
                          int write)
{
    size_t bytes = count < 0 ? (size_t)-count : (size_t)count * (size_t)channel->block_size;
    size_t at = block * (size_t)channel->block_size;
    volume_io();
    if (at + bytes > volume_image_bytes) {
        return EXT2_ET_SHORT_READ;
    }
    if (write) {
        memcpy(volume_image + at, data, bytes);
    } else {
        memcpy(data, volume_image + at, bytes);
    }
    return 0;
}
static errcode_t read64(io_channel c, unsigned long long block, int count, void *data)
{
    return transfer(c, block, count, data, 0);
}
static errcode_t write64(io_channel c, unsigned long long block, int count, const void *data)
{
    return transfer(c, block, count, (void *)data, 1);
}
static errcode_t read32(io_channel c, unsigned long block, int count, void *data)
{
    return transfer(c, block, count, data, 0);
}
static errcode_t write32(io_channel c, unsigned long block, int count, const void *data)
{
    return transfer(c, block, count, (void *)data, 1);
}
static errcode_t write_byte(io_channel c, unsigned long at, int count, const void *data)
{
    (void)c;
    memcpy(volume_image + at, data, (size_t)count);
    return 0;
}
static errcode_t flush(io_channel c)
{
    (void)c;
    return 0;
}

static struct struct_io_manager manager = {.magic = EXT2_ET_MAGIC_IO_MANAGER,
                                           .name = "memory",
                                           .open = open_channel,
                                           .close = close_channel,
                                           .set_blksize = set_block_size,
                                           .read_blk = read32,
                                           .write_blk = write32,
                                           .read_blk64 = read64,
                                           .write_blk64 = write64,
                                           .write_byte = write_byte,
                                           .flush = flush};

static errcode_t open_channel(const char *name, int flags, io_channel *channel)
{
    (void)name;
    (void)flags;
    io_channel c = calloc(1, sizeof(*c));
    if (!c) {
        return EXT2_ET_NO_MEMORY;
    }
    c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    c->manager = &manager;
    c->name = "memory";
    c->block_size = 1024;
    c->refcount = 1;
    *channel = c;
    return 0;
}

// Asked for only if names are compared without regard to case: not in this image.
const struct ext2fs_nls_table *ext2fs_load_nls_table(int encoding)
{
    (void)encoding;
    return NULL;
}

long volume_open(void)
{
    errcode_t error =
        ext2fs_open("memory", EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, &manager, &fs);
    if (!error) {
        fs->now = 1700000000; // the same image each time
        error = ext2fs_read_bitmaps(fs);
    }
    return error;
}

static const char *name_of(uint32_t number)
{
    static char name[32];
    snprintf(name, sizeof(name), "file-%u", number);
    return name;
}

static long put(ext2_ino_t ino, uint32_t number, uint32_t bytes)
{
    ext2_file_t file;
    unsigned written;
    errcode_t error = ext2fs_file_open(fs, ino, EXT2_FILE_WRITE, &file);
    if (!error) {
        error = ext2fs_file_write(file, volume_content(number), bytes, &written);
        errcode_t closed = ext2fs_file_close(file);
        error = error ? error : closed;
    }
    return error;
}

long volume_create(uint32_t number, uint32_t bytes)
{
    const char *name = name_of(number);
    ext2_ino_t ino;
    ext2_extent_handle_t extents;
    struct ext2_inode inode = {
        .i_mode = LINUX_S_IFREG | 0644, .i_links_count = 1, .i_flags = EXT4_EXTENTS_FL};
    errcode_t error = ext2fs_new_inode(fs, EXT2_ROOT_INO, 0644, NULL, &ino);
    if (error) {
        return error;
    }
    error = ext2fs_link(fs, EXT2_ROOT_INO, name, ino, EXT2_FT_REG_FILE);
    if (error == EXT2_ET_DIR_NO_SPACE) {
        error = ext2fs_expand_dir(fs, EXT2_ROOT_INO);
        error = error ? error : ext2fs_link(fs, EXT2_ROOT_INO, name, ino, EXT2_FT_REG_FILE);
    }
    if (error) {
        return error;
    }
    ext2fs_inode_alloc_stats2(fs, ino, 1, 0);
    error = ext2fs_extent_open2(fs, ino, &inode, &extents);
    if (error) {
        return error;
    }
    ext2fs_extent_free(extents);
    error = ext2fs_write_new_inode(fs, ino, &inode);
    return error ? error : put(ino, number, bytes);
}

long volume_read(uint32_t number, uint32_t bytes)
{
    ext2_ino_t ino;
    ext2_file_t file;
    unsigned got;
    errcode_t error = ext2fs_namei(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, name_of(number), &ino);
    if (error) {
        return error;
    }
    uint8_t *data = malloc(VOLUME_FILE_MAX);
    error = ext2fs_file_open(fs, ino, 0, &file);
    if (!error) {
        error = ext2fs_file_read(file, data, VOLUME_FILE_MAX, &got);
        if (!error && (got != bytes || memcmp(data, volume_content(number), bytes))) {
            error = EXT2_ET_BLOCK_BITMAP_CSUM_INVALID; // never seen otherwise here
        }
        ext2fs_file_close(file);
    }
    free(data);
    return error;
}

long volume_remove(uint32_t number)
{
    const char *name = name_of(number);
    ext2_ino_t ino;
    struct ext2_inode inode;
    errcode_t error = ext2fs_namei(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, name, &ino);
    error = error ? error : ext2fs_read_inode(fs, ino, &inode);
    error = error ? error : ext2fs_unlink(fs, EXT2_ROOT_INO, name, 0, 0);
    error = error ? error : ext2fs_punch(fs, ino, &inode, NULL, 0, ~0ull);
    if (!error) {
        inode.i_links_count = 0;
        inode.i_dtime = 1700000000;
        error = ext2fs_write_inode(fs, ino, &inode);
        ext2fs_inode_alloc_stats2(fs, ino, -1, 0);
    }
    return error;
}

long volume_flush(void)
{
    return ext2fs_flush(fs);
}
