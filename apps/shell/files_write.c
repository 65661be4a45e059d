// SPDX-License-Identifier: MIT
// Commands that change files: append cp echo ln mkdir mv rm rmdir sync touch truncate write.
#include "apps/lib/files.h"
#include "apps/shell/output.h"
#include "apps/shell/shell.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    // Directories inside one another that cp -r and rm -r go down: what the stack has room for, many times over.
    DEPTH_MAX = 200,
};
static int depth;

enum { MODE_TYPE = 0170000, MODE_DIRECTORY = 0040000, MODE_LINK = 0120000 };

static bool is_directory(const char *path)
{
    struct fs_stat st;
    return !failed(files_stat(path, true, &st)) && (st.mode & MODE_TYPE) == MODE_DIRECTORY;
}

// Where `from` goes: `to` itself, or `to`/NAME if `to` is a directory. false after complaining.
static bool destination(char full[PATH_SIZE], const char *from, const char *to)
{
    if (!is_directory(to)) {
        strcpy(full, to);
        return true;
    }
    if (path_join(full, to, path_name(from))) {
        return true;
    }
    complain("%.60s…: the path is too long", to);
    return false;
}

// ---- cp ----

static struct outcome copy_content(struct file *from, struct file *to, uint64_t *bytes)
{
    size_t got = 1;
    char *buffer = malloc(FILES_CHUNK);
    struct outcome o = buffer ? OUTCOME_OK : outcome_errno(ENOMEM);
    while (!failed(o) && got > 0 && !interrupted()) {
        o = files_read(from, buffer, FILES_CHUNK, &got);
        if (!failed(o)) {
            o = files_write(to, buffer, got);
            *bytes += got;
        }
    }
    free(buffer);
    return o;
}

static int copy_file(const char *from, const char *to, uint32_t mode)
{
    struct file in, out;
    uint64_t bytes = 0;
    struct outcome o = files_open(&in, from, FS_READ, 0);
    if (failed(o)) {
        return complain_about(from, o);
    }
    o = files_open(&out, to, FS_WRITE | FS_CREATE | FS_TRUNCATE, mode & 07777);
    if (failed(o)) {
        (void)files_close(&in);
        return complain_about(to, o);
    }
    o = copy_content(&in, &out, &bytes);
    struct outcome closed = files_close(&out);
    (void)files_close(&in); // it was only read
    o = failed(o) ? o : closed;
    if (failed(o)) {
        return complain("%s: %s (%llu bytes were copied)", to, outcome_text(o), (unsigned long long)bytes);
    }
    return interrupted() ? complain("%s: interrupted, the copy is not whole", to) : 0;
}

static int copy_link(const char *from, const char *to)
{
    char target[PATH_SIZE];
    struct outcome o = files_readlink(from, target, sizeof(target));
    if (!failed(o)) {
        o = files_symlink(target, to);
    }
    return failed(o) ? complain_about(to, o) : 0;
}

static int copy(const char *from, const char *to, bool recursive);

// One name after the other; the paths are on the heap because this may go deep.
static int copy_directory(const char *from, const char *to)
{
    struct listing list;
    int worst = 0;
    if (path_inside(to, from)) {
        return complain("%s: a directory cannot be copied into itself", from);
    }
    if (depth == DEPTH_MAX) {
        return complain("%s: too many directories inside one another", from);
    }
    struct outcome o = files_list(from, &list);
    if (failed(o)) {
        return complain_about(from, o);
    }
    o = files_mkdir(to, 0755);
    if (failed(o) && !is_errno(o, EEXIST)) {
        files_free_listing(&list);
        return complain_about(to, o);
    }
    char(*path)[PATH_SIZE] = malloc(2 * sizeof(*path));
    depth++;
    for (size_t i = 0; path && i < list.count && !interrupted(); i++) {
        const char *name = list.names[i].name;
        bool fits = path_join(path[0], from, name) && path_join(path[1], to, name);
        worst |= fits ? copy(path[0], path[1], true) : complain("%s: a path below it is too long", from);
    }
    depth--;
    free(path);
    files_free_listing(&list);
    return path ? worst : complain_about(from, outcome_errno(ENOMEM));
}

static int copy(const char *from, const char *to, bool recursive)
{
    struct fs_stat a, b;
    struct outcome o = files_stat(from, !recursive, &a);
    if (failed(o)) {
        return complain_about(from, o);
    }
    if (!failed(files_stat(to, true, &b)) && a.inode == b.inode) {
        return complain("%s and %s are the same file", from, to);
    }
    switch (a.mode & MODE_TYPE) {
    case MODE_DIRECTORY:
        return recursive ? copy_directory(from, to) : complain("%s: it is a directory: use cp -r", from);
    case MODE_LINK:
        return copy_link(from, to);
    default:
        return copy_file(from, to, a.mode);
    }
}

