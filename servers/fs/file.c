// SPDX-License-Identifier: MIT
// Reading and writing contents, through the map of blocks and the block cache.
#include "servers/fs/file.h"
#include "servers/fs/map.h"
#include "servers/fs/space.h"
#include <errno.h>
#include <string.h>

enum {
    AHEAD_FIRST_BYTES = 128 << 10, // read ahead of a sequential reader, at first and at most
    AHEAD_MAX_BYTES = 1 << 20,
    ZEROS_BYTES = 16 << 10,
};

// What holes are read from.
static const uint8_t zeros[ZEROS_BYTES];

// ---- Reading ----

// Starts reading blocks [first, first + count) of the file, where they are mapped.
static void prefetch(struct volume *v, struct inode *i, uint64_t first, uint64_t count)
{
    uint64_t end = blocks_for(v, inode_size(i));
    end = first + count < end ? first + count : end;
    while (first < end) {
        struct run r;
        if (map_find(v, i, (uint32_t)first, &r)) {
            return;
        }
        uint64_t n = r.count < end - first ? r.count : end - first;
        if (r.place && !r.unwritten) {
            cache_prefetch(&v->cache, r.place, (uint32_t)n);
        }
        first += n;
    }
}

// A reader that goes on where it stopped gets the next blocks before it asks, more each time.
static void read_ahead(struct volume *v, struct open_file *f, uint64_t offset, size_t bytes)
{
    uint64_t first = offset >> v->cache.block_shift, end = blocks_for(v, offset + bytes);
    uint32_t most = AHEAD_MAX_BYTES >> v->cache.block_shift;
    if (offset != f->next_offset) {
        if (f->ahead_to) {
            f->ahead_blocks = 0;
            f->ahead_to = 0;
        }
        f->next_offset = offset + bytes;
        return;
    }
    f->next_offset = offset + bytes;
    if (f->ahead_to >= end + f->ahead_blocks / 2) {
        return;
    }
    f->ahead_blocks =
        f->ahead_blocks ? f->ahead_blocks * 2 : AHEAD_FIRST_BYTES >> v->cache.block_shift;
    f->ahead_blocks = f->ahead_blocks < most ? f->ahead_blocks : most;
    uint64_t from = f->ahead_to > first ? f->ahead_to : first;
    prefetch(v, f->inode, from, end + f->ahead_blocks - from);
    f->ahead_to = end + f->ahead_blocks;
}

static int copy_zeros(uint64_t offset, size_t bytes, file_copy *copy, void *arg)
{
    for (size_t done = 0, n; done < bytes; done += n) {
        n = bytes - done < ZEROS_BYTES ? bytes - done : ZEROS_BYTES;
        int error = copy(arg, offset + done, (uint8_t *)zeros, n); // only read from
        if (error) {
            return error;
        }
    }
    return 0;
}

// Copies the next piece of a run: what lies side by side in the cache. *moved tells how much that
// was.
static int read_piece(struct volume *v, const struct run *r, uint64_t at, size_t bytes,
                      file_copy *copy, void *arg, uint64_t done, size_t *moved)
{
    uint32_t skip = (uint32_t)(at & (block_bytes(v) - 1)), got;
    uint64_t in_run = ((uint64_t)r->count << v->cache.block_shift) - skip;
    size_t n = bytes < in_run ? bytes : (size_t)in_run;
    if (!r->place || r->unwritten) {
        *moved = n;
        return copy_zeros(done, n, copy, arg);
    }
    uint8_t *memory;
    int error =
        cache_run(&v->cache, r->place, (uint32_t)blocks_for(v, skip + n), true, &memory, &got);
    if (error) {
        return error;
    }
    size_t there = ((size_t)got << v->cache.block_shift) - skip;
    *moved = n < there ? n : there;
    return copy(arg, done, memory + skip, *moved);
}

