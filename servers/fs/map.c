// SPDX-License-Identifier: MIT
// Maps of blocks: the library's extents (or indirect blocks), with a window of runs remembered for
// each inode.
#include "servers/fs/map.h"
#include "lib/rt/heap.h"
#include "servers/fs/flat.h"
#include "servers/fs/space.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAP_END (1ull << 32) // no file has a block of this number

int map_supported(const struct inode *i)
{
    return i->raw.i_flags & (EXT4_INLINE_DATA_FL | EXT4_ENCRYPT_FL | EXT4_VERITY_FL) ? ENOTSUP : 0;
}

static void forget_window(struct inode *i)
{
    i->map.from = i->map.to = i->map.count = i->map.hint = 0;
}

static bool goes_on(const struct run *r, const struct run *next)
{
    return r->first + r->count == next->first && r->place + r->count == next->place && r->unwritten == next->unwritten;
}

static bool push(struct map_window *w, struct run r)
{
    struct run *last = w->count ? &w->runs[w->count - 1] : nullptr;
    if (last && goes_on(last, &r)) {
        last->count += r.count;
        return true;
    }
    if (w->count == w->room) {
        return false;
    }
    w->runs[w->count++] = r;
    return true;
}

// The first run that ends after block `first`; w->count if there is none.
static uint32_t search(const struct map_window *w, uint32_t first)
{
    uint32_t low = 0, high = w->count;
    if (w->hint < w->count && w->runs[w->hint].first <= first) {
        low = w->hint;
        if (first < w->runs[low].first + w->runs[low].count) {
            return low;
        }
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (w->runs[middle].first + (uint64_t)w->runs[middle].count > first) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static bool place_exists(const struct volume *v, uint64_t place, uint64_t count)
{
    uint64_t end = ext2fs_blocks_count(v->fs->super);
    return place > v->fs->super->s_first_data_block && place < end && count <= end - place;
}

// After a jump to a leaf the library may go through that leaf a second time: it does not count it
// as visited.
static bool is_known(struct map_window *w, const struct run *r)
{
    uint32_t n = search(w, r->first);
    const struct run *k = &w->runs[n];
    return r->first + (uint64_t)r->count <= w->from ||
           (n < w->count && k->first <= r->first && k->place + (r->first - k->first) == r->place);
}

// Reads extents from the one that holds `first`, or is next to it, on.
static int load_extents(struct volume *v, struct inode *i, uint32_t first)
{
    struct map_window *w = &i->map;
    ext2_extent_handle_t handle;
    struct ext2fs_extent e;
    errcode_t code = ext2fs_extent_open2(v->fs, i->number, &i->raw, &handle);
    if (code) {
        return volume_error(v, code);
    }
    code = ext2fs_extent_goto(handle, first);
    if (!code || code == EXT2_ET_EXTENT_NOT_FOUND) {
        code = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &e);
    }
    w->to = MAP_END;
    bool begun = false;
    while (!code) {
        struct run r = {(uint32_t)e.e_lblk, e.e_len, e.e_pblk,
                        e.e_flags & EXT2_EXTENT_FLAGS_UNINIT};
        uint64_t known =
            w->count ? (uint64_t)w->runs[w->count - 1].first + w->runs[w->count - 1].count : 0;
        if (begun && is_known(w, &r)) {
            code = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT_LEAF, &e);
            continue;
        }
        if (!place_exists(v, e.e_pblk, e.e_len) || e.e_lblk + e.e_len > MAP_END ||
            e.e_lblk < known) {
            ext2fs_extent_free(handle);
            return volume_damaged(v, "an extent of inode", i->number);
        }
        if (!begun) {
            w->from = e.e_lblk <= first ? e.e_lblk : 0;
            begun = true;
        }
        if (!push(w, r)) {
            w->to = known;
            break;
        }
        code = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT_LEAF, &e);
    }
    ext2fs_extent_free(handle);
    return code && code != EXT2_ET_EXTENT_NO_NEXT && code != EXT2_ET_NO_CURRENT_NODE
               ? volume_error(v, code)
               : 0;
}

