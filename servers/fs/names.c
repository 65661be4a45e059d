// SPDX-License-Identifier: MIT
// Making, removing and moving names. Each operation checks everything first, then takes what can
// run out (inodes, blocks), then changes directories.
#include "servers/fs/names.h"
#include "servers/fs/dir.h"
#include "servers/fs/map.h"
#include <errno.h>
#include <string.h>

static bool links_full(struct volume *v, const struct inode *dir)
{
    return dir->raw.i_links_count >= DIR_LINKS_MAX && !ext2fs_has_feature_dir_nlink(v->fs->super);
}

// A directory with very many subdirectories has the link count 1, for "not counted".
static void add_dir_link(struct volume *v, struct inode *dir)
{
    uint32_t links = dir->raw.i_links_count;
    dir->raw.i_links_count = links == 1 || links + 1 >= DIR_LINKS_MAX ? 1 : (uint16_t)(links + 1);
    if (dir->raw.i_links_count == 1) {
        ext2fs_set_feature_dir_nlink(v->fs->super);
    }
    inode_changed(v, dir);
}

static void drop_dir_link(struct volume *v, struct inode *dir)
{
    if (dir->raw.i_links_count > 2) {
        dir->raw.i_links_count--;
    }
    inode_changed(v, dir);
}

// The name for something new: EEXIST if it is taken, ENOENT if there is no name to give.
static int walk_to_new(struct volume *v, const char *path, size_t bytes, struct found *f)
{
    int error = path_walk(v, path, bytes, WALK_MAY_MISS, f);
    if (!error && f->inode) {
        path_done(v, f);
        return EEXIST;
    }
    return error;
}

int names_create(struct volume *v, struct inode *parent, const char *name, uint32_t length,
                 uint32_t mode, struct inode **out)
{
    int error = dir_make_room(v, parent, length);
    error = error ? error : inode_create(v, parent, LINUX_S_IFREG | mode, out);
    if (error) {
        return error;
    }
    error = dir_insert(v, parent, name, length, (*out)->number, EXT2_FT_REG_FILE);
    if (error) {
        inode_uncreate(v, *out);
    }
    return error;
}

static int make_dir(struct volume *v, struct found *f, uint32_t mode)
{
    struct inode *dir;
    int error = links_full(v, f->parent) ? EMLINK : dir_make_room(v, f->parent, f->length);
    error = error ? error : inode_create(v, f->parent, LINUX_S_IFDIR | mode, &dir);
    if (error) {
        return error;
    }
    dir->raw.i_links_count = 2;
    error = dir_create(v, dir, f->parent->number);
    error = error ? error : dir_insert(v, f->parent, f->name, f->length, dir->number, EXT2_FT_DIR);
    if (error) {
        inode_uncreate(v, dir);
        return error;
    }
    add_dir_link(v, f->parent);
    inode_put(v, dir);
    return 0;
}

int names_mkdir(struct volume *v, const char *path, size_t bytes, uint32_t mode)
{
    struct found f;
    int error = walk_to_new(v, path, bytes, &f);
    if (!error) {
        error = make_dir(v, &f, mode);
        path_done(v, &f);
    }
    return error;
}

// Takes the name that `f` found out of its directory.
static int remove_name(struct volume *v, struct found *f)
{
    struct dir_entry *e;
    int error = dir_find(v, f->parent, f->name, f->length, &e);
    return error ? error : dir_remove(v, f->parent, e);
}

static void lose_dir(struct volume *v, struct inode *dir, struct inode *parent)
{
    dir->raw.i_links_count = 1;
    inode_unlink(v, dir);
    drop_dir_link(v, parent);
}

int names_rmdir(struct volume *v, const char *path, size_t bytes)
{
    struct found f;
    int error = path_walk(v, path, bytes, 0, &f);
    if (error) {
        return error;
    }
    if (f.end != END_NAME) {
        error = f.end == END_ROOT ? EBUSY : f.end == END_DOT ? EINVAL : ENOTEMPTY;
    } else if (!inode_is_dir(f.inode)) {
        error = ENOTDIR;
    } else {
        error = dir_check_empty(v, f.inode);
    }
    error = error ? error : remove_name(v, &f);
    if (!error) {
        lose_dir(v, f.inode, f.parent);
    }
    path_done(v, &f);
    return error;
}

int names_unlink(struct volume *v, const char *path, size_t bytes)
{
    struct found f;
    int error = path_walk(v, path, bytes, 0, &f);
    if (error) {
        return error;
    }
    error = inode_is_dir(f.inode) ? EISDIR : remove_name(v, &f);
    if (!error) {
        inode_unlink(v, f.inode);
    }
    path_done(v, &f);
    return error;
}

