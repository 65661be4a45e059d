// SPDX-License-Identifier: MIT
#include "servers/fs/flat.h"

static struct ext3_extent_header *header(const struct inode *inode)
{
    struct ext3_extent_header *h = (struct ext3_extent_header *)((struct inode *)inode)->raw.i_block;
    bool flat = inode->raw.i_flags & EXT4_EXTENTS_FL && h->eh_magic == EXT3_EXT_MAGIC && h->eh_depth == 0 &&
                h->eh_max == FLAT_RUNS && h->eh_entries <= FLAT_RUNS;
    return flat ? h : nullptr;
}

static struct ext3_extent *extents(struct ext3_extent_header *h)
{
    return (struct ext3_extent *)(h + 1);
}

static struct run run_of(const struct ext3_extent *e)
{
    bool unwritten = e->ee_len > EXT_INIT_MAX_LEN;
    return (struct run){e->ee_block, unwritten ? e->ee_len - EXT_INIT_MAX_LEN : e->ee_len,
                        e->ee_start | (uint64_t)e->ee_start_hi << 32, unwritten};
}

int flat_runs(const struct inode *inode, struct run runs[FLAT_RUNS])
{
    struct ext3_extent_header *h = header(inode);
    if (!h) {
        return -1;
    }
    for (int n = 0; n < h->eh_entries; n++) {
        runs[n] = run_of(&extents(h)[n]);
    }
    return h->eh_entries;
}

// Whether r goes on where `before` ends, and fits into one extent with it.
static bool continues(const struct run *before, const struct run *r)
{
    return before->count && before->first + before->count == r->first &&
           before->place + before->count == r->place && !before->unwritten &&
           before->count + r->count <= EXT_INIT_MAX_LEN;
}

bool flat_add(struct inode *inode, const struct run *r)
{
    struct ext3_extent_header *h = header(inode);
    if (!h) {
        return false;
    }
    struct ext3_extent *e = extents(h);
    uint32_t at = h->eh_entries;
    while (at && e[at - 1].ee_block > r->first) {
        at--;
    }
    struct run before = at ? run_of(&e[at - 1]) : (struct run){};
    if (before.first + (uint64_t)before.count > r->first) {
        return false;
    }
    if (continues(&before, r)) {
        e[at - 1].ee_len = (uint16_t)(before.count + r->count);
        return true;
    }
    if (h->eh_entries == FLAT_RUNS) {
        return false;
    }
    for (uint32_t n = h->eh_entries; n > at; n--) {
        e[n] = e[n - 1];
    }
    e[at] = (struct ext3_extent){.ee_block = r->first, .ee_len = (uint16_t)r->count,
                                 .ee_start_hi = (uint16_t)(r->place >> 32), .ee_start = (uint32_t)r->place};
    h->eh_entries++;
    return true;
}

bool flat_cut(struct inode *inode, uint32_t first, struct run *cut)
{
    struct ext3_extent_header *h = header(inode);
    if (!h || !h->eh_entries) {
        return false;
    }
    struct ext3_extent *last = &extents(h)[h->eh_entries - 1];
    struct run r = run_of(last);
    if (r.first + (uint64_t)r.count <= first) {
        return false;
    }
    uint32_t keep = first > r.first ? first - r.first : 0;
    if (keep) {
        last->ee_len = (uint16_t)(last->ee_len - (r.count - keep));
    } else {
        h->eh_entries--;
    }
    *cut = (struct run){r.first + keep, r.count - keep, r.place + keep, r.unwritten};
    return true;
}