static int load_flat(struct volume *v, struct inode *i, const struct run *runs, uint32_t count)
{
    uint64_t known = 0;
    for (const struct run *r = runs; r < runs + count; r++) {
        if (!place_exists(v, r->place, r->count) || r->first + (uint64_t)r->count > MAP_END || r->first < known) {
            return volume_damaged(v, "an extent of inode", i->number);
        }
        known = r->first + (uint64_t)r->count;
        (void)push(&i->map, *r);
    }
    i->map.to = MAP_END;
    return 0;
}

// Files of older kind: one look-up for each block, up to a piece's length.
static int load_blocks(struct volume *v, struct inode *i, uint32_t first)
{
    enum { PIECE = 64 };
    struct map_window *w = &i->map;
    w->from = w->to = first;
    for (uint32_t n = 0; n < PIECE; n++, w->to++) {
        blk64_t place = 0;
        errcode_t code =
            ext2fs_bmap2(v->fs, i->number, &i->raw, nullptr, 0, first + n, nullptr, &place);
        if (code == EXT2_ET_FILE_TOO_BIG || (code == EXT2_ET_BAD_BLOCK_NUM && n)) {
            break;
        }
        if (code) {
            return volume_error(v, code);
        }
        if (place && !place_exists(v, place, 1)) {
            return volume_damaged(v, "a block number of inode", i->number);
        }
        if (place && !push(w, (struct run){first + n, 1, place, false})) {
            break;
        }
    }
    return w->to > first ? 0 : EFBIG;
}

// Who jumps about in a file of many runs would read them again each time: a window that was full gets larger.
static uint32_t room_wanted(const struct map_window *w, bool flat)
{
    uint32_t room = flat ? MAP_RUNS_FEW : w->room < MAP_RUNS ? MAP_RUNS : w->room;
    return !flat && w->count == room && room < MAP_RUNS_MOST ? 2 * room : room;
}

// Fewer at a time will do.
static bool reserve(struct map_window *w, uint32_t room)
{
    struct run *runs = w->room < room ? new_array(struct run, room) : nullptr;
    if (runs) {
        free(w->runs);
        w->runs = runs;
        w->room = room;
    }
    return w->room;
}

void map_shrink(struct inode *i)
{
    if (i->map.room > MAP_RUNS) {
        free(i->map.runs);
        i->map = (struct map_window){0};
    }
}

static int load(struct volume *v, struct inode *i, uint32_t first)
{
    struct run runs[FLAT_RUNS];
    int flat = flat_runs(i, runs);
    uint32_t room = room_wanted(&i->map, flat >= 0);
    forget_window(i);
    if (!reserve(&i->map, room)) {
        return ENOMEM;
    }
    int error = flat >= 0                          ? load_flat(v, i, runs, (uint32_t)flat)
                : i->raw.i_flags & EXT4_EXTENTS_FL ? load_extents(v, i, first)
                                                   : load_blocks(v, i, first);
    if (error) {
        forget_window(i);
    }
    return error;
}

// From inside of the window; the run that it is in, or that comes next.
static uint32_t find_in_window(const struct map_window *w, uint32_t first, struct run *out)
{
    uint32_t n = search(w, first);
    if (n < w->count && w->runs[n].first <= first) {
        const struct run *r = &w->runs[n];
        uint32_t skip = first - r->first;
        *out = (struct run){first, r->count - skip, r->place + skip, r->unwritten};
        return n;
    }
    uint64_t end = n < w->count ? w->runs[n].first : w->to;
    uint64_t count = end - first;
    *out = (struct run){first, count > UINT32_MAX ? UINT32_MAX : (uint32_t)count, 0, false};
    return n;
}