int file_read(struct volume *v, struct open_file *f, uint64_t offset, size_t bytes, file_copy *copy,
              void *arg, size_t *count)
{
    struct inode *i = f->inode;
    uint64_t size = inode_size(i);
    *count = 0;
    int error = map_supported(i);
    if (error || offset >= size) {
        return error;
    }
    bytes = bytes < size - offset ? bytes : (size_t)(size - offset);
    read_ahead(v, f, offset, bytes);
    while (*count < bytes && !error) {
        struct run r;
        size_t moved = 0;
        uint64_t at = offset + *count;
        error = map_find(v, i, (uint32_t)(at >> v->cache.block_shift), &r);
        error = error ? error : read_piece(v, &r, at, bytes - *count, copy, arg, *count, &moved);
        *count += error ? 0 : moved;
    }
    return *count ? 0 : error;
}

// ---- Writing ----

// Part of one block. `fresh`: the block has just been allocated and is zeros.
static int write_part(struct volume *v, uint64_t place, uint32_t skip, size_t bytes, bool fresh,
                      file_copy *copy, void *arg, uint64_t done)
{
    uint8_t *memory;
    int error = fresh ? cache_get_new(&v->cache, place, &memory)
                      : cache_get_to_change(&v->cache, place, &memory);
    if (error) {
        return error;
    }
    if (fresh) {
        cache_clear(&v->cache, memory);
    } else {
        cache_preserve(&v->cache, place, 1);
    }
    error = copy(arg, done, memory + skip, bytes);
    // Also after an error: part of it may have been changed.
    cache_dirty(&v->cache, place, 1, CLASS_DATA);
    return error;
}

static int write_whole(struct volume *v, uint64_t place, uint32_t blocks, bool fresh,
                       file_copy *copy, void *arg, uint64_t done, uint32_t *got)
{
    uint8_t *memory;
    struct cache_exchange x = {.count = 0};
    int error = fresh ? cache_run(&v->cache, place, blocks, false, &memory, got) // what is there is nobody's
                      : cache_run_over(&v->cache, place, blocks, &memory, got, &x);
    if (error) {
        return error;
    }
    error = copy(arg, done, memory, (size_t)*got << v->cache.block_shift);
    if (error && fresh) {
        memset(memory, 0, (size_t)*got << v->cache.block_shift);
    }
    if (error && !fresh) {
        cache_take_back(&x);
        cache_dirty_valid(&v->cache, place, *got);
    } else {
        cache_dirty(&v->cache, place, *got, CLASS_DATA);
    }
    return error;
}

// Writes the next piece into a run that is mapped. *moved tells how much that was.
static int write_piece(struct volume *v, const struct run *r, uint64_t at, size_t bytes, bool fresh,
                       file_copy *copy, void *arg, uint64_t done, size_t *moved)
{
    uint32_t skip = (uint32_t)(at & (block_bytes(v) - 1)), got = 0;
    if (skip || bytes < block_bytes(v)) {
        *moved = bytes < block_bytes(v) - skip ? bytes : block_bytes(v) - skip;
        return write_part(v, r->place, skip, *moved, fresh, copy, arg, done);
    }
    uint64_t whole = bytes >> v->cache.block_shift;
    int error = write_whole(v, r->place, whole < r->count ? (uint32_t)whole : r->count, fresh, copy,
                            arg, done, &got);
    *moved = (size_t)got << v->cache.block_shift;
    return error;
}

// Makes sure that the blocks from `at` on, as far as one run goes, can be written to.
static int map_for_write(struct volume *v, struct inode *i, uint64_t at, size_t bytes,
                         struct run *r, bool *fresh)
{
    uint32_t first = (uint32_t)(at >> v->cache.block_shift);
    uint64_t need = blocks_for(v, at + bytes) - first;
    int error = map_find(v, i, first, r);
    if (error) {
        return error;
    }
    r->count = need < r->count ? (uint32_t)need : r->count;
    *fresh = !r->place || r->unwritten;
    if (!r->place) {
        return map_add(v, i, first, r->count, r);
    }
    return r->unwritten ? map_mark_written(v, i, first, r->count) : 0;
}

