// SPDX-License-Identifier: MIT
// The operations: preparing the volume for a change, trying again when space was only held back,
// answers' records.
#include "servers/fs/operations.h"
#include "servers/fs/dir.h"
#include "servers/fs/names.h"
#include "servers/fs/space.h"
#include <errno.h>
#include <string.h>

// Runs an operation that changes something. An operation that found no space has changed nothing,
// so when a sync can free some, it is run again. (A request does not come back from volume_chore.)
#define CHANGE(v, operation)                                                                       \
    ({                                                                                             \
        int error_ = volume_begin(v);                                                              \
        error_ = error_ ? error_ : (operation);                                                    \
        if (error_ == ENOSPC && space_is_held(v) && !volume_chore(v, CHORE_SYNC)) {                \
            error_ = volume_begin(v);                                                              \
            error_ = error_ ? error_ : (operation);                                                \
        }                                                                                          \
        error_;                                                                                    \
    })

int op_open(struct volume *v, const char *path, size_t bytes, uint32_t flags, uint32_t mode,
            uint64_t badge, uint64_t *id, struct open_file **out)
{
    int error = open_path(v, path, bytes, flags, mode, badge, id, out);
    if (error == ENOSPC && space_is_held(v) && !volume_chore(v, CHORE_SYNC)) {
        error = open_path(v, path, bytes, flags, mode, badge, id, out);
    }
    return error;
}

static int find(struct volume *v, uint64_t id, uint64_t badge, struct open_file **out)
{
    int error = volume_check(v);
    return error ? error : open_find(v, id, badge, out);
}

int op_read(struct volume *v, uint64_t id, uint64_t badge, uint64_t offset, size_t bytes,
            file_copy *copy, void *arg, size_t *count)
{
    struct open_file *f;
    int error = find(v, id, badge, &f);
    if (!error && !f->readable) {
        error = EBADF;
    }
    if (!error && inode_is_dir(f->inode)) {
        error = EISDIR;
    }
    return error ? error : file_read(v, f, offset, bytes, copy, arg, count);
}

int op_write(struct volume *v, uint64_t id, uint64_t badge, uint64_t offset, size_t bytes,
             file_copy *copy, void *arg, size_t *count, uint64_t *end)
{
    struct open_file *f;
    int error = find(v, id, badge, &f);
    if (!error && !f->writable) {
        error = EBADF;
    }
    error = error ? error : volume_begin(v);
    if (error) {
        return error;
    }
    offset = f->append ? inode_size(f->inode) : offset;
    error = file_write(v, f->inode, offset, bytes, copy, arg, count);
    *end = offset + *count;
    return error;
}

int op_truncate(struct volume *v, uint64_t id, uint64_t badge, uint64_t size)
{
    struct open_file *f;
    int error = find(v, id, badge, &f);
    if (!error && !f->writable) {
        error = EBADF;
    }
    return error ? error : CHANGE(v, file_truncate(v, f->inode, size));
}

// ---- Directories ----

struct listing {
    uint8_t *to;
    size_t room, used;
};

static uint8_t kind_for_client(uint8_t kind)
{
    static const uint8_t kinds[] = {
        [EXT2_FT_REG_FILE] = FS_FILE,   [EXT2_FT_DIR] = FS_DIR,   [EXT2_FT_CHRDEV] = FS_CHARDEV,
        [EXT2_FT_BLKDEV] = FS_BLOCKDEV, [EXT2_FT_FIFO] = FS_PIPE, [EXT2_FT_SOCK] = FS_SOCKET,
        [EXT2_FT_SYMLINK] = FS_LINK};
    return kind < sizeof(kinds) ? kinds[kind] : FS_UNKNOWN;
}

static bool list_entry(void *arg, const struct ext2_dir_entry *e, uint64_t next)
{
    struct listing *l = arg;
    uint32_t length = e->name_len & 0xff;
    size_t bytes = (sizeof(struct fs_entry) + length + 7) & ~(size_t)7;
    if (bytes > l->room - l->used) {
        return false;
    }
    struct fs_entry entry = {.cursor = next,
                             .inode = e->inode,
                             .record_bytes = (uint16_t)bytes,
                             .kind = kind_for_client((uint8_t)(e->name_len >> 8)),
                             .name_bytes = (uint8_t)length};
    uint8_t *to = l->to + l->used;
    memset(to + bytes - 8, 0, 8);
    memcpy(to, &entry, sizeof(entry));
    memcpy(to + sizeof(entry), e->name, length);
    l->used += bytes;
    return true;
}

int op_readdir(struct volume *v, uint64_t id, uint64_t badge, uint64_t *cursor, uint8_t *to,
               size_t room, size_t *used)
{
    struct open_file *f;
    struct listing l = {.to = to, .room = room};
    int error = find(v, id, badge, &f);
    if (!error && !inode_is_dir(f->inode)) {
        error = ENOTDIR;
    }
    uint64_t size = error ? 0 : inode_size(f->inode);
    error = error ? error : dir_read(v, f->inode, cursor, list_entry, &l);
    if (!error && !l.used && *cursor < size) {
        error = EINVAL;
    }
    *used = l.used;
    return l.used ? 0 : error;
}

// ---- Names ----