int names_link(struct volume *v, const char *from, size_t from_bytes, const char *to,
               size_t to_bytes)
{
    struct found old, f;
    int error = path_walk(v, from, from_bytes, 0, &old);
    if (error) {
        return error;
    }
    error = inode_is_dir(old.inode)                         ? EPERM
            : old.inode->raw.i_links_count >= DIR_LINKS_MAX ? EMLINK
                                                            : 0;
    error = error ? error : walk_to_new(v, to, to_bytes, &f);
    if (!error) {
        error = f.must_be_dir ? ENOENT
                              : dir_insert(v, f.parent, f.name, f.length, old.inode->number,
                                           dir_kind(old.inode->raw.i_mode));
        if (!error) {
            old.inode->raw.i_links_count++;
            inode_set_time(v, old.inode, TIME_CHANGE, (int64_t)v->now_ns());
            inode_changed(v, old.inode);
        }
        path_done(v, &f);
    }
    path_done(v, &old);
    return error;
}

// ---- Symbolic links ----

static int write_target(struct volume *v, struct inode *link, const char *target, size_t bytes)
{
    if (bytes < sizeof(link->raw.i_block)) {
        memset(link->raw.i_block, 0, sizeof(link->raw.i_block));
        memcpy(link->raw.i_block, target, bytes);
        link->raw.i_flags &= ~(uint32_t)EXT4_EXTENTS_FL;
        link->raw.i_size = (uint32_t)bytes;
        return 0;
    }
    struct run r;
    uint8_t *to;
    int error = map_add(v, link, 0, 1, &r);
    error = error ? error : cache_get_new(&v->cache, r.place, &to);
    if (!error) {
        memset(to, 0, block_bytes(v));
        memcpy(to, target, bytes);
        cache_dirty(&v->cache, r.place, 1, CLASS_DATA);
        link->raw.i_size = (uint32_t)bytes;
    }
    return error;
}

static int make_link(struct volume *v, struct found *f, const char *target, size_t bytes)
{
    struct inode *link;
    int error = f->must_be_dir ? ENOENT : dir_make_room(v, f->parent, f->length);
    error = error ? error : inode_create(v, f->parent, LINUX_S_IFLNK | 0777, &link);
    if (error) {
        return error;
    }
    error = write_target(v, link, target, bytes);
    error =
        error ? error : dir_insert(v, f->parent, f->name, f->length, link->number, EXT2_FT_SYMLINK);
    if (error) {
        inode_uncreate(v, link);
        return error;
    }
    inode_put(v, link);
    return 0;
}

int names_symlink(struct volume *v, const char *target, size_t target_bytes, const char *path,
                  size_t bytes)
{
    struct found f;
    if (!target_bytes || memchr(target, 0, target_bytes)) {
        return target_bytes ? EINVAL : ENOENT;
    }
    if (target_bytes >= PATH_BYTES_MAX || target_bytes >= block_bytes(v)) {
        return ENAMETOOLONG;
    }
    int error = walk_to_new(v, path, bytes, &f);
    if (!error) {
        error = make_link(v, &f, target, target_bytes);
        path_done(v, &f);
    }
    return error;
}

// ---- Renaming ----

// EINVAL if `dir` is `ancestor` or below it.
static int check_not_below(struct volume *v, struct inode *dir, struct inode *ancestor)
{
    ext2_ino_t at = dir->number;
    for (uint32_t depth = 0; at != EXT2_ROOT_INO; depth++) {
        struct inode *i;
        struct dir_entry *up;
        if (at == ancestor->number) {
            return EINVAL;
        }
        int error = depth > PATH_BYTES_MAX ? volume_damaged(v, "a ring of directories at inode", at)
                                           : inode_get(v, at, &i);
        if (error) {
            return error;
        }
        error = dir_find(v, i, "..", 2, &up);
        at = up && !error ? up->inode : 0;
        inode_put(v, i);
        if (error || !at) {
            return error ? error : volume_damaged(v, "no parent in directory", at);
        }
    }
    return 0;
}

static int check_rename(struct volume *v, const struct found *old, const struct found *new_)
{
    if (old->end != END_NAME || new_->end != END_NAME) {
        return EBUSY;
    }
    bool dir = inode_is_dir(old->inode);
    if (!dir && (old->must_be_dir || new_->must_be_dir)) {
        return ENOTDIR;
    }
    int error = dir ? check_not_below(v, new_->parent, old->inode) : 0;
    if (error || !new_->inode) {
        bool one_more = dir && old->parent != new_->parent;
        return error ? error : one_more && links_full(v, new_->parent) ? EMLINK : 0;
    }
    if (dir != inode_is_dir(new_->inode)) {
        return dir ? ENOTDIR : EISDIR;
    }
    return dir ? dir_check_empty(v, new_->inode) : 0;
}

