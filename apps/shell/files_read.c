// SPDX-License-Identifier: MIT
// Commands that look at files: ls cat stat sha256sum df cd pwd.
#include "apps/lib/files.h"
#include "apps/lib/sha256.h"
#include "apps/shell/output.h"
#include "apps/shell/shell.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MODE_TYPE = 0170000, MODE_DIRECTORY = 0040000, MODE_LINK = 0120000, MODE_FILE = 0100000 };

static char type_letter(uint32_t mode)
{
    switch (mode & MODE_TYPE) {
    case MODE_DIRECTORY: return 'd';
    case MODE_LINK: return 'l';
    case MODE_FILE: return '-';
    case 0010000: return 'p';
    case 0020000: return 'c';
    case 0060000: return 'b';
    case 0140000: return 's';
    default: return '?';
    }
}

static void mode_text(char to[11], uint32_t mode)
{
    to[0] = type_letter(mode);
    for (int i = 0; i < 9; i++) {
        to[1 + i] = mode >> (8 - i) & 1 ? "rwx"[i % 3] : '-';
    }
    to[10] = 0;
}

// ---- ls ----

static void list_long(const char *path, const char *name)
{
    struct fs_stat st;
    char mode[11], date[24], target[PATH_SIZE];
    struct outcome o = files_stat(path, false, &st);
    if (failed(o)) {
        complain_about(path, o);
        return;
    }
    mode_text(mode, st.mode);
    say("%s %3u %4u %4u %11llu %s %s", mode, st.links, st.uid, st.gid, (unsigned long long)st.size,
        date_text(date, st.modify_ns), name);
    if ((st.mode & MODE_TYPE) == MODE_LINK) {
        o = files_readlink(path, target, sizeof(target));
        say(" -> %s", failed(o) ? outcome_text(o) : target);
    }
    say("\n");
}

// As many columns as fit into a line of 80, filled downwards.
static void list_columns(const struct listing *list, bool all)
{
    size_t widest = 1, shown = 0;
    const struct name **names = malloc((list->count + 1) * sizeof(*names));
    if (!names) {
        complain_about("ls", outcome_errno(ENOMEM));
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        size_t n = strlen(list->names[i].name) + (list->names[i].kind == FS_DIR);
        if (all || list->names[i].name[0] != '.') {
            names[shown++] = &list->names[i];
            widest = n > widest ? n : widest;
        }
    }
    size_t columns = output_is_terminal() && widest + 2 < 80 ? 80 / (widest + 2) : 1;
    size_t rows = (shown + columns - 1) / columns;
    for (size_t row = 0; row < rows && !interrupted(); row++) {
        for (size_t i = row; i < shown; i += rows) {
            int pad = i + rows < shown ? (int)(widest + 2 - strlen(names[i]->name)) : 0;
            bool directory = names[i]->kind == FS_DIR;
            say("%s%s%*s", names[i]->name, directory ? "/" : "", pad > 0 ? pad - directory : 0, "");
        }
        say("\n");
    }
    free(names);
}

static int list_directory(const char *path, bool long_form, bool all)
{
    struct listing list;
    char full[PATH_SIZE];
    struct outcome o = files_list(path, &list);
    if (failed(o)) {
        return complain_about(path, o);
    }
    if (!long_form) {
        list_columns(&list, all);
    }
    for (size_t i = 0; long_form && i < list.count && !interrupted(); i++) {
        const char *name = list.names[i].name;
        if ((all || name[0] != '.') && path_join(full, path, name)) {
            list_long(full, name);
        }
    }
    files_free_listing(&list);
    return 0;
}

int cmd_ls(int argc, char **argv)
{
    bool option[128];
    char path[PATH_SIZE];
    struct fs_stat st;
    if ((argc = take_options(argc, argv, "la", option)) == 0) {
        return 1;
    }
    for (int i = 1; i < (argc > 1 ? argc : 2) && !interrupted(); i++) {
        const char *word = argc > 1 ? argv[i] : ".";
        if (!resolve(path, word)) {
            continue;
        }
        // -l tells of a link itself, unless it is named with a slash at its end.
        bool follow = !option['l'] || word[strlen(word) - (word[0] != 0)] == '/';
        struct outcome o = files_stat(path, follow, &st);
        if (failed(o)) {
            complain_about(word, o);
            continue;
        }
        bool directory = (st.mode & MODE_TYPE) == MODE_DIRECTORY;
        if (directory && argc > 2) {
            say("%s%s:\n", i > 1 ? "\n" : "", word);
        }
        if (directory) {
            list_directory(path, option['l'], option['a']);
        } else if (option['l']) {
            list_long(path, word);
        } else {
            say("%s\n", word);
        }
    }
    return output_failures() > 0;
}

// ---- Contents ----