bool map_known(const struct inode *i, uint32_t first, struct run *out)
{
    const struct map_window *w = &i->map;
    if (first < w->from || first >= w->to) {
        return false;
    }
    (void)find_in_window(w, first, out);
    return true;
}

int map_find(struct volume *v, struct inode *i, uint32_t first, struct run *out)
{
    struct map_window *w = &i->map;
    if (first < w->from || first >= w->to) {
        int error = load(v, i, first);
        if (error) {
            return error;
        }
    }
    uint32_t hint = find_in_window(w, first, out);
    if (hint != w->hint) {
        w->hint = hint;
    }
    return 0;
}

// ---- Adding ----

// Tells the extent tree of the new blocks: the extent before them grows, or they become one of
// their own.
static errcode_t insert_extent(struct volume *v, struct inode *i, const struct run *r)
{
    ext2_extent_handle_t handle;
    struct ext2fs_extent e, added = {.e_pblk = r->place, .e_lblk = r->first, .e_len = r->count};
    if (flat_add(i, r)) {
        return 0;
    }
    errcode_t code = ext2fs_extent_open2(v->fs, i->number, &i->raw, &handle);
    if (code) {
        return code;
    }
    int flags = 0;
    code = ext2fs_extent_goto(handle, r->first);
    if (!code) {
        code = EXT2_ET_EXTENT_LEAF_BAD; // there is something where the window said there was a hole
        goto out;
    }
    code = code == EXT2_ET_EXTENT_NOT_FOUND ? ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &e)
                                            : code;
    if (code && code != EXT2_ET_NO_CURRENT_NODE) {
        goto out;
    }
    if (!code && e.e_lblk < r->first) {
        flags = EXT2_EXTENT_INSERT_AFTER;
        if (e.e_lblk + e.e_len == r->first && e.e_pblk + e.e_len == r->place &&
            !(e.e_flags & EXT2_EXTENT_FLAGS_UNINIT) && e.e_len + r->count <= EXT_INIT_MAX_LEN) {
            e.e_len += r->count;
            code = ext2fs_extent_replace(handle, 0, &e);
            goto out;
        }
    }
    code = ext2fs_extent_insert(handle, flags, &added);
    if (!code) {
        code = ext2fs_extent_fix_parents(handle);
    }
out:
    ext2fs_extent_free(handle);
    return code;
}

static errcode_t insert_block(struct volume *v, struct inode *i, const struct run *r)
{
    blk64_t place = r->place;
    return ext2fs_bmap2(v->fs, i->number, &i->raw, nullptr, BMAP_ALLOC | BMAP_SET, r->first,
                        nullptr, &place);
}

// Where the next block of the file is best put: after the one before it, else near the inode. A large file begins
// where a line of the cache does: whoever overwrites it in large pieces then overwrites whole lines.
static uint64_t goal(struct volume *v, struct inode *i, uint32_t first, uint32_t count)
{
    struct run before;
    if (first && !map_find(v, i, first - 1, &before) && before.place) {
        return before.place + 1;
    }
    uint64_t place = space_goal(v, i->number), line = v->cache.line_mask + 1;
    return !first && count >= line ? (place + line - 1) & ~(line - 1) : place;
}

static bool grow(struct map_window *w)
{
    struct run *runs = w->room < MAP_RUNS_MOST ? new_array(struct run, 2 * w->room) : nullptr;
    if (runs) {
        memcpy(runs, w->runs, w->count * sizeof(*runs));
        free(w->runs);
        w->runs = runs;
        w->room *= 2;
    }
    return runs;
}

// Where a hole was, in front of run number `at`.
static bool insert(struct map_window *w, uint32_t at, const struct run *r)
{
    if (at > 0 && goes_on(&w->runs[at - 1], r)) {
        w->runs[at - 1].count += r->count;
        return true;
    }
    if (w->count == w->room && !grow(w)) {
        return false;
    }
    memmove(&w->runs[at + 1], &w->runs[at], (w->count - at) * sizeof(*w->runs));
    w->runs[at] = *r;
    w->count++;
    return true;
}