int cmd_cp(int argc, char **argv)
{
    bool option[128];
    char from[PATH_SIZE], to[PATH_SIZE], full[PATH_SIZE];
    if ((argc = take_options(argc, argv, "r", option)) == 0) {
        return 1;
    }
    if (argc < 3) {
        return usage();
    }
    if (!resolve(to, argv[argc - 1])) {
        return 1;
    }
    if (argc > 3 && !is_directory(to)) {
        return complain("%s: several things can only be copied into a directory", argv[argc - 1]);
    }
    for (int i = 1; i < argc - 1 && !interrupted(); i++) {
        if (resolve(from, argv[i]) && destination(full, from, to)) {
            (void)copy(from, full, option['r']);
        }
    }
    return output_failures() > 0;
}

int cmd_mv(int argc, char **argv)
{
    char from[PATH_SIZE], to[PATH_SIZE], full[PATH_SIZE];
    if (argc < 3) {
        return usage();
    }
    if (!resolve(to, argv[argc - 1])) {
        return 1;
    }
    if (argc > 3 && !is_directory(to)) {
        return complain("%s: several things can only be moved into a directory", argv[argc - 1]);
    }
    for (int i = 1; i < argc - 1 && !interrupted(); i++) {
        if (resolve(from, argv[i]) && destination(full, from, to)) {
            struct outcome o = files_rename(from, full);
            if (failed(o)) {
                complain("%s to %s: %s", argv[i], full, outcome_text(o));
            }
        }
    }
    return output_failures() > 0;
}

// ---- rm ----

static int remove_directory(const char *path);

static int remove_one(const char *path, bool recursive, bool force)
{
    struct fs_stat st;
    struct outcome o = files_stat(path, false, &st);
    if (!failed(o) && (st.mode & MODE_TYPE) == MODE_DIRECTORY) {
        return recursive ? remove_directory(path) : complain("%s: it is a directory: use rm -r or rmdir", path);
    }
    if (!failed(o)) {
        o = files_unlink(path);
    }
    if (failed(o) && !(force && is_errno(o, ENOENT))) {
        return complain_about(path, o);
    }
    return 0;
}

static int remove_directory(const char *path)
{
    struct listing list;
    int worst = 0;
    if (depth == DEPTH_MAX) {
        return complain("%s: too many directories inside one another: remove those below first", path);
    }
    struct outcome o = files_list(path, &list);
    char *full = malloc(PATH_SIZE);
    if (failed(o) || !full) {
        free(full);
        if (!failed(o)) {
            files_free_listing(&list);
        }
        return complain_about(path, failed(o) ? o : outcome_errno(ENOMEM));
    }
    depth++;
    for (size_t i = 0; i < list.count && !interrupted(); i++) {
        bool fits = path_join(full, path, list.names[i].name);
        worst |= fits ? remove_one(full, true, false) : complain("%s: a path below it is too long", path);
    }
    depth--;
    free(full);
    files_free_listing(&list);
    if (worst || interrupted()) {
        return 1; // told already
    }
    o = files_rmdir(path);
    return failed(o) ? complain_about(path, o) : 0;
}

int cmd_rm(int argc, char **argv)
{
    bool option[128];
    char path[PATH_SIZE];
    if ((argc = take_options(argc, argv, "rf", option)) == 0) {
        return 1;
    }
    if (argc < 2) {
        return usage();
    }
    for (int i = 1; i < argc && !interrupted(); i++) {
        if (resolve(path, argv[i])) {
            (void)remove_one(path, option['r'], option['f']);
        }
    }
    return output_failures() > 0;
}

// ---- Directories, links, times ----

// All directories on the way that are missing, then the path itself.
static struct outcome make_parents(const char *path)
{
    char part[PATH_SIZE];
    for (const char *slash = path; (slash = strchr(slash + 1, '/')) != nullptr;) {
        memcpy(part, path, (size_t)(slash - path));
        part[slash - path] = 0;
        struct outcome o = files_mkdir(part, 0755);
        if (failed(o) && !is_errno(o, EEXIST)) {
            return o;
        }
    }
    struct outcome o = files_mkdir(path, 0755);
    return is_errno(o, EEXIST) && is_directory(path) ? OUTCOME_OK : o;
}

