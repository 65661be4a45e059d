// SPDX-License-Identifier: MIT
// A volume to test on: an image made by mke2fs, mounted by the file service's core, judged by
// e2fsck.
#pragma once
#include "servers/fs/file.h"
#include "servers/fs/names.h"
#include "servers/fs/test/file_device.h"

enum { BED_BADGE = 7 }; // of the client

struct bed {
    char image[96];
    struct file_device disk;
    struct volume v;
    uint8_t *memory;
    struct cache_region region[2];
    bool quiet;
    bool strict; // e2fsck must find nothing to do
};

// Makes an image: size as mke2fs understands it, and its options.
void bed_make(struct bed *b, const char *options, const char *size);
void bed_remove(struct bed *b);
// A copy of the image, under its name with that ending.
void bed_copy(struct bed *to, const struct bed *from, const char *ending);
// Mounts it over a cache of that many bytes.
void bed_mount(struct bed *b, size_t cache_bytes, bool read_only);
// Mounts it from a disk that fails every request from that one on.
void bed_mount_failing(struct bed *b, size_t cache_bytes, uint64_t fail_from);
int bed_unmount(struct bed *b);
// As after a power cut: the service is gone, the disk is as it is.
void bed_abandon(struct bed *b);
// Exit code of `e2fsck -f ARGUMENTS`; its output goes to the test's log if it is not 0.
int bed_fsck(struct bed *b, const char *arguments);
// Runs e2fsck -f -y; 0 if it replayed the journal and freed open files without a name, but found
// nothing to do besides. Otherwise what it said goes to the test's log.
int bed_fsck_finds_nothing(struct bed *b);
// Runs debugfs -w with one request, or with two texts of several, between which there is a line's
// end ("\\n" in them).
int bed_debugfs(struct bed *b, const char *request);
int bed_debugfs_all(struct bed *b, const char *first, const char *second);

// Operations by zero-terminated paths, with volume_begin and the second try after ENOSPC.
int bed_open(struct bed *b, const char *path, uint32_t flags, uint64_t *id);
int bed_close(struct bed *b, uint64_t id);
int bed_write(struct bed *b, uint64_t id, uint64_t at, const void *data, size_t bytes,
              size_t *count);
int bed_read(struct bed *b, uint64_t id, uint64_t at, void *data, size_t bytes, size_t *count);
int bed_truncate(struct bed *b, uint64_t id, uint64_t size);
int bed_mkdir(struct bed *b, const char *path);
int bed_rmdir(struct bed *b, const char *path);
int bed_unlink(struct bed *b, const char *path);
int bed_rename(struct bed *b, const char *from, const char *to);
int bed_link(struct bed *b, const char *from, const char *to);
int bed_symlink(struct bed *b, const char *target, const char *path);
