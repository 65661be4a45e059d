// SPDX-License-Identifier: MIT
// libext2fs at its usual work, on an image in memory: open, walk all inodes and their blocks, let
// a file grow block by block, cut it again, write everything back with checksums.
#include "randomizer/linker/measure/work.h"
#include <sys/types.h>
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

uint8_t *work_image;
size_t work_image_bytes;

static errcode_t image_open(const char *name, int flags, io_channel *channel);
static errcode_t image_close(io_channel channel)
{
    free(channel);
    return 0;
}
static errcode_t image_set_blksize(io_channel channel, int bytes)
{
    channel->block_size = bytes;
    return 0;
}
static bool image_span(io_channel channel, unsigned long long block, int count, uint8_t **at,
                       size_t *bytes)
{
    *bytes = count < 0 ? (size_t)-count : (size_t)count * (size_t)channel->block_size;
    *at = work_image + block * (unsigned long long)channel->block_size;
    return block * (unsigned long long)channel->block_size + *bytes <= work_image_bytes;
}
static errcode_t image_read64(io_channel channel, unsigned long long block, int count, void *data)
{
    uint8_t *at;
    size_t bytes;
    if (!image_span(channel, block, count, &at, &bytes)) {
        return EXT2_ET_SHORT_READ;
    }
    memcpy(data, at, bytes);
    return 0;
}
static errcode_t image_write64(io_channel channel, unsigned long long block, int count,
                               const void *data)
{
    uint8_t *at;
    size_t bytes;
    if (!image_span(channel, block, count, &at, &bytes)) {
        return EXT2_ET_SHORT_WRITE;
    }
    memcpy(at, data, bytes);
    return 0;
}
static errcode_t image_read(io_channel channel, unsigned long block, int count, void *data)
{
    return image_read64(channel, block, count, data);
}
static errcode_t image_write(io_channel channel, unsigned long block, int count, const void *data)
{
    return image_write64(channel, block, count, data);
}
static errcode_t image_flush(io_channel channel)
{
    (void)channel;
    return 0;
}

static struct struct_io_manager image_manager = {.magic = EXT2_ET_MAGIC_IO_MANAGER,
                                                 .name = "image",
                                                 .open = image_open,
                                                 .close = image_close,
                                                 .set_blksize = image_set_blksize,
                                                 .read_blk = image_read,
                                                 .write_blk = image_write,
                                                 .flush = image_flush,
                                                 .read_blk64 = image_read64,
                                                 .write_blk64 = image_write64};

static errcode_t image_open(const char *name, int flags, io_channel *channel)
{
    (void)name;
    (void)flags;
    io_channel c = calloc(1, sizeof(*c));
    c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    c->manager = &image_manager;
    c->name = "image";
    c->block_size = 1024;
    c->refcount = 1;
    *channel = c;
    return 0;
}

// Asked for by ext2fs_open2 only if names are compared without regard to case: not in this image.
const struct ext2fs_nls_table *ext2fs_load_nls_table(int encoding)
{
    (void)encoding;
    return nullptr;
}

static uint64_t walk_blocks(ext2_filsys fs, ext2_ino_t ino, struct ext2_inode *inode)
{
    uint64_t sum = 0;
    uint64_t blocks = (EXT2_I_SIZE(inode) + fs->blocksize - 1) / fs->blocksize;
    for (uint64_t i = 0; i < blocks; i++) {
        blk64_t physical = 0;
        if (ext2fs_bmap2(fs, ino, inode, nullptr, 0, i, nullptr, &physical) == 0) {
            sum = sum * 31 + physical;
        }
    }
    return sum;
}

static uint64_t walk_inodes(ext2_filsys fs)
{
    uint64_t sum = 0;
    for (ext2_ino_t ino = 1; ino <= fs->super->s_inodes_count; ino++) {
        struct ext2_inode inode;
        if (ext2fs_test_inode_bitmap2(fs->inode_map, ino) &&
            ext2fs_read_inode(fs, ino, &inode) == 0 && LINUX_S_ISREG(inode.i_mode)) {
            sum = sum * 31 + walk_blocks(fs, ino, &inode);
        }
    }
    return sum;
}

static uint64_t grow_and_cut(ext2_filsys fs)
{
    ext2_ino_t ino;
    uint64_t sum = 0;
    struct ext2_inode inode = {
        .i_mode = LINUX_S_IFREG | 0600, .i_links_count = 1, .i_flags = EXT4_EXTENTS_FL};
    if (ext2fs_new_inode(fs, EXT2_ROOT_INO, 0600, nullptr, &ino) != 0) {
        return 1;
    }
    ext2fs_inode_alloc_stats2(fs, ino, +1, 0);
    ext2_extent_handle_t handle;
    if (ext2fs_extent_open2(fs, ino, &inode, &handle) != 0) { // makes the empty root of the tree
        return 2;
    }
    ext2fs_extent_free(handle);
    ext2fs_write_new_inode(fs, ino, &inode);
    for (blk64_t i = 0; i < 200; i++) { // every other block: as many extents as blocks
        blk64_t physical = 0;
        ext2fs_bmap2(fs, ino, &inode, nullptr, BMAP_ALLOC, 2 * i, nullptr, &physical);
        sum = sum * 31 + physical;
    }
    ext2fs_inode_size_set(fs, &inode, 400 * fs->blocksize);
    ext2fs_write_inode(fs, ino, &inode);
    sum += (uint64_t)ext2fs_punch(fs, ino, &inode, nullptr, 0, ~0ull);
    inode.i_links_count = 0;
    ext2fs_write_inode(fs, ino, &inode);
    ext2fs_inode_alloc_stats2(fs, ino, -1, 0);
    return sum;
}

uint64_t work_ext2(void)
{
    ext2_filsys fs;
    errcode_t error =
        ext2fs_open("image", EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, &image_manager, &fs);
    if (error == 0) {
        error = ext2fs_read_bitmaps(fs);
    }
    if (error != 0) {
        return (uint64_t)error;
    }
    uint64_t sum = walk_inodes(fs) * 31 + grow_and_cut(fs);
    ext2fs_mark_super_dirty(fs);
    error = ext2fs_flush(fs);
    ext2fs_free(fs);
    return sum * 31 + (uint64_t)error;
}