// The directory has moved: its ".." leads to the new parent.
static int change_parent(struct volume *v, struct inode *dir, struct inode *from, struct inode *to)
{
    struct dir_entry *up;
    int error = dir_find(v, dir, "..", 2, &up);
    if (!error && !up) {
        error = volume_damaged(v, "no parent in directory", dir->number);
    }
    error = error ? error : dir_replace(v, dir, up, to->number, EXT2_FT_DIR);
    if (!error) {
        drop_dir_link(v, from);
        add_dir_link(v, to);
    }
    return error;
}

// Reads all that a rename is going to change, so that it cannot fail half way for the disk.
static int prepare_rename(struct volume *v, struct found *old, struct found *new_)
{
    struct dir_entry *e;
    int error = 0;
    if (inode_is_dir(old->inode)) {
        error = dir_find(v, old->inode, "..", 2, &e);
        error = error || !e ? error : dir_prepare(v, old->inode, e);
    }
    if (!error && !new_->inode) {
        error = dir_make_room(v, new_->parent, new_->length);
    } else if (!error) {
        error = dir_find(v, new_->parent, new_->name, new_->length, &e);
        error = error ? error : dir_prepare(v, new_->parent, e);
    }
    error = error ? error : dir_find(v, old->parent, old->name, old->length, &e);
    return error ? error : dir_prepare(v, old->parent, e);
}

static int do_rename(struct volume *v, struct found *old, struct found *new_)
{
    struct dir_entry *e;
    uint8_t kind = dir_kind(old->inode->raw.i_mode);
    int error = prepare_rename(v, old, new_);
    if (error) {
        return error;
    }
    if (new_->inode) {
        error = dir_find(v, new_->parent, new_->name, new_->length, &e);
        error = error ? error : dir_replace(v, new_->parent, e, old->inode->number, kind);
    } else {
        error = dir_insert(v, new_->parent, new_->name, new_->length, old->inode->number, kind);
    }
    error = error ? error : remove_name(v, old);
    if (!error && inode_is_dir(old->inode) && old->parent != new_->parent) {
        error = change_parent(v, old->inode, old->parent, new_->parent);
    }
    if (error) {
        return error;
    }
    if (new_->inode && inode_is_dir(new_->inode)) {
        lose_dir(v, new_->inode, new_->parent);
    } else if (new_->inode) {
        inode_unlink(v, new_->inode);
    }
    inode_set_time(v, old->inode, TIME_CHANGE, (int64_t)v->now_ns());
    inode_changed(v, old->inode);
    return 0;
}

int names_rename(struct volume *v, const char *from, size_t from_bytes, const char *to,
                 size_t to_bytes)
{
    struct found old, new_;
    char name[DIR_NAME_MAX];
    int error = path_walk(v, from, from_bytes, 0, &old);
    if (error) {
        return error;
    }
    // The second walk uses the path buffers again.
    memcpy(name, old.name ? old.name : "", old.length);
    old.name = name;
    error = path_walk(v, to, to_bytes, WALK_MAY_MISS, &new_);
    if (!error) {
        error = check_rename(v, &old, &new_);
        if (!error && old.inode != new_.inode) {
            error = do_rename(v, &old, &new_);
        }
        path_done(v, &new_);
    }
    path_done(v, &old);
    return error;
}

// ---- Attributes ----

int names_chmod(struct volume *v, const char *path, size_t bytes, uint32_t mode)
{
    struct found f;
    int error = path_walk(v, path, bytes, WALK_FOLLOW | WALK_ALONE, &f);
    if (!error) {
        f.inode->raw.i_mode = (uint16_t)((f.inode->raw.i_mode & LINUX_S_IFMT) | mode);
        inode_set_time(v, f.inode, TIME_CHANGE, (int64_t)v->now_ns());
        inode_changed(v, f.inode);
        path_done(v, &f);
    }
    return error;
}

int names_utimes(struct volume *v, const char *path, size_t bytes, int64_t access_ns,
                 int64_t modify_ns)
{
    struct found f;
    int error = path_walk(v, path, bytes, WALK_FOLLOW | WALK_ALONE, &f);
    if (!error) {
        inode_set_time(v, f.inode, TIME_ACCESS, access_ns);
        inode_set_time(v, f.inode, TIME_MODIFY, modify_ns);
        inode_set_time(v, f.inode, TIME_CHANGE, (int64_t)v->now_ns());
        inode_changed(v, f.inode);
        path_done(v, &f);
    }
    return error;
}