// Calls take() for each piece of the file. false after complaining.
static bool each_piece(const char *word, void (*take)(const void *bytes, size_t n, void *arg), void *arg)
{
    char path[PATH_SIZE];
    struct file f;
    size_t got = 1;
    if (!resolve(path, word)) {
        return false;
    }
    char *buffer = malloc(FILES_CHUNK);
    struct outcome o = buffer ? OUTCOME_OK : outcome_errno(ENOMEM);
    if (!failed(o)) {
        o = files_open(&f, path, FS_READ, 0);
        while (!failed(o) && got > 0 && !interrupted()) {
            o = files_read(&f, buffer, FILES_CHUNK, &got);
            take(buffer, got, arg);
        }
        if (!failed(o)) {
            o = files_close(&f);
        } else if (f.number != 0) {
            (void)files_close(&f); // the reading failed: that is what is told
        }
    }
    free(buffer);
    if (failed(o)) {
        complain_about(word, o);
    }
    return !failed(o);
}

static void print_piece(const void *bytes, size_t n, void *arg)
{
    (void)arg;
    say_bytes(bytes, n);
}

int cmd_cat(int argc, char **argv)
{
    if (argc < 2) {
        return usage();
    }
    for (int i = 1; i < argc && !interrupted(); i++) {
        (void)each_piece(argv[i], print_piece, nullptr);
    }
    return output_failures() > 0;
}

static void hash_piece(const void *bytes, size_t n, void *arg)
{
    sha256_add(arg, bytes, n);
}

int cmd_sha256sum(int argc, char **argv)
{
    if (argc < 2) {
        return usage();
    }
    for (int i = 1; i < argc && !interrupted(); i++) {
        struct sha256 sha;
        char hex[SHA256_HEX];
        sha256_start(&sha);
        if (each_piece(argv[i], hash_piece, &sha) && !interrupted()) {
            sha256_hex(&sha, hex);
            say("%s  %s\n", hex, argv[i]);
        }
    }
    return output_failures() > 0;
}

int cmd_stat(int argc, char **argv)
{
    if (argc < 2) {
        return usage();
    }
    for (int i = 1; i < argc && !interrupted(); i++) {
        char path[PATH_SIZE], mode[11], a[24], m[24], c[24];
        struct fs_stat st;
        if (!resolve(path, argv[i])) {
            continue;
        }
        struct outcome o = files_stat(path, false, &st);
        if (failed(o)) {
            complain_about(argv[i], o);
            continue;
        }
        mode_text(mode, st.mode);
        say("%s\n  %s (%04o), %u links, owner %u:%u\n", argv[i], mode, st.mode & 07777, st.links, st.uid, st.gid);
        say("  %llu bytes in %llu blocks of 512, inode %llu\n", (unsigned long long)st.size,
            (unsigned long long)st.blocks, (unsigned long long)st.inode);
        say("  read %s, written %s, changed %s\n", date_text(a, st.access_ns), date_text(m, st.modify_ns),
            date_text(c, st.change_ns));
    }
    return output_failures() > 0;
}

int cmd_df(int argc, char **argv)
{
    struct fs_volume v;
    char a[16], b[16], c[16], d[16];
    (void)argv;
    if (argc > 1) {
        return usage();
    }
    struct outcome o = files_volume(&v);
    if (failed(o)) {
        return complain_about("the volume", o);
    }
    const char *state = v.state == FS_WRITABLE ? "writable" : v.state == FS_READ_ONLY ? "read-only" : "unusable";
    say("%s%s%s\n", state, v.reason ? ": " : "", v.reason ? outcome_text(outcome_errno((int)v.reason)) : "");
    uint64_t size = v.blocks * v.block_bytes, free_bytes = v.free_blocks * v.block_bytes;
    say("size %s, used %s, free %s; %llu files, %llu free\n", size_text(a, size),
        size_text(b, size - free_bytes), size_text(c, free_bytes), (unsigned long long)(v.files - v.free_files),
        (unsigned long long)v.free_files);
    say("cache %s, of it unwritten %s; %llu hits, %llu misses\n", size_text(a, v.cache_bytes),
        size_text(d, v.dirty_bytes), (unsigned long long)v.cache_hits, (unsigned long long)v.cache_misses);
    return 0;
}

int cmd_cd(int argc, char **argv)
{
    char path[PATH_SIZE];
    struct fs_stat st;
    if (argc > 2) {
        return usage();
    }
    if (!resolve(path, argc == 2 ? argv[1] : "/")) {
        return 1;
    }
    struct outcome o = files_stat(path, true, &st);
    if (!failed(o) && (st.mode & MODE_TYPE) != MODE_DIRECTORY) {
        o = outcome_errno(ENOTDIR);
    }
    if (failed(o)) {
        return complain_about(path, o);
    }
    strcpy(shell.directory, path);
    return 0;
}

int cmd_pwd(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        return usage();
    }
    say("%s\n", shell.directory);
    return 0;
}
