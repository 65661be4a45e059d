// SPDX-License-Identifier: MIT
// Inodes without a name that somebody still has open. On a volume with a journal the disk has a
// list of them: from the superblock on, each tells the next one's number where a dead inode has its
// time of death. Whoever mounts the volume after a power cut frees what is in the list.
#include "servers/fs/orphan.h"
#include "servers/fs/inode.h"
#include "servers/fs/map.h"

static ext2_ino_t number_of(const struct inode *i)
{
    return i ? i->number : 0;
}

void orphan_add(struct volume *v, struct inode *i)
{
    v->orphans++;
    i->orphan = true;
    i->orphan_prev = nullptr;
    i->orphan_next = v->first_orphan;
    if (v->first_orphan) {
        v->first_orphan->orphan_prev = i;
    }
    v->first_orphan = i;
    if (v->journal.open) {
        i->raw.i_dtime = number_of(i->orphan_next);
        v->fs->super->s_last_orphan = i->number;
    }
    inode_changed(v, i);
}

void orphan_remove(struct volume *v, struct inode *i)
{
    struct inode *before = i->orphan_prev, *after = i->orphan_next;
    v->orphans--;
    i->orphan = false;
    *(before ? &before->orphan_next : &v->first_orphan) = after;
    if (after) {
        after->orphan_prev = before;
    }
    if (v->journal.open && before) {
        before->raw.i_dtime = number_of(after);
        inode_changed(v, before);
    } else if (v->journal.open) {
        v->fs->super->s_last_orphan = number_of(after);
    }
}

// Frees one, or cuts it to its size if it has a name: Linux notes so that it is being cut.
static int release(struct volume *v, ext2_ino_t number, ext2_ino_t *next)
{
    struct inode *i;
    if (number < EXT2_FIRST_INODE(v->fs->super) || number > v->fs->super->s_inodes_count ||
        !ext2fs_test_inode_bitmap2(v->fs->inode_map, number)) {
        return volume_damaged(v, "the list of open files leads to inode", number);
    }
    int error = inode_get_nameless(v, number, &i);
    if (error) {
        return error;
    }
    if (i->dead) {
        inode_put(v, i);
        return volume_damaged(v, "the list of open files leads back to inode", number);
    }
    *next = i->raw.i_dtime;
    v->fs->super->s_last_orphan = *next;
    i->raw.i_dtime = 0;
    inode_changed(v, i);
    if (i->raw.i_links_count) {
        error = map_free(v, i, (uint32_t)blocks_for(v, inode_size(i)));
    } else {
        orphan_add(v, i);
    }
    inode_put(v, i); // frees it
    v->fs->super->s_last_orphan = *next;
    return error;
}

int orphan_release_all(struct volume *v)
{
    ext2_ino_t number = v->fs->super->s_last_orphan;
    int error = 0;
    if (v->mode != VOLUME_WRITABLE || !number) {
        return 0;
    }
    v->note("files that were open without a name are freed");
    while (number && !error) {
        error = volume_begin(v);
        error = error ? error : release(v, number, &number);
    }
    return error;
}
