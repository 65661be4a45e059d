// SPDX-License-Identifier: MIT
// Open files. A number is life << 32 | generation << 16 | place in the table.
#include "servers/fs/open.h"
#include "interfaces/fs.types.h"
#include "lib/rt/heap.h"
#include "servers/fs/file.h"
#include "servers/fs/names.h"
#include <errno.h>
#include <stdlib.h>

static_assert(OPEN_FILES_MAX == FS_OPEN_FILES_MAX, "as the interface says");

// The last opener of a file without a name goes, and with it the file: that is a change.
static void let_go(struct volume *v, struct inode *i)
{
    if (i->orphan && i->references == 1) {
        (void)volume_begin(v); // if it cannot be, the file stays in the list on the disk
    }
    inode_put(v, i);
}

int open_files_open(struct volume *v)
{
    v->files = new_array(struct open_file, OPEN_FILES_MAX);
    return v->files ? 0 : ENOMEM;
}

void open_files_close(struct volume *v, bool properly)
{
    for (uint32_t n = 0; v->files && n < OPEN_FILES_MAX; n++) {
        if (v->files[n].inode && properly) {
            let_go(v, v->files[n].inode);
        }
    }
    free(v->files);
    v->files = nullptr;
}

static int find_place(struct volume *v, uint32_t *out)
{
    for (uint32_t n = 0; n < OPEN_FILES_MAX; n++) {
        if (!v->files[n].inode) {
            *out = n;
            return 0;
        }
    }
    return EMFILE;
}

// What is wrong with opening this inode so. The flags are consistent in themselves.
static int check_inode(const struct inode *i, uint32_t flags)
{
    if (inode_is_link(i)) {
        return ELOOP; // only with NOFOLLOW
    }
    if (flags & FS_DIRECTORY && !inode_is_dir(i)) {
        return ENOTDIR;
    }
    if (inode_is_dir(i)) {
        return flags & (FS_WRITE | FS_CREATE) ? EISDIR : 0;
    }
    return inode_is_file(i) ? 0 : ENXIO;
}

static int check_flags(uint32_t flags)
{
    bool write = flags & FS_WRITE;
    bool bad = !(flags & (FS_READ | FS_WRITE)) || (!write && flags & (FS_TRUNCATE | FS_APPEND)) ||
               (flags & FS_EXCLUSIVE && !(flags & FS_CREATE)) ||
               (flags & FS_DIRECTORY && flags & (FS_WRITE | FS_CREATE));
    return bad ? EINVAL : 0;
}

// Finds or makes the file; *out is referenced.
static int find_or_make(struct volume *v, const char *path, size_t bytes, uint32_t flags,
                        uint32_t mode, struct inode **out)
{
    bool create = flags & FS_CREATE, exclusive = flags & FS_EXCLUSIVE;
    uint32_t how =
        (create ? WALK_MAY_MISS : WALK_ALONE) | (flags & FS_NOFOLLOW || exclusive ? 0 : WALK_FOLLOW);
    struct found f;
    int error = path_walk(v, path, bytes, how, &f);
    if (error) {
        return error;
    }
    if (f.inode) {
        error = exclusive ? EEXIST : check_inode(f.inode, flags);
    } else if (f.must_be_dir) {
        error = EISDIR;
    } else {
        error = volume_begin(v);
        error = error ? error : names_create(v, f.parent, f.name, f.length, mode, &f.inode);
    }
    if (!error) {
        *out = f.inode;
        f.inode = nullptr;
    }
    path_done(v, &f);
    return error;
}