int cmd_mkdir(int argc, char **argv)
{
    bool option[128];
    char path[PATH_SIZE];
    if ((argc = take_options(argc, argv, "p", option)) == 0) {
        return 1;
    }
    if (argc < 2) {
        return usage();
    }
    for (int i = 1; i < argc; i++) {
        if (resolve(path, argv[i])) {
            struct outcome o = option['p'] ? make_parents(path) : files_mkdir(path, 0755);
            if (failed(o)) {
                complain_about(argv[i], o);
            }
        }
    }
    return output_failures() > 0;
}

int cmd_rmdir(int argc, char **argv)
{
    char path[PATH_SIZE];
    if (argc < 2) {
        return usage();
    }
    for (int i = 1; i < argc; i++) {
        if (resolve(path, argv[i])) {
            struct outcome o = files_rmdir(path);
            if (failed(o)) {
                complain_about(argv[i], o);
            }
        }
    }
    return output_failures() > 0;
}

int cmd_ln(int argc, char **argv)
{
    bool option[128];
    char old[PATH_SIZE], link[PATH_SIZE], full[PATH_SIZE];
    if ((argc = take_options(argc, argv, "s", option)) == 0) {
        return 1;
    }
    if (argc != 3) {
        return usage();
    }
    if (!resolve(old, argv[1]) || !resolve(link, argv[2]) || !destination(full, old, link)) {
        return 1;
    }
    // What a symbolic link says is kept as it was written.
    struct outcome o = option['s'] ? files_symlink(argv[1], full) : files_link(old, full);
    return failed(o) ? complain_about(full, o) : 0;
}

int cmd_touch(int argc, char **argv)
{
    char path[PATH_SIZE];
    if (argc < 2) {
        return usage();
    }
    for (int i = 1; i < argc; i++) {
        struct file f;
        if (!resolve(path, argv[i])) {
            continue;
        }
        struct outcome o = files_touch(path, now_ns());
        if (is_errno(o, ENOENT)) {
            o = files_open(&f, path, FS_WRITE | FS_CREATE, 0644);
            o = failed(o) ? o : files_close(&f);
        }
        if (failed(o)) {
            complain_about(argv[i], o);
        }
    }
    return output_failures() > 0;
}

int cmd_sync(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        return usage();
    }
    struct outcome o = files_sync();
    return failed(o) ? complain_about("the volume", o) : 0;
}

// ---- Contents ----

static bool parse_size(const char *word, uint64_t *size)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(word, &end, 10);
    if (end == word || errno != 0 || word[0] == '-') {
        return false;
    }
    const char *units = "KMG", *unit = *end ? strchr(units, *end) : nullptr;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    if ((*end && !unit) || (unit && end[1]) || n > UINT64_MAX >> shift) {
        return false;
    }
    *size = n << shift;
    return true;
}

int cmd_truncate(int argc, char **argv)
{
    char path[PATH_SIZE];
    uint64_t size;
    if (argc != 3 || !parse_size(argv[2], &size)) {
        return usage();
    }
    if (!resolve(path, argv[1])) {
        return 1;
    }
    struct outcome o = files_truncate(path, size);
    return failed(o) ? complain_about(argv[1], o) : 0;
}

int cmd_echo(int argc, char **argv)
{
    bool line_end = !(argc > 1 && strcmp(argv[1], "-n") == 0);
    for (int i = line_end ? 1 : 2; i < argc; i++) {
        say("%s%s", argv[i], i + 1 < argc ? " " : "");
    }
    say("%s", line_end ? "\n" : "");
    return 0;
}

// The words behind the file's name as one line.
static int put_words(int argc, char **argv, uint32_t flags)
{
    char path[PATH_SIZE];
    struct file f;
    if (argc < 3) {
        return usage();
    }
    if (!resolve(path, argv[1])) {
        return 1;
    }
    struct outcome o = files_open(&f, path, FS_WRITE | FS_CREATE | flags, 0644);
    if (failed(o)) {
        return complain_about(argv[1], o);
    }
    for (int i = 2; i < argc && !failed(o); i++) {
        o = files_write(&f, argv[i], strlen(argv[i]));
        o = failed(o) ? o : files_write(&f, i + 1 < argc ? " " : "\n", 1);
    }
    struct outcome closed = files_close(&f);
    o = failed(o) ? o : closed;
    return failed(o) ? complain_about(argv[1], o) : 0;
}

int cmd_write(int argc, char **argv)
{
    return put_words(argc, argv, FS_TRUNCATE);
}

int cmd_append(int argc, char **argv)
{
    return put_words(argc, argv, FS_APPEND);
}