int op_mkdir(struct volume *v, const char *path, size_t bytes, uint32_t mode)
{
    return CHANGE(v, names_mkdir(v, path, bytes, mode));
}

int op_rmdir(struct volume *v, const char *path, size_t bytes)
{
    return CHANGE(v, names_rmdir(v, path, bytes));
}

int op_unlink(struct volume *v, const char *path, size_t bytes)
{
    return CHANGE(v, names_unlink(v, path, bytes));
}

int op_rename(struct volume *v, const char *from, size_t from_bytes, const char *to,
              size_t to_bytes)
{
    return CHANGE(v, names_rename(v, from, from_bytes, to, to_bytes));
}

int op_link(struct volume *v, const char *from, size_t from_bytes, const char *to, size_t to_bytes)
{
    return CHANGE(v, names_link(v, from, from_bytes, to, to_bytes));
}

int op_symlink(struct volume *v, const char *target, size_t target_bytes, const char *path,
               size_t bytes)
{
    return CHANGE(v, names_symlink(v, target, target_bytes, path, bytes));
}

int op_chmod(struct volume *v, const char *path, size_t bytes, uint32_t mode)
{
    return CHANGE(v, names_chmod(v, path, bytes, mode));
}

int op_utimes(struct volume *v, const char *path, size_t bytes, int64_t access_ns,
              int64_t modify_ns)
{
    return CHANGE(v, names_utimes(v, path, bytes, access_ns, modify_ns));
}

int op_readlink(struct volume *v, const char *path, size_t bytes, char *to, size_t room,
                uint32_t *length)
{
    struct found f;
    int error = volume_check(v);
    error = error ? error : path_walk(v, path, bytes, WALK_ALONE, &f);
    if (!error) {
        error = inode_is_link(f.inode) ? path_read_link(v, f.inode, to, room, length) : EINVAL;
        path_done(v, &f);
    }
    return error;
}

// ---- Attributes ----

static void describe(struct volume *v, struct inode *i, struct fs_stat *out)
{
    uint64_t blocks = i->raw.i_blocks;
    if (ext2fs_has_feature_huge_file(v->fs->super)) {
        blocks |= (uint64_t)i->raw.osd2.linux2.l_i_blocks_hi << 32;
        blocks <<= i->raw.i_flags & EXT4_HUGE_FILE_FL ? v->cache.block_shift - 9 : 0;
    }
    *out = (struct fs_stat){
        .inode = i->number,
        .size = inode_size(i),
        .blocks = blocks,
        .access_ns = inode_time(v, i, TIME_ACCESS),
        .modify_ns = inode_time(v, i, TIME_MODIFY),
        .change_ns = inode_time(v, i, TIME_CHANGE),
        .mode = i->raw.i_mode,
        .links = i->raw.i_links_count,
        .uid = inode_uid(i->raw),
        .gid = inode_gid(i->raw),
        .block_bytes = block_bytes(v),
        .device =
            i->raw.i_block[0] && (LINUX_S_ISCHR(i->raw.i_mode) || LINUX_S_ISBLK(i->raw.i_mode))
                ? i->raw.i_block[0]
                : 0,
    };
}

int op_stat(struct volume *v, const char *path, size_t bytes, bool follow, struct fs_stat *out)
{
    struct found f;
    int error = volume_check(v);
    error = error ? error : path_walk(v, path, bytes, WALK_ALONE | (follow ? WALK_FOLLOW : 0), &f);
    if (!error) {
        describe(v, f.inode, out);
        path_done(v, &f);
    }
    return error;
}

int op_fstat(struct volume *v, uint64_t id, uint64_t badge, struct fs_stat *out)
{
    struct open_file *f;
    int error = find(v, id, badge, &f);
    if (!error) {
        describe(v, f->inode, out);
    }
    return error;
}

int op_fsync(struct volume *v, uint64_t id, uint64_t badge)
{
    struct open_file *f;
    int error = find(v, id, badge, &f);
    return error ? error : volume_sync(v, false);
}

void op_statfs(struct volume *v, struct fs_volume *out)
{
    memset(out, 0, sizeof(*out));
    out->state = v->mode == VOLUME_UNUSABLE                    ? FS_UNUSABLE
                 : v->mode == VOLUME_READ_ONLY || v->shut_down ? FS_READ_ONLY
                                                               : FS_WRITABLE;
    out->reason = (uint32_t)v->reason;
    out->name_max = FS_NAME_MAX;
    if (v->mode == VOLUME_UNUSABLE) {
        return;
    }
    struct ext2_super_block *s = v->fs->super;
    out->blocks = ext2fs_blocks_count(s);
    out->free_blocks = ext2fs_free_blocks_count(s);
    out->files = s->s_inodes_count;
    out->free_files = s->s_free_inodes_count;
    out->block_bytes = block_bytes(v);
    memcpy(&out->uuid_high, s->s_uuid, 16);
    memcpy(&out->label_high, s->s_volume_name, 16);
    out->cache_bytes = cache_bytes(&v->cache);
    out->dirty_bytes = cache_dirty_total(&v->cache) << v->cache.block_shift;
    out->cache_hits = v->cache.hits;
    out->cache_misses = v->cache.misses;
}