// The bytes behind the end of the file in its last block become zeros: they are about to become
// part of it.
static int clear_tail(struct volume *v, struct inode *i, uint64_t size)
{
    uint32_t used = (uint32_t)(size & (block_bytes(v) - 1));
    struct run r;
    uint8_t *memory;
    if (!used) {
        return 0;
    }
    int error = map_find(v, i, (uint32_t)(size >> v->cache.block_shift), &r);
    if (error || !r.place || r.unwritten) {
        return error;
    }
    error = cache_get_to_change(&v->cache, r.place, &memory);
    if (!error) {
        memset(memory + used, 0, block_bytes(v) - used);
        cache_dirty(&v->cache, r.place, 1, CLASS_DATA);
    }
    return error;
}

static int check_end(struct volume *v, uint64_t end)
{
    return end > (uint64_t)UINT32_MAX << v->cache.block_shift ? EFBIG : 0;
}

// After an error in the middle of blocks just allocated: what was not reached becomes zeros, not
// somebody's old data.
static void fill_rest(struct volume *v, const struct run *r)
{
    for (uint32_t n = 0; n < r->count; n++) {
        uint8_t *memory;
        if (!cache_get_new(&v->cache, r->place + n, &memory)) {
            memset(memory, 0, block_bytes(v));
            cache_dirty(&v->cache, r->place + n, 1, CLASS_DATA);
        }
    }
}

static int write_run(struct volume *v, struct inode *i, uint64_t offset, size_t bytes,
                     file_copy *copy, void *arg, size_t *count)
{
    struct run r;
    bool fresh;
    int error = map_for_write(v, i, offset + *count, bytes - *count, &r, &fresh);
    uint64_t run_end = *count;
    if (!error) {
        uint64_t at = offset + *count, covered = ((uint64_t)r.count << v->cache.block_shift) -
                                                 (at & (block_bytes(v) - 1));
        run_end = covered < bytes - *count ? *count + covered : bytes;
    }
    while (!error && *count < run_end) {
        size_t moved = 0;
        error = write_piece(v, &r, offset + *count, (size_t)(run_end - *count), fresh, copy, arg,
                            *count, &moved);
        if (!error) {
            *count += moved;
            uint32_t past = (uint32_t)(((offset + *count) >> v->cache.block_shift) - r.first);
            r = (struct run){r.first + past, r.count - past, r.place + past, false};
        } else if (fresh) {
            fill_rest(v, &r);
        }
    }
    return error;
}

int file_write(struct volume *v, struct inode *i, uint64_t offset, size_t bytes, file_copy *copy,
               void *arg, size_t *count)
{
    uint64_t size = inode_size(i);
    bool waited = false;
    *count = 0;
    int error = map_supported(i);
    error = error || !bytes           ? error
            : offset + bytes < offset ? EFBIG
                                      : check_end(v, offset + bytes);
    if (error || !bytes) {
        return error;
    }
    cache_make_room(&v->cache, bytes);
    error = offset > size ? clear_tail(v, i, size) : 0;
    while (*count < bytes && !error) {
        size_t before = *count;
        error = write_run(v, i, offset, bytes, copy, arg, count);
        if (*count != before && offset + *count > size) {
            size = offset + *count;
            error =
                error ? error
                      : volume_error(v, ext2fs_inode_size_set(v->fs, &i->raw, (ext2_off64_t)size));
            inode_changed(v, i);
        }
        if (error == ENOSPC && !waited && space_is_held(v)) {
            waited = true;
            error = volume_chore(v, CHORE_SYNC); // frees what is held back
        }
    }
    if (error && offset + bytes > size) {
        map_free(v, i, (uint32_t)blocks_for(v, size)); // nothing stays allocated behind the end
    }
    if (*count) {
        inode_touch(v, i);
    }
    return *count ? 0 : error;
}

int file_truncate(struct volume *v, struct inode *i, uint64_t size)
{
    uint64_t old = inode_size(i);
    int error = map_supported(i);
    error = error ? error : check_end(v, size);
    // What is cut off stays on the disk behind the end, until the file grows over it: so the block
    // is as it was if this is not committed.
    error = error || size <= old ? error : clear_tail(v, i, old);
    if (!error && size < old) {
        error = map_free(v, i, (uint32_t)blocks_for(v, size));
    }
    error =
        error ? error : volume_error(v, ext2fs_inode_size_set(v->fs, &i->raw, (ext2_off64_t)size));
    inode_touch(v, i);
    return error;
}
