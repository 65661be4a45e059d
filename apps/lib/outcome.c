// SPDX-License-Identifier: MIT
// Errors in words for people.
#include "apps/lib/outcome.h"
#include <errno.h>

static const struct {
    const char *name, *sentence;
} statuses[STATUS_COUNT] = {
#define STATUS(name, number, sentence) [number] = {#name, sentence},
#include "kernel/abi/status.def"
#undef STATUS
};

static const struct {
    int err;
    const char *name, *sentence;
} errnos[] = {
    {EPERM, "EPERM", "not permitted to this program: its manifest does not allow it"},
    {ENOENT, "ENOENT", "no such file or directory"},
    {EIO, "EIO", "the disk failed: see `log` for what the driver says"},
    {ENXIO, "ENXIO", "neither a file nor a directory: it cannot be opened"},
    {EBADF, "EBADF", "the file is not open, or not open for this"},
    {ENOMEM, "ENOMEM", "no memory left: end something or raise the quota in the manifest"},
    {EACCES, "EACCES", "access denied"},
    {EBUSY, "EBUSY", "in use: it cannot be removed or replaced now"},
    {EEXIST, "EEXIST", "it exists already: remove it first or choose another name"},
    {EXDEV, "EXDEV", "not on the same volume"},
    {ENODEV, "ENODEV", "no usable disk: see `df` and `log`"},
    {ENOTDIR, "ENOTDIR", "not a directory"},
    {EISDIR, "EISDIR", "it is a directory"},
    {EINVAL, "EINVAL", "that makes no sense here"},
    {ENFILE, "ENFILE", "too many files are open in the whole system"},
    {EMFILE, "EMFILE", "too many files are open: close some"},
    {EFBIG, "EFBIG", "the file would become larger than the volume allows"},
    {ENOSPC, "ENOSPC", "no space left on the disk: remove something and repeat"},
    {EROFS, "EROFS", "the volume is read-only: see `df` for why"},
    {EMLINK, "EMLINK", "too many links"},
    {ENAMETOOLONG, "ENAMETOOLONG", "the name is too long"},
    {ENOTEMPTY, "ENOTEMPTY", "the directory is not empty: use rm -r"},
    {ELOOP, "ELOOP", "too many symbolic links lead to one another"},
    {ENOSYS, "ENOSYS", "not offered"},
    {EOVERFLOW, "EOVERFLOW", "a number is too large"},
    {EUCLEAN, "EUCLEAN", "what is stored on the disk does not check: run e2fsck on it"},
    {EOPNOTSUPP, "EOPNOTSUPP", "not supported by this volume"},
};

static size_t errno_index(int err)
{
    size_t i = 0;
    while (i < sizeof(errnos) / sizeof(errnos[0]) && errnos[i].err != err) {
        i++;
    }
    return i;
}

const char *outcome_text(struct outcome o)
{
    if (o.status == ERR_ERRNO) {
        size_t i = errno_index(o.err);
        return i < sizeof(errnos) / sizeof(errnos[0]) ? errnos[i].sentence
                                                      : "the operation failed for a reason without a name";
    }
    return o.status < STATUS_COUNT ? statuses[o.status].sentence : "an answer that no interface knows";
}

const char *outcome_name(struct outcome o)
{
    if (o.status == ERR_ERRNO) {
        size_t i = errno_index(o.err);
        return i < sizeof(errnos) / sizeof(errnos[0]) ? errnos[i].name : "ERR_ERRNO";
    }
    return o.status < STATUS_COUNT ? statuses[o.status].name : "unknown status";
}