int open_path(struct volume *v, const char *path, size_t bytes, uint32_t flags, uint32_t mode,
              uint64_t badge, uint64_t *id, struct open_file **out)
{
    uint32_t place;
    struct inode *inode;
    int error = volume_check(v);
    error = error ? error : check_flags(flags);
    error = error ? error : find_place(v, &place);
    if (!error && flags & (FS_WRITE | FS_CREATE) && (v->mode != VOLUME_WRITABLE || v->shut_down)) {
        // What is only there to be opened for reading may be asked for with CREATE.
        error = flags & FS_WRITE ? EROFS : 0;
    }
    error = error ? error : find_or_make(v, path, bytes, flags, mode, &inode);
    if (error) {
        return error;
    }
    if (flags & FS_TRUNCATE && inode_size(inode)) {
        error = volume_begin(v);
        error = error ? error : file_truncate(v, inode, 0);
    }
    if (error) {
        inode_put(v, inode);
        return error;
    }
    struct open_file *file = &v->files[place];
    *file = (struct open_file){.inode = inode,
                               .badge = badge,
                               .generation = (uint16_t)(file->generation + 1),
                               .readable = flags & FS_READ,
                               .writable = flags & FS_WRITE,
                               .append = flags & FS_APPEND};
    *id = (uint64_t)v->life << 32 | (uint32_t)file->generation << 16 | place;
    *out = file;
    return 0;
}

int open_find(struct volume *v, uint64_t id, uint64_t badge, struct open_file **out)
{
    uint32_t place = id & 0xffff;
    if (id >> 32 && id >> 32 != v->life) {
        return ESTALE;
    }
    if (!(id >> 32) || !v->files || place >= OPEN_FILES_MAX) {
        return EBADF;
    }
    struct open_file *file = &v->files[place];
    if (!file->inode || file->generation != (id >> 16 & 0xffff) || file->badge != badge) {
        return EBADF;
    }
    *out = file;
    return 0;
}

int open_close(struct volume *v, uint64_t id, uint64_t badge)
{
    struct open_file *file;
    int error = open_find(v, id, badge, &file);
    if (!error) {
        struct inode *inode = file->inode;
        if (!inode->raw.i_links_count) { // it may be freed
            cache_wait_settled(&v->cache);
        }
        file->inode = nullptr;
        volume_set_clock(v);
        let_go(v, inode);
    }
    return error;
}

// ---- Another life ----

struct open_note *open_files_note(const struct volume *v)
{
    struct open_note *notes = new_array(struct open_note, OPEN_FILES_MAX);
    for (uint32_t n = 0; notes && v->files && n < OPEN_FILES_MAX; n++) {
        const struct open_file *f = &v->files[n];
        notes[n] = (struct open_note){.badge = f->badge, .generation = f->generation,
                                      .readable = f->readable, .writable = f->writable,
                                      .append = f->append};
        if (f->inode) {
            notes[n].number = f->inode->number;
            notes[n].generation_on_disk = f->inode->raw.i_generation;
            notes[n].type = f->inode->raw.i_mode & LINUX_S_IFMT;
        }
    }
    return notes;
}

static struct inode *find_again(struct volume *v, const struct open_note *note)
{
    struct inode *i;
    bool used = note->number != 0 && note->number <= v->fs->super->s_inodes_count &&
                ext2fs_test_inode_bitmap2(v->fs->inode_map, note->number);
    if (!used || inode_get_nameless(v, note->number, &i)) {
        return nullptr;
    }
    if (!i->raw.i_links_count || i->raw.i_generation != note->generation_on_disk ||
        (i->raw.i_mode & LINUX_S_IFMT) != note->type) {
        inode_put(v, i);
        return nullptr;
    }
    return i;
}

void open_files_renew(struct volume *v, const struct open_note *notes)
{
    for (uint32_t n = 0; n < OPEN_FILES_MAX && v->mode != VOLUME_UNUSABLE; n++) {
        const struct open_note *note = &notes[n];
        v->files[n] = (struct open_file){.inode = find_again(v, note),
                                         .badge = note->badge,
                                         .generation = note->generation,
                                         .readable = note->readable,
                                         .writable = note->writable,
                                         .append = note->append};
    }
}