// Keeps the window right without reading it again.
static void remember(struct inode *i, const struct run *r)
{
    struct map_window *w = &i->map;
    uint64_t end = r->first + (uint64_t)r->count;
    uint32_t at = search(w, r->first);
    bool inside = w->runs && r->first >= w->from && end <= w->to;
    bool hole = at == w->count || end <= w->runs[at].first;
    if (!inside || !hole || !insert(w, at, r)) {
        forget_window(i);
    }
}

int map_add(struct volume *v, struct inode *i, uint32_t first, uint32_t count, struct run *out)
{
    bool extents = i->raw.i_flags & EXT4_EXTENTS_FL;
    if (extents && count > EXT_INIT_MAX_LEN) {
        count = EXT_INIT_MAX_LEN;
    }
    struct run r = {.first = first};
    int error = space_take_blocks(v, goal(v, i, first, count), extents ? count : 1, &r.place, &r.count);
    if (error) {
        return error;
    }
    errcode_t code = extents ? insert_extent(v, i, &r) : insert_block(v, i, &r);
    if (code) {
        space_return_blocks(v, r.place, r.count);
        forget_window(i);
        return volume_error(v, code);
    }
    ext2fs_iblk_add_blocks(v->fs, &i->raw, r.count);
    inode_changed(v, i);
    remember(i, &r);
    *out = r;
    return 0;
}

int map_mark_written(struct volume *v, struct inode *i, uint32_t first, uint32_t count)
{
    struct run r;
    ext2_extent_handle_t handle;
    int error = map_find(v, i, first, &r);
    if (error) {
        return error;
    }
    errcode_t code = ext2fs_extent_open2(v->fs, i->number, &i->raw, &handle);
    if (code) {
        return volume_error(v, code);
    }
    for (uint32_t n = 0; !code && n < count; n++) {
        code = ext2fs_extent_set_bmap(handle, first + n, r.place + n, 0);
    }
    ext2fs_extent_free(handle);
    forget_window(i);
    inode_changed(v, i);
    return volume_error(v, code);
}

// What the library would free, of a tree that needs no library.
static int free_flat(struct volume *v, struct inode *i, const struct run *runs, uint32_t count, uint32_t first)
{
    struct run cut;
    for (uint32_t n = 0; n < count; n++) {
        if (runs[n].first + (uint64_t)runs[n].count > first && !place_exists(v, runs[n].place, runs[n].count)) {
            return volume_damaged(v, "an extent of inode", i->number);
        }
    }
    while (flat_cut(i, first, &cut)) {
        for (uint32_t n = 0; n < cut.count; n++) {
            ext2fs_block_alloc_stats2(v->fs, cut.place + n, -1);
        }
        ext2fs_iblk_sub_blocks(v->fs, &i->raw, cut.count);
    }
    return 0;
}

int map_free(struct volume *v, struct inode *i, uint32_t first)
{
    struct run runs[FLAT_RUNS];
    forget_window(i);
    if (!ext2fs_inode_has_valid_blocks2(v->fs, &i->raw) || map_supported(i)) {
        return 0;
    }
    int flat = EXT2FS_CLUSTER_RATIO(v->fs) == 1 ? flat_runs(i, runs) : -1;
    if (flat == 0) {
        return 0;
    }
    inode_changed(v, i);
    if (flat > 0) {
        return free_flat(v, i, runs, (uint32_t)flat, first);
    }
    // The library takes an extent that ends with the volume's last block for one that ends behind
    // it.
    struct ext2_super_block *s = v->fs->super;
    ext2fs_blocks_count_set(s, ext2fs_blocks_count(s) + 1);
    errcode_t code = ext2fs_punch(v->fs, i->number, &i->raw, nullptr, first, ~0ull);
    ext2fs_blocks_count_set(s, ext2fs_blocks_count(s) - 1);
    return volume_error(v, code);
}
